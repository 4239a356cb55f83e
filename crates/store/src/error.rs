//! What can go wrong in an engine.

use pushtally_model::{AppId, TaskId};

use crate::ports::Job;

/// Why an engine could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// There is no room; nothing was changed and the same act may succeed later.
    #[error("the disk is full: {what}")]
    Full {
        /// What could not be written.
        what: String,
    },
    /// A bounded queue is full; nothing was changed and the same act may succeed later.
    #[error("the queue is full: {what}")]
    Busy {
        /// Which queue, and its bound.
        what: String,
    },
    /// An earlier write failed in a way that leaves its fate unknown; the process must be restarted.
    #[error("storage has failed and must be restarted: {what}")]
    Failed {
        /// What failed.
        what: String,
    },
    /// Stored bytes are not what was written.
    #[error("{what}")]
    Corrupt {
        /// Where, why, and what to do.
        what: String,
    },
    /// Any other failure of the machine.
    #[error("{what}")]
    Io {
        /// What was done and why it failed.
        what: String,
    },
    /// The thing named does not exist.
    #[error("{what} does not exist")]
    Missing {
        /// Which thing.
        what: String,
    },
}

impl StoreError {
    /// An app has given every number that there is.
    #[must_use]
    pub fn numbers_used_up(app: AppId) -> Self {
        let what = format!("app `{app}` has given every device number");
        Self::Full { what }
    }

    /// A job names a task that does not exist, or not in that app.
    #[must_use]
    pub fn no_task(job: &Job) -> Self {
        let what = format!("task `{}` of app `{}`", job.task.0, job.app);
        Self::Missing { what }
    }

    /// A task that is to be stored has the id of another one of the app.
    #[must_use]
    pub fn task_id_taken(id: &TaskId) -> Self {
        let what = format!("could not store task `{id}`: its id is taken");
        Self::Io { what }
    }

    /// Whether the same act may succeed later without anybody's help.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Busy { .. } => true,
            Self::Failed { .. } | Self::Corrupt { .. } | Self::Io { .. } | Self::Missing { .. } => {
                false
            }
        }
    }
}
