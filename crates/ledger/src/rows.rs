//! The rows of one (scope, day): counts a second, summed a minute and an hour.
//!
//! Invariant: at each resolution rows are strictly ascending by (bucket, cell, loss), and the rows of a
//! bucket sum to the rows of the finer buckets inside it. Only seconds are stored; the rest is rebuilt.
//! Hours are behind `Arc`, so that a snapshot's copy costs one hour, not a day.

use std::ops::Range;
use std::sync::Arc;

use pushtally_model::{Cell, Event, LossId, Second};

use crate::wire::{DecodeError, Reader, put_varint};

const HOURS: usize = 24;
const HOUR_S: u32 = 3600;
const MINUTE_S: u32 = 60;

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
}

/// Deltas ordered, with equal ones summed.
pub(crate) fn sum_equal(mut deltas: Vec<Delta>) -> Vec<Delta> {
    deltas.sort_unstable();
    deltas.dedup_by(|later, first| {
        let same = (later.at, later.cell, later.loss) == (first.at, first.cell, first.loss);
        if same {
            first.count = add(first.count, later.count);
        }
        same
    });
    deltas
}

/// A count in one bucket. `key` is bucket and cell, so that rows compare as one number and the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: u32,
    loss: LossId,
    count: u32,
}

impl Row {
    fn new(bucket: u32, delta: &Delta) -> Self {
        Self {
            key: bucket << 8 | u32::from(delta.cell.byte()),
            loss: delta.loss,
            count: delta.count,
        }
    }

    fn order(&self) -> (u32, LossId) {
        (self.key, self.loss)
    }

    fn cell(&self) -> Option<Cell> {
        Cell::from_byte(self.key as u8)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hour {
    /// Ascending by (cell, loss).
    total: Vec<(Cell, LossId, u64)>,
    minutes: Vec<Row>,
    seconds: Vec<Row>,
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
            Arc::make_mut(slot.get_or_insert_default()).add(hour);
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
            hour.iter()
                .flat_map(|hour| &hour.seconds)
                .filter_map(move |row| {
                    Some((
                        index * HOUR_S + (row.key >> 8),
                        row.cell()?,
                        row.loss,
                        row.count,
                    ))
                })
        })
    }

    /// Adds another page's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let delta = |(at, cell, loss, count)| Delta {
            at: Second(at),
            cell,
            loss,
            count,
        };
        self.add(&other.seconds().map(delta).collect::<Vec<_>>());
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let rows = |hour: &Hour| {
            2 * hour.total.capacity() + hour.minutes.capacity() + hour.seconds.capacity()
        };
        self.hours
            .iter()
            .flatten()
            .map(|hour| size_of::<Hour>() + 16 + rows(hour) * size_of::<Row>())
            .sum()
    }

    /// By hour and cell, so that a second is one difference and most counts, being 1, are one bit.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut series: Vec<Row> = Vec::new();
        for hour in &self.hours {
            let Some(hour) = hour else {
                put_varint(out, 0);
                continue;
            };
            series.clear();
            series.extend(&hour.seconds);
            series.sort_unstable_by_key(|row| (row.key as u8, row.loss, row.key));
            let same = |a: &Row, b: &Row| (a.key as u8, a.loss) == (b.key as u8, b.loss);
            put_varint(out, series.chunk_by(same).count() as u64);
            for rows in series.chunk_by(same) {
                let Some(first) = rows.first() else { continue };
                out.push(first.key as u8);
                put_varint(out, first.loss.0.into());
                put_varint(out, rows.len() as u64);
                let mut next = 0;
                for row in rows {
                    let second = row.key >> 8;
                    put_varint(
                        out,
                        u64::from(second - next) << 1 | u64::from(row.count != 1),
                    );
                    if row.count != 1 {
                        put_varint(out, row.count.into());
                    }
                    next = second + 1;
                }
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut page = Self::default();
        let mut deltas = Vec::new();
        for hour in 0..HOURS as u32 {
            deltas.clear();
            for _ in 0..reader.len()? {
                decode_series(reader, hour * HOUR_S, &mut deltas)?;
            }
            deltas.sort_unstable();
            page.add(&deltas);
        }
        for hour in page.hours.iter_mut().flatten() {
            Arc::make_mut(hour).seconds.shrink_to_fit();
        }
        Ok(page)
    }
}

fn decode_series(
    reader: &mut Reader<'_>,
    hour_s: u32,
    deltas: &mut Vec<Delta>,
) -> Result<(), DecodeError> {
    let cell = Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?;
    let loss = LossId(reader.u32()?);
    let mut next = 0u32;
    for _ in 0..reader.len()? {
        let head = reader.varint()?;
        let second = u64::from(next) + (head >> 1);
        let second = u32::try_from(second).ok().filter(|second| *second < HOUR_S);
        let second = second.ok_or_else(|| reader.impossible("second"))?;
        let count = if head & 1 == 1 { reader.u32()? } else { 1 };
        deltas.push(Delta {
            at: Second(hour_s + second),
            cell,
            loss,
            count,
        });
        next = second + 1;
    }
    Ok(())
}

impl Hour {
    fn add(&mut self, deltas: &[Delta]) {
        merge(&mut self.seconds, deltas, |at| at % HOUR_S);
        merge(&mut self.minutes, deltas, |at| at % HOUR_S / MINUTE_S);
        for delta in deltas {
            add_total(&mut self.total, delta.cell, delta.loss, delta.count.into());
        }
    }

    fn visit(&self, range: Range<u32>, visit: &mut impl FnMut(Cell, LossId, u64)) {
        if range == (0..HOUR_S) {
            return self
                .total
                .iter()
                .for_each(|(cell, loss, count)| visit(*cell, *loss, *count));
        }
        let first_minute = range.start.div_ceil(MINUTE_S);
        let end_minute = range.end / MINUTE_S;
        if first_minute < end_minute {
            scan(&self.seconds, range.start..first_minute * MINUTE_S, visit);
            scan(&self.minutes, first_minute..end_minute, visit);
            scan(&self.seconds, end_minute * MINUTE_S..range.end, visit);
        } else {
            scan(&self.seconds, range, visit);
        }
    }
}

fn scan(rows: &[Row], buckets: Range<u32>, visit: &mut impl FnMut(Cell, LossId, u64)) {
    if buckets.is_empty() {
        return;
    }
    let from = rows.partition_point(|row| row.key >> 8 < buckets.start);
    for row in rows[from..]
        .iter()
        .take_while(|row| row.key >> 8 < buckets.end)
    {
        if let Some(cell) = row.cell() {
            visit(cell, row.loss, row.count.into());
        }
    }
}

/// A binary search that starts at the end, since time moves on: it touches as little memory as the row is old.
fn search_from_end(rows: &[Row], order: (u32, LossId)) -> Result<usize, usize> {
    let mut back = 1;
    while back < rows.len() && rows[rows.len() - back].order() > order {
        back *= 2;
    }
    let from = rows.len().saturating_sub(back);
    let found = rows[from..].binary_search_by_key(&order, Row::order);
    found.map(|at| from + at).map_err(|at| from + at)
}

/// Adds ordered deltas to ordered rows: counts in place, then the missing rows in one backward pass.
///
/// A second of a scope counts at most the devices of an app times its tasks; beyond `u32` it is a defect
/// that must be seen, so the addition is checked.
fn merge(rows: &mut Vec<Row>, deltas: &[Delta], bucket: impl Fn(u32) -> u32) {
    let mut missing: Vec<Row> = Vec::new();
    for delta in deltas {
        let row = Row::new(bucket(delta.at.of_day()), delta);
        let found = search_from_end(rows, row.order());
        if let Ok(at) = found {
            rows[at].count = add(rows[at].count, row.count);
        } else {
            missing.push(row);
        }
    }
    if missing.is_empty() {
        return;
    }
    missing.sort_unstable();
    missing.dedup_by(|later, first| {
        let same = later.order() == first.order();
        if same {
            first.count = add(first.count, later.count);
        }
        same
    });
    let (mut old, mut new) = (rows.len(), missing.len());
    if rows
        .last()
        .is_none_or(|last| missing[0].order() > last.order())
    {
        return rows.append(&mut missing);
    }
    rows.extend_from_slice(&missing);
    let mut to = rows.len();
    while new > 0 {
        to -= 1;
        if old > 0 && rows[old - 1].order() > missing[new - 1].order() {
            old -= 1;
            rows[to] = rows[old];
        } else {
            new -= 1;
            rows[to] = missing[new];
        }
    }
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

#[expect(
    clippy::expect_used,
    reason = "a count that does not fit is a defect of accounting and must stop"
)]
fn add(a: u32, b: u32) -> u32 {
    a.checked_add(b)
        .expect("more than u32::MAX devices in one second of one cell")
}
