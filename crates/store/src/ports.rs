//! The ports.

mod audit;
mod channels;
mod devices;
mod forgettings;
mod identities;
mod labels;
mod log;
mod outboxes;
mod pages;
mod relays;
mod tasks;

use std::sync::Arc;

use async_trait::async_trait;
use pushtally_model::{App, Event, Source};

use crate::StoreError;

pub use audit::{Audit, AuditEntry};
pub use channels::{Channels, StoredChannel};
pub use devices::{
    Addressed, DeadToken, DeadTokens, DeviceChange, DeviceVisitor, Devices, Phone, ReachVisitor,
    Registered, Registration, ReplacedToken, Restoring, SecretHash, Unregistered, Updated,
};
pub use forgettings::{
    BACKUPS_MAX, BackupNote, Erased, FORGETTINGS_KEPT_MAX, Forgetting, Forgettings, Forgotten,
};
pub use identities::{
    Identities, LossText, NamedTask, Names, OwnTask, Recipient, Resolved, TaskName, find_own_task,
};
pub use labels::{
    AccountDeleted, Accounts, AttributeNaming, IndexKey, LabelChange, Labelled, LabelsChanged,
    NamesChanged, Slots,
};
pub use log::{BatchVisitor, EventVisitor, Log, LogReport, Position, TaskVisitor};
pub use outboxes::{DeadLetter, Outbox, Outboxes};
pub use pages::{Installed, PageVisitor, Pages, Snapshot};
pub use relays::{RelayBacklog, RelayCall, RelayQueue};
pub use tasks::{
    AcceptLimits, Accepted, Claim, ClaimedJob, Job, Part, Revoked, StoredTask, TaskSeq, Tasks,
};

/// Apps made at run time.
#[async_trait]
pub trait Apps: Send + Sync {
    /// Every stored app, by id.
    async fn list(&self) -> Result<Vec<App>, StoreError>;

    /// Stores an app, replacing one with the same id. Durable when it answers.
    async fn put(&self, app: &App) -> Result<(), StoreError>;
}

/// Takes events in. `stats` implements it; what reports events knows nothing more of it.
#[async_trait]
pub trait Report: Send + Sync {
    /// Records events: all of them or, on an error, possibly some; repeating the call is always harmless.
    /// Answers when they are durable and in the next query's answer. `Busy` is the documented overload.
    async fn report(&self, source: Source, events: Vec<Event>) -> Result<(), StoreError>;
}

/// All ports of one engine.
#[derive(Clone)]
pub struct Engine {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Names and numbers.
    pub identities: Arc<dyn Identities>,
    /// Snapshotted pages.
    pub pages: Arc<dyn Pages>,
    /// Apps.
    pub apps: Arc<dyn Apps>,
    /// Accounts with vendors that were given at run time.
    pub channels: Arc<dyn Channels>,
    /// Relay queues.
    pub relays: Arc<dyn RelayQueue>,
    /// How far webhooks have come.
    pub outboxes: Arc<dyn Outboxes>,
    /// Devices.
    pub devices: Arc<dyn Devices>,
    /// Accounts, their labels, and the index.
    pub accounts: Arc<dyn Accounts>,
    /// Tasks and jobs.
    pub tasks: Arc<dyn Tasks>,
    /// The audit.
    pub audit: Arc<dyn Audit>,
    /// Forgets accounts.
    pub forgettings: Arc<dyn Forgettings>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}
