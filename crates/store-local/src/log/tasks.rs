//! Which segments of the log have events of which task, learnt while they are read.
//!
//! A segment is read for one task; what else it names is kept, so that the next task that it does not name costs nothing.
//! Nothing is stored: after a start the first reading learns again. Held only while something is looked up or noted, so
//! neither appends nor other readers wait for one that reads.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_ledger::{SlotSet, recorded_ms, visit_task};
use pushtally_model::TaskNumber;
use pushtally_store::TaskVisitor;

use super::undecodable;
use crate::error::LocalError;
use crate::segments::{Place, SegmentReader};

/// What is known of all segments together, in bytes. A segment that names a million tasks in a row takes some 130 KB, so
/// this is enough for some hundred of those and for tens of thousands of others. What does not fit is read again.
const KNOWN_BYTES_MAX: usize = 16 << 20;

/// What was learnt, by the first position of a segment.
#[derive(Debug, Default)]
pub(super) struct TaskIndex(Mutex<BTreeMap<u64, Arc<Learnt>>>);

/// What the beginning of a segment, or all of it, holds.
#[derive(Debug, Clone, Default)]
struct Learnt {
    /// By the upper half of a task's number.
    tasks: BTreeMap<u16, SlotSet>,
    /// The last frame that was looked at.
    last: Option<Place>,
}

impl TaskIndex {
    /// Visits the events of a task that were recorded at this millisecond or later, and its calls, in the order of recording.
    pub(super) fn visit(
        &self,
        log: &SegmentReader,
        task: TaskNumber,
        recorded_from_ms: i64,
        visit: &mut TaskVisitor<'_>,
    ) -> Result<(), LocalError> {
        let segments = log.segments();
        self.forget_before(segments.first().map_or(0, |range| range.start));
        for range in needed(log, &segments, recorded_from_ms)? {
            self.visit_segment(log, range.clone(), task, &mut |entry| {
                if entry.recorded_ms() >= recorded_from_ms {
                    visit(entry);
                }
            })?;
        }
        Ok(())
    }

    fn visit_segment(
        &self,
        log: &SegmentReader,
        range: Range<u64>,
        task: TaskNumber,
        visit: &mut TaskVisitor<'_>,
    ) -> Result<(), LocalError> {
        let known = self.0.lock().get(&range.start).cloned().unwrap_or_default();
        let names_it = known.names(task);
        let seen_to = known.next().unwrap_or(range.start);
        let from = if names_it { range.start } else { seen_to };
        if from >= range.end {
            return Ok(());
        }
        let near = known.last.filter(|_| !names_it);
        let mut learnt = Learnt::clone(&known);
        log.read(from, near, &mut |place, bytes| {
            if place.position >= range.end {
                return Ok(ControlFlow::Break(()));
            }
            let is_new = place.position >= seen_to;
            let mut last = None;
            let mut named = |task| {
                // Of one frame a task is named once for each section, usually.
                if is_new && last.replace(task) != Some(task) {
                    learnt.add(task);
                }
            };
            visit_task(bytes, task, &mut named, &mut |entry| visit(entry))
                .map_err(|error| undecodable(place.position, &error))?;
            if is_new {
                learnt.last = Some(place);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.note(range.start, learnt);
        Ok(())
    }

    /// Keeps the larger of what two readers have learnt, within the bound.
    fn note(&self, segment: u64, learnt: Learnt) {
        let mut known = self.0.lock();
        let before = known.get(&segment).and_then(|known| known.next());
        if learnt.next() <= before {
            return;
        }
        known.remove(&segment);
        let others: usize = known.values().map(|known| known.bytes()).sum();
        if others + learnt.bytes() <= KNOWN_BYTES_MAX {
            known.insert(segment, Arc::new(learnt));
        }
    }

    fn forget_before(&self, first: u64) {
        let mut known = self.0.lock();
        if known
            .first_key_value()
            .is_some_and(|(segment, _)| *segment < first)
        {
            *known = known.split_off(&first);
        }
    }
}

/// The segments from the newest one on that begins before this millisecond: earlier ones were recorded before. Only their
/// first frames are looked at.
fn needed<'a>(
    log: &SegmentReader,
    segments: &'a [Range<u64>],
    recorded_from_ms: i64,
) -> Result<&'a [Range<u64>], LocalError> {
    let mut from = segments.len();
    while from > 0 {
        from -= 1;
        let Some(range) = segments.get(from).filter(|range| !range.is_empty()) else {
            continue;
        };
        let mut first_ms = None;
        log.read(range.start, None, &mut |place, bytes| {
            if range.contains(&place.position) {
                let ms = recorded_ms(bytes).map_err(|error| undecodable(place.position, &error))?;
                first_ms = Some(ms);
            }
            Ok(ControlFlow::Break(()))
        })?;
        if first_ms.is_some_and(|ms| ms < recorded_from_ms) {
            break;
        }
    }
    Ok(segments.get(from..).unwrap_or_default())
}

impl Learnt {
    fn names(&self, task: TaskNumber) -> bool {
        let (upper, lower) = halves(task);
        self.tasks
            .get(&upper)
            .is_some_and(|tasks| tasks.contains(lower))
    }

    fn add(&mut self, task: TaskNumber) {
        let (upper, lower) = halves(task);
        self.tasks.entry(upper).or_default().insert(lower);
    }

    /// The position after what was looked at.
    fn next(&self) -> Option<u64> {
        self.last.map(|place| place.position + 1)
    }

    fn bytes(&self) -> usize {
        let set = |set: &SlotSet| size_of::<(u16, SlotSet)>() + set.heap_bytes();
        size_of::<Self>() + self.tasks.values().map(set).sum::<usize>()
    }
}

fn halves(task: TaskNumber) -> (u16, u16) {
    ((task.0 >> 16) as u16, task.0 as u16)
}
