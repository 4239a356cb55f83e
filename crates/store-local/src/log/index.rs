//! Which segments of the log name what, learnt while they are read: tasks, or shards with devices of an app.
//!
//! A segment is read for one name; what else it names is kept, so that the next name that it does not have costs nothing.
//! Nothing is stored: after a start the first reading learns again. Held only while something is looked up or noted, so
//! neither appends nor other readers wait for one that reads.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_ledger::{DecodeError, SlotSet, recorded_ms};

use super::undecodable;
use crate::error::LocalError;
use crate::segments::{Place, SegmentReader};

/// A name in two parts: of one first part the second ones make a set.
pub(super) type Name = (u32, u16);

/// Takes what a frame names; nobody asks in frames that were read before.
pub(super) type Named<'a> = dyn FnMut(Name) + 'a;

/// What was learnt, by the first position of a segment.
#[derive(Debug)]
pub(super) struct SegmentIndex {
    learnt: Mutex<BTreeMap<u64, Arc<Learnt>>>,
    /// Of all segments together. What does not fit is read again.
    bytes_max: usize,
}

/// What the beginning of a segment, or all of it, holds.
#[derive(Debug, Clone, Default)]
struct Learnt {
    names: BTreeMap<u32, SlotSet>,
    /// The last frame that was looked at.
    last: Option<Place>,
}

impl SegmentIndex {
    /// Knows nothing yet.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            learnt: Mutex::default(),
            bytes_max,
        }
    }

    /// Reads, in the order of recording, every frame of this millisecond or later that may have one of these names; and earlier
    /// ones.
    pub(super) fn read(
        &self,
        log: &SegmentReader,
        names: &[Name],
        recorded_from_ms: i64,
        read: &mut impl FnMut(&[u8], Option<&mut Named<'_>>) -> Result<(), DecodeError>,
    ) -> Result<(), LocalError> {
        let segments = log.segments();
        self.forget_before(segments.first().map_or(0, |range| range.start));
        for range in needed(log, &segments, recorded_from_ms)? {
            self.read_segment(log, range.clone(), names, read)?;
        }
        Ok(())
    }

    fn read_segment(
        &self,
        log: &SegmentReader,
        range: Range<u64>,
        names: &[Name],
        read: &mut impl FnMut(&[u8], Option<&mut Named<'_>>) -> Result<(), DecodeError>,
    ) -> Result<(), LocalError> {
        let known = self.learnt.lock().get(&range.start).cloned();
        let known = known.unwrap_or_default();
        let has_any = names.iter().any(|name| known.has(*name));
        let seen_to = known.next().unwrap_or(range.start);
        let from = if has_any { range.start } else { seen_to };
        if from >= range.end {
            return Ok(());
        }
        let near = known.last.filter(|_| !has_any);
        let mut learnt = Learnt::clone(&known);
        log.read(from, near, &mut |place, bytes| {
            if place.position >= range.end {
                return Ok(ControlFlow::Break(()));
            }
            let is_new = place.position >= seen_to;
            let mut last = None;
            let mut named = |name| {
                // Of one frame a name comes once for each section, or run, usually.
                if last.replace(name) != Some(name) {
                    learnt.add(name);
                }
            };
            read(bytes, is_new.then_some(&mut named))
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
        let mut known = self.learnt.lock();
        let before = known.get(&segment).and_then(|known| known.next());
        if learnt.next() <= before {
            return;
        }
        known.remove(&segment);
        let others: usize = known.values().map(|known| known.bytes()).sum();
        if others + learnt.bytes() <= self.bytes_max {
            known.insert(segment, Arc::new(learnt));
        }
    }

    fn forget_before(&self, first: u64) {
        let mut known = self.learnt.lock();
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
    fn has(&self, (upper, lower): Name) -> bool {
        let set = self.names.get(&upper);
        set.is_some_and(|set| set.contains(lower))
    }

    fn add(&mut self, (upper, lower): Name) {
        self.names.entry(upper).or_default().insert(lower);
    }

    /// The position after what was looked at.
    fn next(&self) -> Option<u64> {
        self.last.map(|place| place.position + 1)
    }

    fn bytes(&self) -> usize {
        let set = |set: &SlotSet| size_of::<(u32, SlotSet)>() + set.heap_bytes();
        size_of::<Self>() + self.names.values().map(set).sum::<usize>()
    }
}
