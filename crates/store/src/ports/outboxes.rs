//! How far each app's webhooks have come in the log, and what of it was given up.

use async_trait::async_trait;
use pushtally_model::{AppId, Second};

use crate::StoreError;

/// Events that were not sent in time, by where they lie in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its name within the app, from 1.
    pub id: u64,
    /// It begins after this place.
    pub after: u64,
    /// It ends with this place.
    pub to: u64,
    /// Events in it; `None` when the log no longer had them to be counted.
    pub events: Option<u64>,
    /// Why they were given up.
    pub why: String,
    /// When the last of them was given up.
    pub at: Second,
    /// Whether it is being sent after all.
    pub replaying: bool,
}

/// One app's outbox. Places order the app's events as the log does; what a place is, is whoever's who stores it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Everything up to this place is done with: sent, or a dead letter.
    pub cursor: u64,
    /// By id.
    pub letters: Vec<DeadLetter>,
}

/// The outboxes of all apps.
#[async_trait]
pub trait Outboxes: Send + Sync {
    /// Every outbox that was ever stored, by app.
    async fn outboxes(&self) -> Result<Vec<(AppId, Outbox)>, StoreError>;

    /// Stores these, each replacing what its app had, all or none. Durable when it answers.
    async fn put_outboxes(&self, outboxes: &[(AppId, Outbox)]) -> Result<(), StoreError>;
}
