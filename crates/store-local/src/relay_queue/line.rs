//! One line's queue: a log of batches, a cursor, and the callers that share a sync.
//!
//! Invariants: a call is counted and readable only after its batch is durable; the cursor grows and never passes the
//! last call pushed; a segment is dropped only when every call in it is behind the cursor. Locks are taken in the
//! order cursor file, log, state, and the state's is never held across the disk.

use super::batch::{Batch, BatchRef, Totals, number, place_of, stored_len};
use super::cursor::{Cursor, CursorFile};
use super::{Backlog, CALLS_BETWEEN_CURSORS, SEGMENT_LEN_MAX};
use crate::disk::Disk;
use crate::error::LocalError;
use crate::segments::{Place, SegmentLog, SegmentOptions, SegmentReader};
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many bytes of batches lie between two remembered places: what finding a call reads at most, beside its batch.
/// A full queue of 1 GiB remembers 16,384 of them.
const BYTES_BETWEEN_PLACES: u64 = 64 << 10;

const OPTIONS: SegmentOptions = SegmentOptions {
    segment_len_max: SEGMENT_LEN_MAX,
    // Lines are many and most are quiet: zeros ahead would cost more than they save.
    preallocate: false,
    ..SegmentOptions::new(*b"pt-relay", 1, 1)
};

#[derive(Debug)]
pub(super) struct LineQueue {
    dir: PathBuf,
    bytes_max: u64,
    torn_bytes_cut: u64,
    reader: SegmentReader,
    log: Mutex<SegmentLog>,
    cursor_file: Mutex<CursorFile>,
    state: Mutex<State>,
    /// A group has its outcome.
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Everything durable.
    pushed: Totals,
    /// The number of the last call that is durable.
    last: u64,
    cursor: Cursor,
    /// The first frame with a call that is not done.
    first_needed: u64,
    waiting: VecDeque<Group>,
    waiting_bytes: u64,
    is_committing: bool,
    /// Where some frames begin, oldest first.
    places: VecDeque<Place>,
    bytes_since_place: u64,
}

/// Calls that will share a frame.
#[derive(Debug, Default)]
struct Group {
    batch: Batch,
    outcome: Outcome,
}

/// The position of the frame, or why there is none; set once, read by every caller of the group.
type Outcome = Arc<OnceLock<Result<u64, LocalError>>>;

impl LineQueue {
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        bytes_max: u64,
    ) -> Result<Self, LocalError> {
        let opened = SegmentLog::open(Arc::clone(disk), dir, OPTIONS)?;
        let cursor_file = CursorFile::open(&**disk, dir)?;
        let reader = opened.log.reader();
        let next = opened.report.next;
        let state = State::load(dir, &reader, cursor_file.written(), next)?;
        Ok(Self {
            dir: dir.to_path_buf(),
            bytes_max,
            torn_bytes_cut: opened.report.torn_bytes_cut,
            reader,
            log: Mutex::new(opened.log),
            cursor_file: Mutex::new(cursor_file),
            state: Mutex::new(state),
            settled: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, SegmentLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the group that commits next. Whoever finds nobody committing commits the oldest group for all its callers.
    pub(super) fn push(&self, call: &[u8]) -> Result<u64, LocalError> {
        let mut state = self.state();
        let bytes = state.backlog().bytes + state.waiting_bytes + stored_len(call);
        if bytes > self.bytes_max {
            return Err(LocalError::QueueFull {
                bytes,
                max: self.bytes_max,
            });
        }
        let (outcome, index) = state.join(call);
        loop {
            if let Some(settled) = outcome.get() {
                return match settled {
                    Ok(position) => Ok(number(*position, index)),
                    Err(error) => Err(again(error)),
                };
            }
            state = if state.is_committing {
                self.settled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                self.commit_oldest(state)
            };
        }
    }

    fn commit_oldest<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let Some(Group { batch, outcome }) = state.waiting.pop_front() else {
            return state;
        };
        state.is_committing = true;
        let before = state.pushed;
        drop(state);
        let payload = batch.encode(before);
        let mut log = self.log();
        let appended = log.append(&payload);
        let place = log.last_place();
        drop(log);
        let mut state = self.state();
        state.is_committing = false;
        state.waiting_bytes -= batch.bytes();
        if let Ok(position) = appended {
            state.last = number(position, batch.len() - 1);
            state.pushed.calls += batch.len() as u64;
            state.pushed.bytes += batch.bytes();
            if let Some(place) = place {
                state.remember(place, payload.len());
            }
        }
        // Each group is taken by one committer, so this is the only time that it is set.
        let _ = outcome.set(appended);
        self.settled.notify_all();
        state
    }

    pub(super) fn read(
        &self,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, LocalError> {
        let mut calls = Vec::new();
        let mut bytes = 0;
        let (from, _) = place_of(after);
        let state = self.state();
        // A batch can be read a moment before it is counted, and then could not be done.
        let (near, last) = (state.near(from), state.last);
        drop(state);
        self.reader.read(from, near, &mut |place, payload| {
            for (index, call) in decode(&self.dir, place, payload)?.calls().enumerate() {
                let number = number(place.position, index);
                if number <= after {
                    continue;
                }
                bytes += call.len();
                if number > last
                    || calls.len() == calls_max
                    || (bytes > bytes_max && !calls.is_empty())
                {
                    return Ok(ControlFlow::Break(()));
                }
                calls.push((number, call.to_vec()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(calls)
    }

    pub(super) fn done(&self, up_to: u64) -> Result<(), LocalError> {
        let state = self.state();
        let up_to = up_to.min(state.last);
        if up_to <= state.cursor.done {
            return Ok(());
        }
        let (from, index) = place_of(up_to);
        let near = state.near(from);
        drop(state);
        let mut totals = None;
        let mut first_needed = from;
        self.reader.read(from, near, &mut |place, payload| {
            let batch = decode(&self.dir, place, payload)?;
            let is_done = place.position == from && index + 1 >= batch.len();
            first_needed = place.position + u64::from(is_done);
            let count = if place.position == from { index + 1 } else { 0 };
            totals = Some(batch.totals_after(count));
            Ok(ControlFlow::Break(()))
        })?;
        let mut state = self.state();
        // Another caller may have moved it further, and dropped what this one looked for.
        let Some(totals) = totals.filter(|_| up_to > state.cursor.done) else {
            return Ok(());
        };
        state.cursor = Cursor {
            done: up_to,
            totals,
        };
        state.first_needed = first_needed;
        state.forget_places();
        drop(state);
        self.tidy(totals.calls, first_needed)
    }

    /// Begins a segment, and frees what lies behind the cursor.
    pub(super) fn begin_segment(&self) -> Result<(), LocalError> {
        self.log().begin_segment()?;
        let state = self.state();
        let (calls_done, first_needed) = (state.cursor.totals.calls, state.first_needed);
        drop(state);
        self.tidy(calls_done, first_needed)
    }

    /// Writes the cursor when it is due, and frees what lies behind it.
    fn tidy(&self, calls_done: u64, first_needed: u64) -> Result<(), LocalError> {
        let can_drop = self.reader.can_drop_before(first_needed);
        let mut file = self
            .cursor_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_due = calls_done >= file.written().totals.calls + CALLS_BETWEEN_CURSORS;
        if is_due || can_drop {
            let cursor = self.state().cursor;
            file.write(cursor)?;
        }
        if can_drop {
            self.log().drop_before(first_needed)?;
        }
        Ok(())
    }

    pub(super) fn backlog(&self) -> Backlog {
        self.state().backlog()
    }

    pub(super) fn cursor(&self) -> u64 {
        self.state().cursor.done
    }

    pub(super) fn torn_bytes_cut(&self) -> u64 {
        self.torn_bytes_cut
    }

    pub(super) fn close(&self) -> Result<(), LocalError> {
        let mut file = self
            .cursor_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let cursor = self.state().cursor;
        let written = file.write(cursor);
        self.log().seal().and(written)
    }
}

impl State {
    /// Reads everything behind the cursor once.
    fn load(
        dir: &Path,
        reader: &SegmentReader,
        mut cursor: Cursor,
        next: u64,
    ) -> Result<Self, LocalError> {
        // A cursor ahead of its log, as after a restored backup, would skip the calls that come next.
        cursor.done = cursor.done.min(number(next, 0).saturating_sub(1));
        let (from, index) = place_of(cursor.done);
        let mut state = Self {
            pushed: cursor.totals,
            last: cursor.done,
            ..Self::default()
        };
        let mut is_first = true;
        state.first_needed = next;
        reader.read(from, None, &mut |place, payload| {
            let batch = decode(dir, place, payload)?;
            if is_first {
                is_first = false;
                let done = if place.position == from { index + 1 } else { 0 };
                cursor.totals = batch.totals_after(done);
                state.first_needed = place.position + u64::from(done >= batch.len());
            }
            state.pushed = batch.totals_after(batch.len());
            state.last = number(place.position, batch.len().saturating_sub(1));
            state.remember(place, payload.len());
            Ok(ControlFlow::Continue(()))
        })?;
        state.cursor = cursor;
        Ok(state)
    }

    fn backlog(&self) -> Backlog {
        Backlog {
            calls: self.pushed.calls.saturating_sub(self.cursor.totals.calls),
            bytes: self.pushed.bytes.saturating_sub(self.cursor.totals.bytes),
        }
    }

    /// Adds a call to the last group, or to a new one.
    fn join(&mut self, call: &[u8]) -> (Outcome, usize) {
        self.waiting_bytes += stored_len(call);
        match self.waiting.back_mut() {
            Some(group) if group.batch.has_room_for(call) => {
                (Arc::clone(&group.outcome), group.batch.add(call))
            }
            _ => {
                let mut group = Group::default();
                let joined = (Arc::clone(&group.outcome), group.batch.add(call));
                self.waiting.push_back(group);
                joined
            }
        }
    }

    fn remember(&mut self, place: Place, len: usize) {
        if self.places.is_empty() || self.bytes_since_place >= BYTES_BETWEEN_PLACES {
            self.places.push_back(place);
            self.bytes_since_place = 0;
        }
        self.bytes_since_place += len as u64;
    }

    /// The last remembered place at or before a position.
    fn near(&self, position: u64) -> Option<Place> {
        let after = self
            .places
            .partition_point(|place| place.position <= position);
        self.places.get(after.checked_sub(1)?).copied()
    }

    /// Keeps the last place at or before the first frame that is needed, and all after it.
    fn forget_places(&mut self) {
        while self
            .places
            .get(1)
            .is_some_and(|second| second.position <= self.first_needed)
        {
            self.places.pop_front();
        }
    }
}

fn decode<'p>(dir: &Path, place: Place, payload: &'p [u8]) -> Result<BatchRef<'p>, LocalError> {
    BatchRef::decode(payload).ok_or_else(|| {
        let why = format!(
            "the frame at position `{}` is no batch of calls",
            place.position
        );
        LocalError::corrupt(dir, 0, why)
    })
}

/// The same error for another caller of the group: an `io::Error` cannot be cloned.
fn again(error: &LocalError) -> LocalError {
    match error {
        LocalError::DiskFull { path } => LocalError::DiskFull { path: path.clone() },
        LocalError::Poisoned => LocalError::Poisoned,
        LocalError::Io { what, source } => LocalError::Io {
            what: what.clone(),
            source: io::Error::new(source.kind(), source.to_string()),
        },
        other => LocalError::Io {
            what: "append to a relay queue".to_owned(),
            source: io::Error::other(other.to_string()),
        },
    }
}
