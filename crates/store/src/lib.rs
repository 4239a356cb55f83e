//! The ports that engines implement, the in-memory engine, and the contract suite every engine must pass.
//!
//! A port is a set of acts, each atomic, async and object-safe. Only the server names an engine; everything
//! above holds `Arc<dyn …>`.

pub mod accepting;
pub mod contract;
mod directory;
mod error;
pub mod forgetting;
pub mod holding;
pub mod job_queue;
pub mod labelling;
pub mod memory;
mod ports;
pub mod registering;
mod relay_line;

pub use directory::Directory;
pub use error::StoreError;
pub use ports::{
    AcceptLimits, Accepted, AccountDeleted, Accounts, Addressed, Apps, AttributeNaming, Audit,
    AuditEntry, BACKUPS_MAX, BackupNote, BatchVisitor, Channels, Claim, ClaimedJob, DeadLetter,
    DeadToken, DeadTokens, DeviceChange, DeviceVisitor, Devices, Engine, Erased, EventVisitor,
    FORGETTINGS_KEPT_MAX, Forgetting, Forgettings, Forgotten, Identities, IndexKey, Installed, Job,
    LabelChange, Labelled, LabelsChanged, Log, LogReport, LossText, NamedTask, Names, NamesChanged,
    Outbox, Outboxes, OwnTask, PageVisitor, Pages, Part, Phone, Position, ReachVisitor, Recipient,
    Registered, Registration, RelayBacklog, RelayCall, RelayQueue, ReplacedToken, Report, Resolved,
    Restoring, Revoked, SecretHash, Slots, Snapshot, StoredChannel, StoredTask, TaskName, TaskSeq,
    TaskVisitor, Tasks, Unregistered, Updated, find_own_task,
};
pub use relay_line::RelayLine;
