//! Finds tasks by when they were accepted, their kind, their sender's id of them, and how they stand.

use pushtally_model::{AppId, TaskKind, Window};
use pushtally_store::{StoreError, StoredTask, TaskSeq, Tasks};

use super::{TaskPage, TaskRow, TaskStatus};
use crate::limits::{CLOCK_STEP_S, ROWS_MAX, SEARCHED_TASKS_MAX};

/// What a task must be to be found; what is `None` does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFilter {
    /// When it was accepted.
    pub accepted: Window,
    /// What it is.
    pub kind: Option<TaskKind>,
    /// The sender's own id of it, as it was sent.
    pub data_id: Option<String>,
    /// How it stands.
    pub status: Option<TaskStatus>,
}

impl Default for TaskFilter {
    fn default() -> Self {
        Self {
            accepted: Window::all(),
            kind: None,
            data_id: None,
            status: None,
        }
    }
}

impl TaskFilter {
    fn fits(&self, task: &StoredTask) -> bool {
        let draft = &task.draft;
        self.accepted.contains(draft.accepted_at)
            && self.kind.is_none_or(|kind| kind == draft.kind)
            && self.data_id.as_ref().is_none_or(|id| *id == draft.data_id)
            && self
                .status
                .is_none_or(|status| status == TaskStatus::of(task))
    }

    /// Whether neither this task nor one that was accepted before it can fit.
    fn is_past(&self, task: &StoredTask) -> bool {
        let accepted = task.draft.accepted_at.0;
        accepted.saturating_add(CLOCK_STEP_S) < self.accepted.start().0
    }
}

/// An app's tasks before a place that fit, newest first; at most [`ROWS_MAX`]. A page may have fewer than asked for, even
/// none, and still say where to go on: one call looks at a bounded number of tasks.
pub async fn search_tasks(
    tasks: &dyn Tasks,
    app: AppId,
    filter: &TaskFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<TaskPage, StoreError> {
    let limit = limit.clamp(1, ROWS_MAX);
    let page_len = if *filter == TaskFilter::default() {
        limit
    } else {
        ROWS_MAX
    };
    let mut found = Vec::new();
    let (mut next, mut looked_at) = (before, 0);
    while looked_at < SEARCHED_TASKS_MAX {
        let page = tasks
            .list_tasks(Some(app), next.map(TaskSeq), page_len)
            .await?;
        let is_last = page.len() < page_len;
        looked_at += page.len();
        for task in &page {
            if filter.is_past(task) {
                return Ok(TaskPage {
                    tasks: found,
                    next: None,
                });
            }
            next = Some(task.seq.0);
            if filter.fits(task) {
                found.push(TaskRow::from(task));
            }
            if found.len() == limit {
                return Ok(TaskPage { tasks: found, next });
            }
        }
        if is_last {
            return Ok(TaskPage {
                tasks: found,
                next: None,
            });
        }
    }
    Ok(TaskPage { tasks: found, next })
}
