//! Accepting a push: it is named, given its deadline, checked against its quotas and stored with its jobs, in one act.

use pushtally_model::{
    App, Audience as Addressed, ChatMessage, Notification, OnUnknown, Origin, Second, TaskDraft,
    TaskId, TaskKind, Urgency,
};
use pushtally_store::{AcceptLimits, Accepted, StoredTask};

use crate::AcceptError;
use crate::fanout::Fanout;
use crate::quota_day::day_begins;
use crate::task_id::{Parts as IdParts, task_id};

/// A push as its caller hands it in, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The command.
    pub kind: TaskKind,
    /// `From_Account`.
    pub sender: String,
    /// `MsgRandom`.
    pub random: u32,
    /// SHA-256 of the body as received.
    pub body_hash: [u8; 32],
    /// `DataId`; empty when absent.
    pub data_id: String,
    /// Whom it addresses.
    pub audience: Addressed,
    /// What it shows.
    pub notification: Notification,
    /// How long it may take, in seconds; `None` is the app's setting.
    pub life_time_s: Option<u32>,
    /// What becomes of those of whom nobody knows whether they were sent to; `None` is the app's setting.
    pub on_unknown: Option<OnUnknown>,
    /// Its name, if its sender gives it one; only of a message push.
    pub id: Option<TaskId>,
    /// The message that it is of; only of a message push.
    pub message: Option<Box<ChatMessage>>,
}

impl Fanout {
    /// Stores the push, or finds the equal one of the same second.
    pub(crate) async fn accept(&self, app: &App, push: Push) -> Result<StoredTask, AcceptError> {
        let now_ms = self.parts.clock.now_ms();
        let draft = self.draft(app, push, now_ms)?;
        let shards = match draft.kind {
            TaskKind::Broadcast => Some(self.audience.shards(app.id).await?),
            TaskKind::Batch | TaskKind::Message => None,
        };
        if draft.kind == TaskKind::Message && self.is_imported(&draft).await? {
            return Err(AcceptError::IdTaken);
        }
        let limits = self.limits(app, now_ms);
        let accepted = self
            .parts
            .tasks
            .accept_task(&draft, shards.as_deref(), &limits)
            .await?;
        match accepted {
            Accepted::New(task) => {
                // Named at once, so that nobody can import events under its name. Durable with its first event.
                if let Err(error) = self.key(&task).await {
                    tracing::error!(%error, "an accepted task could not be named yet");
                }
                self.note_jobs(&task).await;
                self.ring();
                Ok(task)
            }
            Accepted::Same(task) => Ok(task),
            Accepted::IdTaken => Err(AcceptError::IdTaken),
            Accepted::DayFull => Err(AcceptError::DayFull {
                max: limits.broadcasts_per_day.unwrap_or(u32::MAX),
            }),
            Accepted::TooSoon => Err(AcceptError::TooSoon {
                gap_ms: limits.broadcast_gap_ms,
            }),
            Accepted::Busy => Err(AcceptError::Busy {
                max: limits.open_tasks_max,
            }),
        }
    }

    fn draft(&self, app: &App, push: Push, now_ms: i64) -> Result<TaskDraft, AcceptError> {
        let accepted_at = Second::from_millis(now_ms).unwrap_or_default();
        let life_s = push.life_time_s.unwrap_or(app.task_life_s);
        Ok(TaskDraft {
            app: app.id,
            id: self.name(app, &push, accepted_at)?,
            kind: push.kind,
            urgency: match push.kind {
                TaskKind::Broadcast => Urgency::Bulk,
                TaskKind::Batch | TaskKind::Message => Urgency::Urgent,
            },
            sender: push.sender,
            random: push.random,
            body_hash: push.body_hash,
            data_id: push.data_id,
            audience: push.audience,
            notification: push.notification,
            accepted_at,
            deadline: Second(accepted_at.0.saturating_add(life_s)),
            on_unknown: push.on_unknown.unwrap_or(app.on_unknown),
            message: push.message,
        })
    }

    /// Whether events were imported under its name: those are another server's.
    async fn is_imported(&self, draft: &TaskDraft) -> Result<bool, AcceptError> {
        let (family, id) = (draft.kind.family(), draft.id.as_str());
        let known = self
            .parts
            .identities
            .find_task(draft.app, family, id)
            .await?;
        Ok(known.is_some_and(|key| key.origin == Origin::Imported))
    }

    fn name(&self, app: &App, push: &Push, at: Second) -> Result<TaskId, AcceptError> {
        if let Some(id) = &push.id {
            return Ok(id.clone());
        }
        let mut drawn = [0; 4];
        self.parts.entropy.fill(&mut drawn)?;
        Ok(task_id(&IdParts {
            kind: push.kind,
            at,
            app: app.id,
            sender: &push.sender,
            drawn: u32::from_le_bytes(drawn),
            random: push.random,
        })?)
    }

    fn limits(&self, app: &App, now_ms: i64) -> AcceptLimits {
        let now = Second::from_millis(now_ms).unwrap_or_default();
        AcceptLimits {
            broadcasts_per_day: Some(app.broadcasts_per_day).filter(|max| *max > 0),
            day_begins: day_begins(now, self.settings.quota_day_offset_s),
            now_ms,
            broadcast_gap_ms: self.settings.broadcast_gap_ms,
            open_tasks_max: self.settings.open_tasks_max,
        }
    }
}
