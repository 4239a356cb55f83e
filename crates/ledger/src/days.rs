//! Counts by day, and what is kept of an app's kind as a whole.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use pushtally_model::{Cell, LossId};

use crate::rows::{Delta, add_total};
use crate::wire::{DecodeError, Reader, put_varint};

/// Counts by day: the coarsest resolution, and the list of days that have rows.
#[derive(Debug, Clone, Default)]
pub struct Days {
    by_day: BTreeMap<u32, Totals>,
    /// Counts of all days together, so that their memory is known without a walk.
    counts: usize,
    /// Those of all days, summed when a query first asks and kept up to date from then on: most windows have nearly all
    /// days of a task in them, or none.
    sum: OnceLock<Totals>,
}

/// Ascending by (cell, loss).
type Totals = Vec<(Cell, LossId, u64)>;

impl PartialEq for Days {
    fn eq(&self, other: &Self) -> bool {
        self.by_day == other.by_day
    }
}

impl Eq for Days {}

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
        if let Some(sum) = self.sum.get_mut() {
            for delta in deltas {
                add_total(sum, delta.cell, delta.loss, delta.count.into());
            }
        }
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
        self.sum.take();
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

    /// Visits the counts of the days in a range, none of which is 0; a (cell, loss) may come once for each day. When more
    /// days are inside than outside, those outside are taken off the sum of all.
    pub(crate) fn visit(&self, days: Range<u32>, visit: &mut impl FnMut(Cell, LossId, u64)) {
        if days.is_empty() {
            return;
        }
        let inside = || self.by_day.range(days.clone());
        if inside().count() * 2 <= self.by_day.len() {
            for (cell, loss, count) in inside().flat_map(|(_, totals)| totals) {
                visit(*cell, *loss, *count);
            }
            return;
        }
        let mut sum = self.sum.get_or_init(|| self.summed()).clone();
        let outside = self.by_day.range(..days.start);
        for (_, totals) in outside.chain(self.by_day.range(days.end..)) {
            take_totals(&mut sum, totals);
        }
        for (cell, loss, count) in sum.into_iter().filter(|(_, _, count)| *count > 0) {
            visit(cell, loss, count);
        }
    }

    fn summed(&self) -> Totals {
        let mut sum = Totals::new();
        for (cell, loss, count) in self.by_day.values().flatten() {
            add_total(&mut sum, *cell, *loss, *count);
        }
        sum
    }

    /// Drops the days before one; answers which.
    pub(crate) fn cut(&mut self, before_day: u32) -> Vec<u32> {
        let keep = self.by_day.split_off(&before_day);
        let cut = std::mem::replace(&mut self.by_day, keep);
        self.counts -= cut.values().map(Vec::len).sum::<usize>();
        self.sum.take();
        cut.into_keys().collect()
    }

    /// Approximate: lists have up to half as much room again as they use.
    pub(crate) fn heap_bytes(&self) -> usize {
        let sum = self.sum.get().map_or(0, Vec::len);
        self.by_day.len() * 64 + (self.counts + sum) * 24
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
                totals.push((cell, LossId(reader.u32()?), reader.count()?));
            }
            let ascend =
                totals.is_sorted_by(|(a, a_loss, _), (b, b_loss, _)| (a, a_loss) < (b, b_loss));
            days.counts += totals.len();
            if !ascend || days.by_day.insert(day, totals).is_some() {
                return Err(reader.impossible("order of a day"));
            }
        }
        Ok(days)
    }
}

/// Takes counts off counts that have them in them; both ascend.
fn take_totals(sum: &mut Totals, taken: &[(Cell, LossId, u64)]) {
    let mut kept = sum.iter_mut();
    for (cell, loss, count) in taken {
        if let Some(kept) = kept.find(|kept| (kept.0, kept.1) == (*cell, *loss)) {
            kept.2 -= count;
        }
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
            fresh: reader.count()?,
            duplicate: reader.count()?,
            too_late: reader.count()?,
            unmatched: reader.count()?,
            ended_before: reader.count()?,
        };
        Ok(Self {
            counters,
            days: Days::decode(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pushtally_model::Second;

    use super::*;

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

    proptest! {
        #[test]
        fn a_range_counts_as_its_days_do_whether_or_not_it_was_asked_before(
            parts in proptest::collection::vec(
                (0..3_u8, proptest::collection::vec((0..12_u32, 0..4_u8, 0..2_u32, 1..9_u32), 0..12)),
                0..8,
            ),
            range in (0..13_u32, 0..13_u32),
        ) {
            let mut days = Days::default();
            for (how, part) in &parts {
                let mut other = Days::default();
                for (day, cell, loss, count) in part {
                    let delta = Delta {
                        at: Second(day * 86_400),
                        cell: Cell::from_byte(cell << 3).unwrap(),
                        loss: LossId(*loss),
                        count: *count,
                    };
                    if *how == 0 { &mut other } else { &mut days }.add(*day, &[delta]);
                }
                match how {
                    0 => days.absorb(&other),
                    1 => drop(days.cut(part.len() as u32 / 2)),
                    _ => {}
                }
                let mut expected = Totals::new();
                let inside = |day: &u32| (range.0..range.1).contains(day);
                for (_, totals) in days.iter().filter(|(day, _)| inside(day)) {
                    totals.iter().for_each(|(cell, loss, count)| add_total(&mut expected, *cell, *loss, *count));
                }
                let mut visited = Totals::new();
                days.visit(range.0..range.1, &mut |cell, loss, count| {
                    assert!(count > 0);
                    add_total(&mut visited, cell, loss, count);
                });
                prop_assert_eq!(visited, expected);
            }
        }
    }
}
