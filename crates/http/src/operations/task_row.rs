//! Tasks, as they are listed.

use pushtally_model::{AppId, Audience, TaskKind, TaskState};
use pushtally_store::forgetting::is_forgotten;
use pushtally_store::{StoreError, StoredTask, TaskSeq, Tasks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{ROWS_MAX, TITLE_LEN_MAX};

/// What an operator wants of a task and, when nobody stopped it, whether it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It has jobs left.
    Running,
    /// Its jobs wait.
    Paused,
    /// Nothing more is sent.
    Cancelled,
    /// Its sender took it back.
    Revoked,
    /// Everything planned has ended.
    Done,
}

impl TaskStatus {
    /// The name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Revoked => "revoked",
            Self::Done => "done",
        }
    }

    pub(super) fn of(task: &StoredTask) -> Self {
        match (task.state, task.done_at) {
            (TaskState::Cancelled, _) => Self::Cancelled,
            (TaskState::Revoked, _) => Self::Revoked,
            (TaskState::Running | TaskState::Paused, Some(_)) => Self::Done,
            (TaskState::Running, None) => Self::Running,
            (TaskState::Paused, None) => Self::Paused,
        }
    }
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskRow {
    /// Its place in the order of acceptance, from 1.
    pub place: u64,
    /// The SDKAppID.
    pub app: u32,
    /// The TaskId.
    pub id: String,
    /// `push`, `batch` or `message`.
    #[schemars(extend("enum" = ["push", "batch", "message"]))]
    pub kind: String,
    /// How it stands.
    pub status: TaskStatus,
    /// How many accounts it addresses; `None` is everyone.
    pub accounts: Option<usize>,
    /// Whether all that it addressed were forgotten, and its texts with them.
    pub forgotten: bool,
    /// Whether only connected devices are planned.
    pub online_only: bool,
    /// Who sent it.
    pub from: String,
    /// The sender's own id of it; empty when absent.
    pub data_id: String,
    /// The beginning of its title.
    pub title: String,
    /// When it was accepted, in Unix seconds.
    pub accepted: u32,
    /// From when on nothing more is sent, in Unix seconds.
    pub deadline: u32,
    /// When its last job ended, in Unix seconds.
    pub done: Option<u32>,
}

impl From<&StoredTask> for TaskRow {
    fn from(task: &StoredTask) -> Self {
        let draft = &task.draft;
        let kind = match draft.kind {
            TaskKind::Broadcast => "push",
            TaskKind::Batch => "batch",
            TaskKind::Message => "message",
        };
        let title = draft.notification.title.chars().take(TITLE_LEN_MAX);
        Self {
            place: task.seq.0,
            app: draft.app.0,
            id: draft.id.as_str().to_owned(),
            kind: kind.to_owned(),
            status: TaskStatus::of(task),
            accounts: match &draft.audience {
                Audience::Everyone | Audience::Fitting(_) => None,
                Audience::Accounts(accounts) => Some(accounts.len()),
            },
            forgotten: is_forgotten(&draft.audience),
            online_only: draft.notification.online_only,
            from: draft.sender.clone(),
            data_id: draft.data_id.clone(),
            title: title.collect(),
            accepted: draft.accepted_at.0,
            deadline: draft.deadline.0,
            done: task.done_at.map(|done| done.0),
        }
    }
}

/// Tasks, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskRow>,
    /// Ask for those before this place next; `None` when there may be no more.
    pub next: Option<u64>,
}

/// Tasks before a place, of one app or all; at most [`ROWS_MAX`].
pub async fn task_page(
    tasks: &dyn Tasks,
    app: Option<AppId>,
    before: Option<u64>,
    limit: usize,
) -> Result<TaskPage, StoreError> {
    let limit = limit.clamp(1, ROWS_MAX);
    let tasks = tasks.list_tasks(app, before.map(TaskSeq), limit).await?;
    let next = (tasks.len() == limit).then(|| tasks.last().map(|task| task.seq.0));
    Ok(TaskPage {
        tasks: tasks.iter().map(TaskRow::from).collect(),
        next: next.flatten(),
    })
}

/// Whether a task is what was wanted of it. A task that is done, cancelled or revoked can no longer be anything else.
#[must_use]
pub fn is_as_wanted(row: &TaskRow, wanted: TaskState) -> bool {
    let status = match wanted {
        TaskState::Running => TaskStatus::Running,
        TaskState::Paused => TaskStatus::Paused,
        TaskState::Cancelled => TaskStatus::Cancelled,
        TaskState::Revoked => TaskStatus::Revoked,
    };
    row.status == status
}
