//! The log.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use async_trait::async_trait;
use pushtally_ledger::{Batch, Control, Record, Recorded, TaskEntry};
use pushtally_model::{AppId, Number, TaskKey};

use crate::StoreError;

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
        let mut visit_record = |recorded_ms, record| match record {
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
        };
        let mut visit_batch = records_from(recorded_from_ms, &mut visit_record);
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
        let mut visit_record = |recorded_ms, record| {
            let Record::Events(section) = record else {
                return;
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
        };
        let mut visit_batch = records_from(recorded_from_ms, &mut visit_record);
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

/// A visitor of batches that passes on the records of those recorded at this millisecond or later, each with its time.
fn records_from(
    recorded_from_ms: i64,
    visit: &mut (dyn FnMut(i64, Record) + Send),
) -> impl FnMut(Position, Batch) -> ControlFlow<()> + Send {
    move |_, batch| {
        if batch.recorded_ms >= recorded_from_ms {
            for record in batch.records {
                visit(batch.recorded_ms, record);
            }
        }
        ControlFlow::Continue(())
    }
}
