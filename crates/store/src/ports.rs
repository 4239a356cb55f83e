//! The ports.

mod audit;
mod channels;
mod devices;
mod forgettings;
mod labels;
mod outboxes;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pushtally_ledger::{Batch, Control, Page, PageKey, Record, Recorded, StoredPage, TaskEntry};
use pushtally_model::{
    App, AppId, Channel, Event, Kind, LossId, Number, Origin, Route, Source, TaskKey, TaskNumber,
};

use crate::{RelayLine, StoreError};

pub use audit::{Audit, AuditEntry};
pub use channels::{Channels, StoredChannel};
pub use devices::{
    Addressed, DeadToken, DeadTokens, DeviceChange, DeviceVisitor, Devices, Phone, ReachVisitor,
    Registered, Registration, ReplacedToken, Restoring, SecretHash, Unregistered, Updated,
};
pub use forgettings::{
    BACKUPS_MAX, BackupNote, Erased, FORGETTINGS_KEPT_MAX, Forgetting, Forgettings, Forgotten,
};
pub use labels::{
    AccountDeleted, Accounts, AttributeNaming, IndexKey, LabelChange, Labelled, LabelsChanged,
    NamesChanged, Slots,
};
pub use outboxes::{DeadLetter, Outbox, Outboxes};
pub use tasks::{
    AcceptLimits, Accepted, Claim, ClaimedJob, Job, Part, Revoked, StoredTask, TaskSeq, Tasks,
};

/// Places in the ordered logs of an engine, one for each log: the last batch that is included.
///
/// The embedded engine has one log; a cluster has one for each partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position(pub Vec<u64>);

impl Position {
    /// A place in an engine with one log.
    #[must_use]
    pub fn single(at: u64) -> Self {
        Self(vec![at])
    }

    /// The place in one log; 0 is before its first batch.
    #[must_use]
    pub fn of(&self, log: usize) -> u64 {
        self.0.get(log).copied().unwrap_or_default()
    }
}

/// Called for each batch, in order. `Break` ends the replay early.
pub type BatchVisitor<'a> = dyn FnMut(Position, Batch) -> ControlFlow<()> + Send + 'a;

/// Called for each event and each group of calls, in the order of recording.
pub type TaskVisitor<'a> = dyn FnMut(TaskEntry) + Send + 'a;

/// Called for each event, in the order of recording.
pub type EventVisitor<'a> = dyn FnMut(Recorded) + Send + 'a;

/// Called for each page, in key order. `Break` ends the scan early.
pub type PageVisitor<'a> = dyn FnMut(PageKey, Page) -> ControlFlow<()> + Send + 'a;

/// What the log holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogReport {
    /// The first batch that is still kept.
    pub first: u64,
    /// The batch that will be appended next.
    pub next: u64,
    /// Bytes of its batches.
    pub bytes: u64,
    /// Bytes of an unacknowledged batch that were cut when the log was opened.
    pub torn_bytes_cut: u64,
    /// Head of the hash chain over everything ever appended, in hexadecimal.
    pub digest: String,
}

/// The durable, ordered record of batches.
#[async_trait]
pub trait Log: Send + Sync {
    /// Appends one batch. Answers its place after it is durable, never whether its events are new.
    async fn append(&self, batch: &Batch) -> Result<Position, StoreError>;

    /// Visits every kept batch after a place, in the order of appending, the same batches each time.
    async fn replay(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError>;

    /// Visits the kept events and calls of one task that were recorded at this millisecond or later, and its forgetting, in the
    /// order of recording, and possibly earlier ones. May read much of the log: as [`Self::replay`], it is for a thread that may wait.
    async fn visit_task(
        &self,
        task: TaskKey,
        recorded_from_ms: i64,
        visit: &mut TaskVisitor<'_>,
    ) -> Result<(), StoreError> {
        let mut visit_batch = |_, batch: Batch| {
            let recorded_ms = batch.recorded_ms;
            if recorded_ms < recorded_from_ms {
                return ControlFlow::Continue(());
            }
            for record in batch.records {
                match record {
                    Record::Events(section) => {
                        for event in section.events().iter().filter(|event| event.task == task) {
                            visit(TaskEntry::Event(Recorded {
                                recorded_ms,
                                source: section.source,
                                event: *event,
                            }));
                        }
                    }
                    Record::Calls(calls) if calls.task == task => {
                        visit(TaskEntry::Calls { recorded_ms, calls });
                    }
                    Record::Control(Control::ForgetTask { task: of, .. }) if of == task => {
                        visit(TaskEntry::Forgotten { recorded_ms });
                    }
                    Record::Calls(_) | Record::Control(_) => {}
                }
            }
            ControlFlow::Continue(())
        };
        self.replay(&Position::default(), &mut visit_batch).await
    }

    /// Visits the kept events of some devices of an app that were recorded at this millisecond or later, in the order of
    /// recording. May read much of the log: as [`Self::replay`], it is for a thread that may wait.
    async fn visit_devices(
        &self,
        app: AppId,
        devices: &BTreeSet<Number>,
        recorded_from_ms: i64,
        visit: &mut EventVisitor<'_>,
    ) -> Result<(), StoreError> {
        let mut visit_batch = |_, batch: Batch| {
            let recorded_ms = batch.recorded_ms;
            if recorded_ms < recorded_from_ms {
                return ControlFlow::Continue(());
            }
            for record in &batch.records {
                let Record::Events(section) = record else {
                    continue;
                };
                for event in section.events() {
                    if event.app == app && devices.contains(&event.number) {
                        visit(Recorded {
                            recorded_ms,
                            source: section.source,
                            event: *event,
                        });
                    }
                }
            }
            ControlFlow::Continue(())
        };
        self.replay(&Position::default(), &mut visit_batch).await
    }

    /// Visits batches after a place as [`Log::replay`] does, for a reader that comes back for more: ends where it is told
    /// to, checks checksums but not the chain, and costs what it visits when it goes on where a reader stopped. Takes
    /// nothing that appending waits for.
    async fn read_on(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError>;

    /// What the log holds.
    async fn report(&self) -> Result<LogReport, StoreError>;

    /// Reads everything kept and checks every checksum and link of the chain; answers the bytes read.
    async fn verify(&self) -> Result<u64, StoreError>;

    /// Drops whole segments whose every batch is at or before `included` and was recorded before this
    /// millisecond; answers how many.
    async fn drop_before(
        &self,
        included: &Position,
        recorded_before_ms: i64,
    ) -> Result<usize, StoreError>;
}

/// A device as imports know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient<'a> {
    /// `To_Account`.
    pub account: &'a str,
    /// `EventType`.
    pub route: Route,
    /// `PushPlatform`.
    pub channel: Channel,
}

/// A task's public name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskName<'a> {
    /// The family; the same id in the two families names two tasks.
    pub kind: Kind,
    /// Who makes it, should it be new.
    pub origin: Origin,
    /// The TaskId or PushID.
    pub id: &'a str,
}

/// Why a device was lost: the code and text of whoever refused it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LossText {
    /// The vendor's or our code.
    pub code: i64,
    /// Its text, at most `LossText::TEXT_LEN_MAX` bytes.
    pub text: String,
}

impl LossText {
    /// Longer texts are cut at a character boundary, so that one vendor's prose cannot fill the dictionary.
    pub const TEXT_LEN_MAX: usize = 256;
    /// Distinct reasons an app may have; further ones count as `LossId::OTHER`.
    pub const PER_APP_MAX: u32 = 4096;

    /// A reason with its text cut to the bound.
    #[must_use]
    pub fn new(code: i64, text: &str) -> Self {
        let mut end = text.len().min(Self::TEXT_LEN_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            code,
            text: text[..end].to_owned(),
        }
    }
}

/// Names to be turned into numbers, all of one app.
#[derive(Debug, Clone, Default)]
pub struct Names<'a> {
    /// Tasks.
    pub tasks: Vec<TaskName<'a>>,
    /// Devices.
    pub recipients: Vec<Recipient<'a>>,
    /// Reasons.
    pub losses: Vec<LossText>,
}

/// The numbers, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Tasks. The origin is that of the task as it is known, which may differ from the one asked with.
    pub tasks: Vec<TaskKey>,
    /// Devices.
    pub numbers: Vec<Number>,
    /// Reasons.
    pub losses: Vec<LossId>,
}

/// A task of our own by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTask {
    /// Its number.
    pub number: TaskNumber,
    /// The app.
    pub app: AppId,
    /// The family.
    pub kind: Kind,
    /// Its public name.
    pub id: String,
}

/// A task of an app, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTask {
    /// Its number, family and origin.
    pub key: TaskKey,
    /// Its public name.
    pub id: String,
}

/// Names and their dense numbers.
#[async_trait]
pub trait Identities: Send + Sync {
    /// Finds or gives numbers. A new number is durable no later than the first append that follows, so an
    /// event can never name a number that a crash forgets. The same name always gets the same number.
    async fn resolve(&self, app: AppId, names: &Names<'_>) -> Result<Resolved, StoreError>;

    /// The task of a public name, if the app knows it.
    async fn find_task(
        &self,
        app: AppId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<TaskKey>, StoreError>;

    /// The numbers of these recipients, in their order, of those that have one. Gives none.
    async fn find_recipients(
        &self,
        app: AppId,
        recipients: &[Recipient<'_>],
    ) -> Result<Vec<Option<Number>>, StoreError>;

    /// The names of at most `max` tasks of our own from this number on, in the order of their numbers. Only what is durable
    /// is sure to be among them.
    async fn own_tasks(&self, from: TaskNumber, max: usize) -> Result<Vec<OwnTask>, StoreError>;

    /// At most `max` tasks of an app from this number on, whoever made them, in the order of their numbers. Only what is durable
    /// is sure to be among them. Reads names that no index holds: for operators, not for calls.
    async fn tasks_of(
        &self,
        app: AppId,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<NamedTask>, StoreError>;

    /// The reason behind a number, if the app has it.
    async fn find_loss(&self, app: AppId, loss: LossId) -> Result<Option<LossText>, StoreError>;

    /// Raises the next numbers to at least these: one above the highest that the ledger holds, by app.
    async fn raise(
        &self,
        tasks_end: u32,
        numbers_end: &BTreeMap<AppId, u32>,
    ) -> Result<(), StoreError>;

    /// How many tasks and devices have numbers.
    async fn count(&self) -> Result<(u64, u64), StoreError>;

    /// Bytes of memory that names take, as far as they grow with their number. The ledger makes room for them.
    fn memory_bytes(&self) -> usize {
        0
    }
}

/// The task of this server's own that has a name, in whichever family: no two of its own tasks have one name.
pub async fn find_own_task(
    identities: &dyn Identities,
    app: AppId,
    id: &str,
) -> Result<Option<TaskKey>, StoreError> {
    for family in [Kind::Push, Kind::Message] {
        let found = identities.find_task(app, family, id).await?;
        if let Some(key) = found.filter(|key| key.origin == Origin::Own) {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Pages changed since the last snapshot, and the place in the log up to which they are folded.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The last batch included.
    pub included: Position,
    /// Task numbers below this may have pages in a snapshot.
    pub tasks_end: u32,
    /// Device numbers below this may occur in the ledger, by app.
    pub numbers_end: BTreeMap<AppId, u32>,
    /// Ordered by key, each once. A whole `Page::Gone` removes.
    pub pages: Vec<StoredPage>,
}

/// What the newest snapshot includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// The last batch included.
    pub included: Position,
    /// As in the snapshot.
    pub tasks_end: u32,
    /// As in the snapshot.
    pub numbers_end: BTreeMap<AppId, u32>,
    /// Bytes that its pages take.
    pub bytes: u64,
}

/// The snapshotted pages.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Changes with every install; equal before and after a load means that the load is current.
    fn generation(&self) -> u64;

    /// The pages of these keys as of one snapshot, in their order. Ascending keys read each place once.
    async fn load_many(&self, keys: &[PageKey]) -> Result<Vec<Option<Page>>, StoreError>;

    /// Installs a snapshot on top of the ones before it: all of it or, after a crash, nothing.
    async fn install(&self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// What the newest snapshot includes.
    async fn installed(&self) -> Result<Installed, StoreError>;

    /// Visits every page of the newest snapshot from a key on.
    async fn scan(&self, from: PageKey, visit: &mut PageVisitor<'_>) -> Result<(), StoreError>;

    /// Reads every page and checks every checksum; answers how many.
    async fn verify(&self) -> Result<u64, StoreError>;

    /// Bytes of memory that finding pages takes, as far as they grow with what is stored. The ledger makes room for
    /// them.
    fn memory_bytes(&self) -> usize {
        0
    }
}

/// Apps made at run time.
#[async_trait]
pub trait Apps: Send + Sync {
    /// Every stored app, by id.
    async fn list(&self) -> Result<Vec<App>, StoreError>;

    /// Stores an app, replacing one with the same id. Durable when it answers.
    async fn put(&self, app: &App) -> Result<(), StoreError>;
}

/// A call in a relay queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayCall {
    /// Its place in its app's queue.
    pub at: u64,
    /// The bytes that were pushed.
    pub call: Bytes,
}

/// What waits in a relay queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelayBacklog {
    /// Calls.
    pub calls: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Durable queues of calls to pass on, one for each line.
#[async_trait]
pub trait RelayQueue: Send + Sync {
    /// Adds a call. Durable when it answers; `Busy` when the queue is at its bound.
    async fn push(&self, line: RelayLine, call: Bytes) -> Result<u64, StoreError>;

    /// The next calls after a place, oldest first, at least one if there is any.
    async fn read(
        &self,
        line: RelayLine,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RelayCall>, StoreError>;

    /// Marks everything up to a place as passed on. A crash may forget it: calls repeat, none is lost.
    async fn done(&self, line: RelayLine, up_to: u64) -> Result<(), StoreError>;

    /// The last place marked done.
    async fn cursor(&self, line: RelayLine) -> Result<u64, StoreError>;

    /// What waits.
    async fn backlog(&self, line: RelayLine) -> Result<RelayBacklog, StoreError>;
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
