//! Counts by day, and what is kept of an app's kind as a whole.

use std::collections::BTreeMap;

use pushtally_model::{Cell, LossId};

use crate::rows::{Delta, add_total};
use crate::wire::{DecodeError, Reader, put_varint};

/// Counts by day: the coarsest resolution, and the list of days that have rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Days {
    by_day: BTreeMap<u32, Vec<(Cell, LossId, u64)>>,
    /// Counts of all days together, so that their memory is known without a walk.
    counts: usize,
}

/// All tasks of one kind of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalPage {
    /// Counts by day.
    pub days: Days,
    /// What became of the events recorded.
    pub counters: Counters,
}

/// What became of every event recorded: they sum to the events in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Counted.
    pub fresh: u64,
    /// Already counted before.
    pub duplicate: u64,
    /// Of a forgotten task.
    pub too_late: u64,
    /// Delivered or clicked without having been planned there (own tasks only).
    pub unmatched: u64,
    /// A second end of the same device and channel (own tasks only).
    pub ended_before: u64,
}

impl Counters {
    /// Every event recorded.
    #[must_use]
    pub const fn recorded(&self) -> u64 {
        self.fresh + self.duplicate + self.too_late + self.unmatched + self.ended_before
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.fresh += other.fresh;
        self.duplicate += other.duplicate;
        self.too_late += other.too_late;
        self.unmatched += other.unmatched;
        self.ended_before += other.ended_before;
    }
}

impl Days {
    /// Adds counts of one day.
    pub fn add(&mut self, day: u32, deltas: &[Delta]) {
        let totals = self.by_day.entry(day).or_default();
        let before = totals.len();
        for delta in deltas {
            add_total(totals, delta.cell, delta.loss, delta.count.into());
        }
        self.counts += totals.len() - before;
    }

    /// Adds another's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (day, totals) in &other.by_day {
            let kept = self.by_day.entry(*day).or_default();
            let before = kept.len();
            for (cell, loss, count) in totals {
                add_total(kept, *cell, *loss, *count);
            }
            self.counts += kept.len() - before;
        }
    }

    /// Whether the day has counts.
    #[must_use]
    pub fn contains(&self, day: u32) -> bool {
        self.by_day.contains_key(&day)
    }

    /// The days that have counts, ascending, with their totals by (cell, loss).
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[(Cell, LossId, u64)])> {
        self.by_day
            .iter()
            .map(|(day, totals)| (*day, totals.as_slice()))
    }

    /// The same for days in a range.
    pub(crate) fn range(
        &self,
        days: std::ops::Range<u32>,
    ) -> impl Iterator<Item = &(Cell, LossId, u64)> {
        let days = days.start..days.end.max(days.start);
        self.by_day.range(days).flat_map(|(_, totals)| totals)
    }

    /// Drops the days before one; answers which.
    pub(crate) fn cut(&mut self, before_day: u32) -> Vec<u32> {
        let keep = self.by_day.split_off(&before_day);
        let cut = std::mem::replace(&mut self.by_day, keep);
        self.counts -= cut.values().map(Vec::len).sum::<usize>();
        cut.into_keys().collect()
    }

    /// Approximate: lists have up to half as much room again as they use.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.by_day.len() * 64 + self.counts * 24
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.by_day.len() as u64);
        let mut last = 0;
        for (day, totals) in &self.by_day {
            put_varint(out, u64::from(day - last));
            last = *day;
            put_varint(out, totals.len() as u64);
            for (cell, loss, count) in totals {
                out.push(cell.byte());
                put_varint(out, loss.0.into());
                put_varint(out, *count);
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut days = Self::default();
        let mut day = 0u32;
        for _ in 0..reader.len()? {
            day = day
                .checked_add(reader.u32()?)
                .ok_or_else(|| reader.impossible("day"))?;
            let mut totals = Vec::new();
            for _ in 0..reader.len()? {
                let cell =
                    Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?;
                totals.push((cell, LossId(reader.u32()?), reader.varint()?));
            }
            days.counts += totals.len();
            days.by_day.insert(day, totals);
        }
        Ok(days)
    }
}

impl TotalPage {
    /// Adds another part's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.days.absorb(&other.days);
        self.counters.add(&other.counters);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.days.heap_bytes()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Counters {
            fresh,
            duplicate,
            too_late,
            unmatched,
            ended_before,
        } = self.counters;
        for counter in [fresh, duplicate, too_late, unmatched, ended_before] {
            put_varint(out, counter);
        }
        self.days.encode(out);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let counters = Counters {
            fresh: reader.varint()?,
            duplicate: reader.varint()?,
            too_late: reader.varint()?,
            unmatched: reader.varint()?,
            ended_before: reader.varint()?,
        };
        Ok(Self {
            counters,
            days: Days::decode(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::Second;

    #[test]
    fn counts_are_known_without_a_walk() {
        let delta = |day: u32, cell: u8| Delta {
            at: Second(day * 86_400),
            cell: Cell::from_byte(cell << 3).unwrap(),
            loss: LossId::NONE,
            count: 1,
        };
        let check = |days: &Days, expected: usize| {
            let walked: usize = days.iter().map(|(_, totals)| totals.len()).sum();
            assert_eq!((days.counts, walked), (expected, expected));
        };
        let mut days = Days::default();
        days.add(3, &[delta(3, 1), delta(3, 2), delta(3, 1)]);
        days.add(4, &[delta(4, 1)]);
        check(&days, 3);
        let mut other = Days::default();
        other.add(4, &[delta(4, 1), delta(4, 2)]);
        other.add(5, &[delta(5, 1)]);
        days.absorb(&other);
        check(&days, 5);
        let mut bytes = Vec::new();
        days.encode(&mut bytes);
        let read = Days::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read, days);
        assert_eq!(days.cut(4), [3]);
        check(&days, 3);
    }
}
