//! Counts by day, and what is kept of an app's kind as a whole.

use std::collections::BTreeMap;

use pushtally_model::{Cell, LossId};

use crate::rows::{Delta, add_total};
use crate::wire::{DecodeError, Reader, put_varint};

/// Counts by day: the coarsest resolution, and the list of days that have rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Days(BTreeMap<u32, Vec<(Cell, LossId, u64)>>);

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
        let totals = self.0.entry(day).or_default();
        for delta in deltas {
            add_total(totals, delta.cell, delta.loss, delta.count.into());
        }
    }

    /// Adds another's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (day, totals) in &other.0 {
            let kept = self.0.entry(*day).or_default();
            for (cell, loss, count) in totals {
                add_total(kept, *cell, *loss, *count);
            }
        }
    }

    /// Whether the day has counts.
    #[must_use]
    pub fn contains(&self, day: u32) -> bool {
        self.0.contains_key(&day)
    }

    /// The days that have counts, ascending, with their totals by (cell, loss).
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[(Cell, LossId, u64)])> {
        self.0.iter().map(|(day, totals)| (*day, totals.as_slice()))
    }

    /// The same for days in a range.
    pub(crate) fn range(
        &self,
        days: std::ops::Range<u32>,
    ) -> impl Iterator<Item = &(Cell, LossId, u64)> {
        let days = days.start..days.end.max(days.start);
        self.0.range(days).flat_map(|(_, totals)| totals)
    }

    /// Drops the days before one; answers which.
    pub(crate) fn cut(&mut self, before_day: u32) -> Vec<u32> {
        let keep = self.0.split_off(&before_day);
        std::mem::replace(&mut self.0, keep).into_keys().collect()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0
            .values()
            .map(|totals| 64 + totals.capacity() * 16)
            .sum()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        let mut last = 0;
        for (day, totals) in &self.0 {
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
        let mut days = BTreeMap::new();
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
            if !ascend || days.insert(day, totals).is_some() {
                return Err(reader.impossible("order of a day"));
            }
        }
        Ok(Self(days))
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
