//! The event log and the identity log under one group commit.
//!
//! Invariant: names are flushed before the batch that may use their numbers, under one lock; so whatever a
//! durable event names is durable too.

mod index;
pub(crate) mod names;

use std::collections::{BTreeSet, VecDeque};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use pushtally_ledger::{Batch, Recorded, TaskEntry, decode, encode, visit_devices, visit_task};
use pushtally_model::{AppId, Number, TaskKey, TaskNumber};
use pushtally_store::{
    BatchVisitor, EventVisitor, Log, LogReport, Position, StoreError, TaskVisitor,
};

use crate::error::LocalError;
use crate::identities::LocalIdentities;
use crate::segments::{Place, SegmentLog, SegmentReader};
use index::{Name, Named, SegmentIndex};

/// Places that are remembered for readers that come back. One with more readers than this walks a segment anew.
const STOPS_MAX: usize = 64;

/// What is known of all segments' tasks together. A segment that names a million tasks in a row takes some 130 KB, so this is
/// enough for some hundred of those and for tens of thousands of others.
const TASKS_KNOWN_BYTES_MAX: usize = 16 << 20;

/// And of their apps' shards: a segment takes two bytes for each app and shard that has devices in it, at most 8 KiB an app.
const DEVICES_KNOWN_BYTES_MAX: usize = 4 << 20;

#[derive(Debug)]
struct Logs {
    names: SegmentLog,
    events: SegmentLog,
    buffer: Vec<u8>,
}

/// The log of a directory.
#[derive(Debug)]
pub(crate) struct LocalLog {
    logs: Mutex<Logs>,
    identities: Arc<LocalIdentities>,
    events: SegmentReader,
    names: SegmentReader,
    torn_bytes_cut: u64,
    tasks: SegmentIndex,
    devices: SegmentIndex,
    /// Where readers stopped last, newest first.
    stops: Mutex<VecDeque<Place>>,
    /// Held for reading by whoever copies files, for writing by whoever removes some.
    removing: RwLock<()>,
}

/// A moment of both logs: files and how many of their bytes belong to it.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) events: Vec<(std::path::PathBuf, u64)>,
    pub(crate) names: Vec<(std::path::PathBuf, u64)>,
}

impl LocalLog {
    pub(crate) fn new(
        events: SegmentLog,
        names: SegmentLog,
        identities: Arc<LocalIdentities>,
        torn_bytes_cut: u64,
    ) -> Self {
        let (reader, names_reader) = (events.reader(), names.reader());
        Self {
            logs: Mutex::new(Logs {
                names,
                events,
                buffer: Vec::new(),
            }),
            identities,
            events: reader,
            names: names_reader,
            torn_bytes_cut,
            tasks: SegmentIndex::new(TASKS_KNOWN_BYTES_MAX),
            devices: SegmentIndex::new(DEVICES_KNOWN_BYTES_MAX),
            stops: Mutex::default(),
            removing: RwLock::new(()),
        }
    }

    /// Marks the end of both logs, names first.
    pub(crate) fn seal(&self) -> Result<(), LocalError> {
        let logs = &mut *self.logs.lock();
        self.identities.flush(&mut logs.names)?;
        logs.names.seal()?;
        logs.events.seal()
    }

    /// Reserves numbers for devices, durably; `None` when the app has no more.
    pub(crate) fn reserve_numbers(
        &self,
        app: AppId,
        count: u32,
    ) -> Result<Option<Range<u32>>, LocalError> {
        let logs = &mut *self.logs.lock();
        let reserved = self.identities.reserve(app, count);
        self.identities.flush(&mut logs.names)?;
        Ok(reserved)
    }

    /// Keeps segments from being removed while the guard lives.
    pub(crate) fn keep(&self) -> RwLockReadGuard<'_, ()> {
        self.removing.read()
    }

    /// Both logs between two commits; `during` runs in that pause.
    pub(crate) fn pause<R>(&self, during: impl FnOnce() -> R) -> Result<(Moment, R), LocalError> {
        let logs = &mut *self.logs.lock();
        self.identities.flush(&mut logs.names)?;
        Ok((
            Moment {
                events: logs.events.files(),
                names: logs.names.files(),
            },
            during(),
        ))
    }

    pub(crate) fn readers(&self) -> (&SegmentReader, &SegmentReader) {
        (&self.events, &self.names)
    }

    /// Reads both logs whole; answers their bytes.
    pub(crate) fn check(&self) -> Result<u64, LocalError> {
        let _kept = self.keep();
        let mut bytes = 0;
        self.events.replay(0, &mut |position, frame| {
            decode(frame).map_err(|error| undecodable(position, &error))?;
            bytes += frame.len() as u64;
            Ok(())
        })?;
        self.names.replay(0, &mut |_, frame| {
            bytes += frame.len() as u64;
            Ok(())
        })?;
        Ok(bytes)
    }

    fn replay_from(&self, from: u64, visit: &mut BatchVisitor<'_>) -> Result<(), LocalError> {
        let mut ended = false;
        self.events.replay(from, &mut |position, bytes| {
            if !ended {
                let batch = decode(bytes).map_err(|error| undecodable(position, &error))?;
                ended = visit(Position::single(position), batch).is_break();
            }
            Ok(())
        })
    }

    fn read_from(&self, from: u64, visit: &mut BatchVisitor<'_>) -> Result<(), LocalError> {
        let near = self
            .stops
            .lock()
            .iter()
            .copied()
            .filter(|stop| stop.position <= from)
            .max_by_key(|stop| stop.position);
        let mut last = None;
        let read = self.events.read(from, near, &mut |place, bytes| {
            last = Some(place);
            let batch = decode(bytes).map_err(|error| undecodable(place.position, &error))?;
            Ok(visit(Position::single(place.position), batch))
        });
        if let Some(last) = last {
            let mut stops = self.stops.lock();
            stops.retain(|stop| Some(stop.position) != near.map(|near| near.position));
            stops.push_front(last);
            stops.truncate(STOPS_MAX);
        }
        read
    }

    /// The first frame of the newest segment before which everything is included and old enough.
    fn droppable(&self, included: u64, recorded_before_ms: i64) -> Result<u64, LocalError> {
        let mut droppable = self.events.first_position();
        for (path, _) in self.events.files() {
            let first = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .and_then(|stem| stem.parse::<u64>().ok());
            let Some(first) = first.filter(|first| *first <= included + 1) else {
                continue;
            };
            let mut recorded_ms = i64::MAX;
            self.events.read(first, None, &mut |place, bytes| {
                recorded_ms = decode(bytes)
                    .map_err(|error| undecodable(place.position, &error))?
                    .recorded_ms;
                Ok(ControlFlow::Break(()))
            })?;
            if recorded_ms < recorded_before_ms {
                droppable = first;
            }
        }
        Ok(droppable)
    }
}

/// By the halves of its number, of which tasks that were made together have the upper one in common.
const fn name_of(task: TaskNumber) -> Name {
    (task.0 >> 16, task.0 as u16)
}

fn undecodable(position: u64, error: &pushtally_ledger::DecodeError) -> LocalError {
    LocalError::Io {
        what: format!("read batch `{position}` of the log: {error}"),
        source: std::io::ErrorKind::InvalidData.into(),
    }
}

#[async_trait]
impl Log for LocalLog {
    /// Blocks the calling thread for one or two fsyncs: callers have a thread for that.
    async fn append(&self, batch: &Batch) -> Result<Position, StoreError> {
        let logs = &mut *self.logs.lock();
        logs.buffer.clear();
        encode(batch, &mut logs.buffer);
        self.identities.flush(&mut logs.names)?;
        Ok(Position::single(logs.events.append(&logs.buffer)?))
    }

    async fn replay(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        Ok(self.replay_from(after.of(0) + 1, visit)?)
    }

    /// Blocks the calling thread while segments are read.
    async fn visit_task(
        &self,
        task: TaskKey,
        recorded_from_ms: i64,
        visit: &mut TaskVisitor<'_>,
    ) -> Result<(), StoreError> {
        let (log, wanted) = (&self.events, task.number);
        let mut read = |bytes: &[u8], mut named: Option<&mut Named<'_>>| {
            let mut name = |task| {
                if let Some(named) = &mut named {
                    named(name_of(task));
                }
            };
            let mut visit = |entry: TaskEntry| {
                if entry.recorded_ms() >= recorded_from_ms {
                    visit(entry);
                }
            };
            visit_task(bytes, wanted, &mut name, &mut visit).map(drop)
        };
        let names = [name_of(wanted)];
        Ok(self.tasks.read(log, &names, recorded_from_ms, &mut read)?)
    }

    /// Blocks the calling thread while segments are read.
    async fn visit_devices(
        &self,
        app: AppId,
        devices: &BTreeSet<Number>,
        recorded_from_ms: i64,
        visit: &mut EventVisitor<'_>,
    ) -> Result<(), StoreError> {
        let mut read = |bytes: &[u8], named: Option<&mut Named<'_>>| {
            let mut visit = |recorded: Recorded| {
                if recorded.recorded_ms >= recorded_from_ms {
                    visit(recorded);
                }
            };
            match named {
                Some(named) => {
                    let mut name = |app: AppId, shard| named((app.0, shard));
                    visit_devices(bytes, (app, devices), Some(&mut name), &mut visit)
                }
                None => visit_devices(bytes, (app, devices), None, &mut visit),
            }
        };
        let shards: BTreeSet<u16> = devices.iter().map(|number| number.shard()).collect();
        let names: Vec<Name> = shards.into_iter().map(|shard| (app.0, shard)).collect();
        let log = &self.events;
        Ok(self
            .devices
            .read(log, &names, recorded_from_ms, &mut read)?)
    }

    async fn read_on(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        Ok(self.read_from(after.of(0) + 1, visit)?)
    }

    async fn report(&self) -> Result<LogReport, StoreError> {
        let logs = self.logs.lock();
        Ok(LogReport {
            first: logs.events.first_position(),
            next: logs.events.next_position(),
            bytes: logs.events.bytes() + logs.names.bytes(),
            torn_bytes_cut: self.torn_bytes_cut,
            digest: logs
                .events
                .digest()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        Ok(self.check()?)
    }

    async fn drop_before(
        &self,
        included: &Position,
        recorded_before_ms: i64,
    ) -> Result<usize, StoreError> {
        let before = self.droppable(included.of(0), recorded_before_ms)?;
        let _nobody_copies = self.removing.write();
        Ok(self.logs.lock().events.drop_before(before)?)
    }
}
