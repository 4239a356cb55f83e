//! Calls on their way to other receivers, webhooks and vendors' receipts: a durable queue for each line, each a log with
//! a cursor.
//!
//! At least once: a call is there from the return of `push` until `done` has passed it, whatever happens to the
//! process; after a crash the cursor may be where it was up to [`CALLS_BETWEEN_CURSORS`] calls before, never further
//! than it was moved. Not here: who sends the calls, when, and how often.

mod batch;
mod cursor;
mod line;

use crate::disk::Disk;
use crate::error::LocalError;
use line::LineQueue;
use pushtally_model::AppId;
use pushtally_store::RelayLine;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest call: a full body of events is a tenth of it.
pub const CALL_LEN_MAX: usize = 4 << 20;
/// The calls of one group commit; what comes meanwhile forms the next.
pub const BATCH_CALLS_MAX: usize = 4096;
/// The bytes of one group commit, unless a single call is longer: reading one call reads its whole batch.
pub const BATCH_LEN_MAX: usize = 1 << 20;
/// How many calls may be done before the cursor is written: what a crash repeats at most, beside what was under way.
pub const CALLS_BETWEEN_CURSORS: u64 = 1000;
/// A segment of a line's log: what is freed at once, and what opening reads.
const SEGMENT_LEN_MAX: u64 = 16 << 20;

/// What waits in a line's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// The calls that are not done.
    pub calls: u64,
    /// Their bytes, with the four that each takes for its length.
    pub bytes: u64,
}

/// The queues of all lines. Threads may share it; lines do not wait for each other, except while a new line's queue is
/// being created. Every line that ever had a call keeps two files open.
#[derive(Debug)]
pub struct RelayQueue {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    bytes_max: u64,
    lines: Mutex<BTreeMap<RelayLine, Arc<LineQueue>>>,
}

impl RelayQueue {
    /// Opens all queues under a directory, or creates it. `bytes_max` bounds what waits in each line's queue.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, bytes_max: u64) -> Result<Self, LocalError> {
        disk.create_dir_all(dir)
            .map_err(|error| LocalError::of_io("create", dir, error))?;
        let names = disk
            .list(dir)
            .map_err(|error| LocalError::of_io("list", dir, error))?;
        let mut lines = BTreeMap::new();
        // Whatever else an operator's file system puts here is none of ours.
        for line in names.iter().filter_map(|name| RelayLine::parse(name)) {
            let queue = LineQueue::open(&disk, &dir.join(line.to_string()), bytes_max)?;
            lines.insert(line, Arc::new(queue));
        }
        Ok(Self {
            disk,
            dir: dir.to_path_buf(),
            bytes_max,
            lines: Mutex::new(lines),
        })
    }

    /// Adds a call to the end of a line's queue and answers its number. It is durable when this returns; calls pushed
    /// at the same time share one sync. Numbers of a line grow and are not dense.
    ///
    /// Fails with [`LocalError::TooLarge`] beyond [`CALL_LEN_MAX`], with [`LocalError::QueueFull`] when too much waits,
    /// and as [`crate::segments::SegmentLog::append`] does.
    pub fn push(&self, line: impl Into<RelayLine>, call: &[u8]) -> Result<u64, LocalError> {
        if call.len() > CALL_LEN_MAX {
            return Err(LocalError::TooLarge {
                len: call.len(),
                max: CALL_LEN_MAX,
            });
        }
        self.queue_or_new(line.into())?.push(call)
    }

    /// The calls numbered above `after`, oldest first, each with its number: at most `calls_max`, and at most
    /// `bytes_max` bytes unless the first one alone is longer. Empty when nothing follows.
    pub fn read(
        &self,
        line: impl Into<RelayLine>,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, LocalError> {
        match self.queue(line.into()) {
            Some(queue) => queue.read(after, calls_max, bytes_max),
            None => Ok(Vec::new()),
        }
    }

    /// Moves the cursor over every call numbered up to `up_to`, never back and never beyond the last one pushed. What
    /// is entirely behind it is removed from the disk. It is written now and then, and by [`Self::close`].
    pub fn done(&self, line: impl Into<RelayLine>, up_to: u64) -> Result<(), LocalError> {
        self.queue(line.into())
            .map_or(Ok(()), |queue| queue.done(up_to))
    }

    /// Begins a segment in each of an app's queues: what was pushed before goes as soon as all of it is done, and what is
    /// done already at once.
    pub fn begin_segments(&self, app: AppId) -> Result<(), LocalError> {
        let lines = self.lines().into_iter().filter(|line| line.app() == app);
        for line in lines {
            if let Some(queue) = self.queue(line) {
                queue.begin_segment()?;
            }
        }
        Ok(())
    }

    /// What waits in a line's queue.
    #[must_use]
    pub fn backlog(&self, line: impl Into<RelayLine>) -> Backlog {
        self.queue(line.into())
            .map(|queue| queue.backlog())
            .unwrap_or_default()
    }

    /// The number up to which a line's calls are done, 0 when none is.
    #[must_use]
    pub fn cursor(&self, line: impl Into<RelayLine>) -> u64 {
        self.queue(line.into()).map_or(0, |queue| queue.cursor())
    }

    /// The lines that ever had a call, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<RelayLine> {
        self.map().keys().copied().collect()
    }

    /// The bytes of batches that were cut when the queues were opened: they were being written when the power went
    /// and never acknowledged. Above 0 it is worth a line in the operator's log.
    #[must_use]
    pub fn torn_bytes_cut(&self) -> u64 {
        self.map()
            .values()
            .map(|queue| queue.torn_bytes_cut())
            .sum()
    }

    /// Writes every cursor and marks the end of every log. Tries all lines and answers the first error.
    pub fn close(&self) -> Result<(), LocalError> {
        let queues: Vec<_> = self.map().values().cloned().collect();
        let closed: Vec<_> = queues.iter().map(|queue| queue.close()).collect();
        closed.into_iter().collect()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<RelayLine, Arc<LineQueue>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, line: RelayLine) -> Option<Arc<LineQueue>> {
        self.map().get(&line).cloned()
    }

    fn queue_or_new(&self, line: RelayLine) -> Result<Arc<LineQueue>, LocalError> {
        let mut map = self.map();
        if let Some(queue) = map.get(&line) {
            return Ok(Arc::clone(queue));
        }
        let dir = self.dir.join(line.to_string());
        let queue = Arc::new(LineQueue::open(&self.disk, &dir, self.bytes_max)?);
        map.insert(line, Arc::clone(&queue));
        Ok(queue)
    }
}
