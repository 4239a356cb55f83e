//! The rows of one (scope, day): counts a second, summed a minute and an hour.
//!
//! Invariant: an hour's counts are its settled rows plus its loose ones. Settled rows are strictly ascending by
//! (second, cell, loss); loose ones are in no order and few. Only seconds are stored; minutes and hours are summed
//! when a query first asks. Hours are behind `Arc`, so that a copy made beside a reader costs the loose rows of one.

mod hour;
mod series;

use std::ops::Range;
use std::sync::Arc;

use pushtally_model::{Cell, Event, LossId, Second};

use crate::wire::{DecodeError, Reader};
use hour::Hour;
pub(crate) use series::unite;

const HOURS: usize = 24;
const HOUR_S: u32 = 3600;

/// An addition to the counts of one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delta {
    /// The second.
    pub at: Second,
    /// Route, channel, lane.
    pub cell: Cell,
    /// Why, for a loss.
    pub loss: LossId,
    /// How many devices.
    pub count: u32,
}

impl Delta {
    /// One device's event.
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            at: event.at,
            cell: event.cell,
            loss: event.loss,
            count: 1,
        }
    }

    /// Second, cell and loss as one comparable number.
    fn order(&self) -> u128 {
        (u128::from(self.at.0) << 64)
            | (u128::from(self.cell.byte()) << 32)
            | u128::from(self.loss.0)
    }
}

/// Deltas ordered, with equal ones summed.
pub(crate) fn sum_equal(mut deltas: Vec<Delta>) -> Vec<Delta> {
    deltas.sort_unstable_by_key(Delta::order);
    deltas.dedup_by(|later, first| {
        let same = (later.at, later.cell, later.loss) == (first.at, first.cell, first.loss);
        if same {
            first.count = add(first.count, later.count);
        }
        same
    });
    deltas
}

/// A count in one bucket of an hour. `key` is bucket and cell, so that rows compare as one number and the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: u32,
    loss: LossId,
    count: u32,
}

impl Row {
    fn new(bucket: u32, cell: u8, loss: LossId, count: u32) -> Self {
        Self {
            key: bucket << 8 | u32::from(cell),
            loss,
            count,
        }
    }

    /// Of the second within the hour.
    fn of(delta: &Delta) -> Self {
        let second = delta.at.of_day() % HOUR_S;
        Self::new(second, delta.cell.byte(), delta.loss, delta.count)
    }

    fn order(&self) -> u64 {
        u64::from(self.key) << 32 | u64::from(self.loss.0)
    }

    fn bucket(&self) -> u32 {
        self.key >> 8
    }

    fn cell_byte(&self) -> u8 {
        self.key as u8
    }

    fn cell(&self) -> Option<Cell> {
        Cell::from_byte(self.cell_byte())
    }
}

/// The rows of one scope and day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayPage {
    hours: [Option<Arc<Hour>>; HOURS],
}

impl DayPage {
    /// Adds counts, ordered by (at, cell, loss), all of this day.
    pub fn add(&mut self, deltas: &[Delta]) {
        for hour in deltas.chunk_by(|a, b| a.at.of_day() / HOUR_S == b.at.of_day() / HOUR_S) {
            let Some(first) = hour.first() else { continue };
            let slot = &mut self.hours[(first.at.of_day() / HOUR_S) as usize];
            Arc::make_mut(slot.get_or_insert_default()).add(hour.iter().map(Row::of));
        }
    }

    /// Visits the counts of the seconds of the day in this range, in no order, from the coarsest rows that fit.
    pub fn visit(&self, range: Range<u32>, visit: &mut impl FnMut(Cell, LossId, u64)) {
        for (index, hour) in (0u32..).zip(&self.hours) {
            let Some(hour) = hour else { continue };
            let start = range.start.max(index * HOUR_S);
            let end = range.end.min((index + 1) * HOUR_S);
            if start < end {
                hour.visit(start - index * HOUR_S..end - index * HOUR_S, visit);
            }
        }
    }

    /// Every second's counts, ascending by (second of the day, cell, loss).
    pub fn seconds(&self) -> impl Iterator<Item = (u32, Cell, LossId, u32)> + '_ {
        (0u32..).zip(&self.hours).flat_map(|(index, hour)| {
            let rows = hour.iter().flat_map(|hour| hour.rows().into_owned());
            rows.filter_map(move |row| {
                let second = index * HOUR_S + row.bucket();
                Some((second, row.cell()?, row.loss, row.count))
            })
        })
    }

    /// Adds another page's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (hour, more) in self.hours.iter_mut().zip(&other.hours) {
            if let Some(more) = more {
                Arc::make_mut(hour.get_or_insert_default()).add(more.rows().iter().copied());
            }
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.hours
            .iter()
            .flatten()
            .map(|hour| size_of::<Hour>() + 16 + hour.heap_bytes())
            .sum()
    }

    /// By hour and cell, so that a second is one difference and most counts, being 1, are one bit.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut rows: Vec<Row> = Vec::new();
        for hour in &self.hours {
            rows.clear();
            if let Some(hour) = hour {
                rows.extend_from_slice(&hour.rows());
            }
            series::sort(&mut rows);
            series::encode(&rows, out);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut page = Self::default();
        for hour in &mut page.hours {
            let mut rows = Vec::new();
            series::decode(reader, &mut rows)?;
            if !rows.is_empty() {
                *hour = Some(Arc::new(Hour::settled(rows)));
            }
        }
        Ok(page)
    }
}

/// Sums neighbours of the same bucket, cell and loss.
fn sum_rows(rows: &mut Vec<Row>) {
    rows.dedup_by(|later, first| {
        let same = later.order() == first.order();
        if same {
            first.count = add(first.count, later.count);
        }
        same
    });
}

/// Adds to the total of a (cell, loss), kept ascending.
pub(crate) fn add_total(
    totals: &mut Vec<(Cell, LossId, u64)>,
    cell: Cell,
    loss: LossId,
    count: u64,
) {
    match totals.binary_search_by_key(&(cell, loss), |(cell, loss, _)| (*cell, *loss)) {
        Ok(at) => totals[at].2 += count,
        Err(at) => totals.insert(at, (cell, loss, count)),
    }
}

/// A second of a scope counts at most the devices of an app times its tasks; beyond `u32` it is a defect that must
/// be seen, so the addition is checked.
#[expect(
    clippy::expect_used,
    reason = "a count that does not fit is a defect of accounting and must stop"
)]
fn add(a: u32, b: u32) -> u32 {
    a.checked_add(b)
        .expect("more than u32::MAX devices in one second of one cell")
}
