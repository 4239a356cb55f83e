//! Why a push was not accepted.

use pushtally_model::NameError;
use pushtally_store::StoreError;

/// Why a push was not accepted. Nothing was stored, except perhaps on `Store`: then asking again within the same
/// second answers the task that was.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The app's broadcasts of this quota day are used up.
    #[error("all `{max}` broadcasts of the day are used up")]
    DayFull {
        /// How many a day has.
        max: u32,
    },
    /// The app's last broadcast was too short ago.
    #[error("the last broadcast was not more than `{gap_ms}` milliseconds ago")]
    TooSoon {
        /// More than how many milliseconds must lie between two.
        gap_ms: u32,
    },
    /// Something else of the app has the message push's name.
    #[error("the name is taken")]
    IdTaken,
    /// As many tasks of the app as may be are not done yet.
    #[error("`{max}` tasks of the app are not done yet")]
    Busy {
        /// How many may be open.
        max: usize,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no randomness.
    #[error("no randomness: {0}")]
    Entropy(#[from] std::io::Error),
    /// A TaskId could not be made.
    #[error("no task id: {0}")]
    Id(#[from] NameError),
}
