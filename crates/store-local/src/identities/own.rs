//! The names of tasks of our own by their numbers: the newest in memory, all others found again in the log.
//!
//! Invariant: every own task numbered `complete_from` or higher is in `recent`; a mark says which task is the first one
//! that may be named in the frame at its position.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use pushtally_model::{AppId, Origin, TaskKey, TaskNumber};
use pushtally_store::OwnTask;

use super::record::{self, Record};
use crate::error::LocalError;
use crate::segments::SegmentReader;

/// Names kept in memory, some 100 bytes each: webhooks ask for those of tasks that events are being recorded of.
const RECENT_MAX: usize = 32_768;
/// Bytes of the log between two marks: what finding an older name reads beside the segment before it.
const MARK_EVERY_LEN: usize = 1 << 20;
/// What a name in memory takes, about.
const RECENT_LEN: usize = 112;

#[derive(Debug, Default)]
pub(super) struct Own {
    recent: VecDeque<OwnTask>,
    complete_from: u32,
    /// Ascending in both.
    marks: Vec<Mark>,
    unmarked_len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    tasks_from: u32,
    position: u64,
}

impl Own {
    /// A task was named. By ascending number.
    pub(super) fn named(&mut self, task: OwnTask) {
        if self.recent.len() >= RECENT_MAX
            && let Some(oldest) = self.recent.pop_front()
        {
            self.complete_from = oldest.number.0 + 1;
        }
        self.recent.push_back(task);
    }

    /// A frame is in the log; the first task that it may name is this one.
    pub(super) fn written(&mut self, tasks_from: u32, position: u64, len: usize) {
        if self.marks.is_empty() || self.unmarked_len >= MARK_EVERY_LEN {
            let mark = Mark {
                tasks_from,
                position,
            };
            self.marks.push(mark);
            self.unmarked_len = 0;
        }
        self.unmarked_len += len;
    }

    /// Those in memory, if all that are asked for would be.
    pub(super) fn recent(&self, from: TaskNumber, max: usize) -> Option<Vec<OwnTask>> {
        if from.0 < self.complete_from {
            return None;
        }
        let first = self.recent.partition_point(|task| task.number < from);
        Some(self.recent.iter().skip(first).take(max).cloned().collect())
    }

    /// Where in the log a task is named at the earliest, and the first task that is named there.
    pub(super) fn place(&self, task: TaskNumber) -> Option<(u64, u32)> {
        let after = self.marks.partition_point(|mark| mark.tasks_from <= task.0);
        let mark = self.marks.get(after.checked_sub(1)?)?;
        Some((mark.position, mark.tasks_from))
    }

    pub(super) fn bytes(&self) -> usize {
        self.recent.len() * RECENT_LEN + self.marks.len() * size_of::<Mark>()
    }
}

/// Reads names of tasks of our own on from a place.
pub(super) fn read(
    log: &SegmentReader,
    place: (u64, u32),
    from: TaskNumber,
    max: usize,
) -> Result<Vec<OwnTask>, LocalError> {
    let mut found = Vec::new();
    visit(log, place, from, &mut |app, key, id| {
        if key.origin == Origin::Own {
            found.push(OwnTask {
                number: key.number,
                app,
                kind: key.kind,
                id: id.to_owned(),
            });
        }
        found.len() < max
    })?;
    Ok(found)
}

/// Visits tasks from a number on, by number, until `more` says no.
pub(super) fn visit(
    log: &SegmentReader,
    (position, tasks_from): (u64, u32),
    from: TaskNumber,
    more: &mut dyn FnMut(AppId, TaskKey, &str) -> bool,
) -> Result<(), LocalError> {
    let mut next = tasks_from;
    log.read(position, None, &mut |place, bytes| {
        let mut records = record::Reader::new(bytes);
        while let Some(record) = records
            .next()
            .map_err(|why| super::unreadable(place.position, why))?
        {
            match record {
                Record::RaiseTasks(end) => next = next.max(end),
                Record::Task {
                    app,
                    kind,
                    origin,
                    id,
                } => {
                    let number = TaskNumber(next);
                    next += 1;
                    let key = TaskKey {
                        number,
                        kind,
                        origin,
                    };
                    if number >= from && !more(app, key, id) {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Record::Recipient { .. } | Record::Loss { .. } | Record::RaiseNumbers(..) => {}
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}
