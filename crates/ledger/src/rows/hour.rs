//! One hour of rows: settled ones in order, and the few that came since.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use pushtally_model::{Cell, LossId};

use super::{HOUR_S, Row, add, add_total, sum_rows};

const MINUTE_S: u32 = 60;
/// Beyond so many, loose rows are settled: enough that merging costs each of them little, few enough that a query
/// that must look at all of them does not notice.
const LOOSE_MAX: usize = 128;

/// The rows of an hour.
#[derive(Debug, Clone, Default)]
pub(super) struct Hour {
    /// Behind `Arc`, so that changing an hour beside a reader copies the loose rows alone.
    settled: Arc<Settled>,
    /// In no order; the same bucket, cell and loss may be there several times.
    loose: Vec<Row>,
}

#[derive(Debug, Clone, Default)]
struct Settled {
    seconds: Vec<Row>,
    /// Made when a query first asks, kept up to date from then on.
    sums: OnceLock<Sums>,
}

#[derive(Debug, Clone, Default)]
struct Sums {
    minutes: Vec<Row>,
    /// Ascending by (cell, loss).
    total: Vec<(Cell, LossId, u64)>,
}

impl PartialEq for Hour {
    fn eq(&self, other: &Self) -> bool {
        self.rows() == other.rows()
    }
}

impl Eq for Hour {}

impl Hour {
    /// An hour of rows.
    pub(super) fn settled(mut seconds: Vec<Row>) -> Self {
        seconds.sort_unstable_by_key(Row::order);
        sum_rows(&mut seconds);
        seconds.shrink_to_fit();
        let sums = OnceLock::new();
        Self {
            settled: Arc::new(Settled { seconds, sums }),
            loose: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, rows: impl Iterator<Item = Row>) {
        self.loose.extend(rows);
        if self.loose.len() > LOOSE_MAX {
            self.loose.sort_unstable_by_key(Row::order);
            sum_rows(&mut self.loose);
            Arc::make_mut(&mut self.settled).add(&self.loose);
            self.loose.clear();
            self.loose.shrink_to(LOOSE_MAX);
        }
    }

    /// Every row in order, each (bucket, cell, loss) once.
    pub(super) fn rows(&self) -> Cow<'_, [Row]> {
        if self.loose.is_empty() {
            return Cow::Borrowed(&self.settled.seconds);
        }
        let mut rows = [self.settled.seconds.as_slice(), &self.loose].concat();
        rows.sort_by_key(Row::order);
        sum_rows(&mut rows);
        Cow::Owned(rows)
    }

    pub(super) fn visit(&self, range: Range<u32>, visit: &mut impl FnMut(Cell, LossId, u64)) {
        for row in &self.loose {
            if range.contains(&row.bucket())
                && let Some(cell) = row.cell()
            {
                visit(cell, row.loss, row.count.into());
            }
        }
        self.settled.visit(range, visit);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let sums = self.settled.sums.get().map_or(0, |sums| {
            sums.minutes.capacity() + 2 * sums.total.capacity()
        });
        let rows = self.loose.capacity() + self.settled.seconds.capacity() + sums;
        size_of::<Settled>() + 16 + rows * size_of::<Row>()
    }
}

impl Settled {
    fn add(&mut self, more: &[Row]) {
        if let Some(sums) = self.sums.get_mut() {
            sums.add(more);
        }
        merge(&mut self.seconds, more);
    }

    fn sums(&self) -> &Sums {
        self.sums.get_or_init(|| {
            let mut sums = Sums::default();
            sums.add(&self.seconds);
            sums
        })
    }

    fn visit(&self, range: Range<u32>, visit: &mut impl FnMut(Cell, LossId, u64)) {
        if range == (0..HOUR_S) {
            let total = &self.sums().total;
            return total
                .iter()
                .for_each(|(cell, loss, count)| visit(*cell, *loss, *count));
        }
        let first_minute = range.start.div_ceil(MINUTE_S);
        let end_minute = range.end / MINUTE_S;
        if first_minute < end_minute {
            scan(&self.seconds, range.start..first_minute * MINUTE_S, visit);
            scan(&self.sums().minutes, first_minute..end_minute, visit);
            scan(&self.seconds, end_minute * MINUTE_S..range.end, visit);
        } else {
            scan(&self.seconds, range, visit);
        }
    }
}

impl Sums {
    /// Adds rows of seconds, in order.
    fn add(&mut self, seconds: &[Row]) {
        let of_minute = |row: &Row| {
            Row::new(
                row.bucket() / MINUTE_S,
                row.cell_byte(),
                row.loss,
                row.count,
            )
        };
        let mut minutes: Vec<Row> = seconds.iter().map(of_minute).collect();
        minutes.sort_by_key(Row::order);
        sum_rows(&mut minutes);
        for row in &minutes {
            if let Some(cell) = row.cell() {
                add_total(&mut self.total, cell, row.loss, row.count.into());
            }
        }
        merge(&mut self.minutes, &minutes);
    }
}

fn scan(rows: &[Row], buckets: Range<u32>, visit: &mut impl FnMut(Cell, LossId, u64)) {
    if buckets.is_empty() {
        return;
    }
    let from = rows.partition_point(|row| row.bucket() < buckets.start);
    for row in rows[from..]
        .iter()
        .take_while(|row| row.bucket() < buckets.end)
    {
        if let Some(cell) = row.cell() {
            visit(cell, row.loss, row.count.into());
        }
    }
}

/// A binary search that starts at the end, since time moves on: it touches as little memory as the row is old.
fn search_from_end(rows: &[Row], order: u64) -> Result<usize, usize> {
    let mut back = 1;
    while back < rows.len() && rows[rows.len() - back].order() > order {
        back *= 2;
    }
    let from = rows.len().saturating_sub(back);
    let found = rows[from..].binary_search_by_key(&order, Row::order);
    found.map(|at| from + at).map_err(|at| from + at)
}

/// Adds rows to rows, both in order and each without equals: the tail that the new ones reach into is merged anew.
fn merge(rows: &mut Vec<Row>, more: &[Row]) {
    let Some(first) = more.first() else { return };
    let (Ok(from) | Err(from)) = search_from_end(rows, first.order());
    if from == rows.len() {
        return rows.extend_from_slice(more);
    }
    let mut equals = 0;
    let mut old = from;
    for row in more {
        while old < rows.len() && rows[old].order() < row.order() {
            old += 1;
        }
        equals += usize::from(
            rows.get(old)
                .is_some_and(|found| found.order() == row.order()),
        );
    }
    // From the end, so that each row moves at most once.
    let (mut old, mut new) = (rows.len(), more.len());
    let mut to = old + new - equals;
    rows.resize(to, *first);
    while new > 0 {
        let row = more[new - 1];
        to -= 1;
        if old > from && rows[old - 1].order() >= row.order() {
            old -= 1;
            let mut kept = rows[old];
            if kept.order() == row.order() {
                kept.count = add(kept.count, row.count);
                new -= 1;
            }
            rows[to] = kept;
        } else {
            rows[to] = row;
            new -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(seed: &[(u32, u8, u32)]) -> Vec<Row> {
        let mut rows: Vec<Row> = seed
            .iter()
            .map(|(bucket, cell, count)| Row::new(*bucket, *cell, LossId(0), *count))
            .collect();
        rows.sort_unstable_by_key(Row::order);
        sum_rows(&mut rows);
        rows
    }

    proptest! {
        #[test]
        fn merging_equals_sorting_and_summing(
            old in proptest::collection::vec((0..40u32, 0..3u8, 1..9u32), 0..60),
            new in proptest::collection::vec((0..40u32, 0..3u8, 1..9u32), 0..60),
        ) {
            let mut merged = rows(&old);
            merge(&mut merged, &rows(&new));
            prop_assert_eq!(merged, rows(&[old, new].concat()));
        }

        #[test]
        fn an_hour_counts_alike_settled_or_loose(
            parts in proptest::collection::vec(proptest::collection::vec((0..3600u32, 0..3u8, 1..9u32), 0..90), 0..6),
            start in 0..3600u32, len in 0..3600u32, asked_before in any::<bool>(),
        ) {
            let range = start..(start + len).min(HOUR_S);
            let mut hour = Hour::default();
            let mut all = Vec::new();
            for part in &parts {
                hour.add(rows(part).into_iter());
                all.extend_from_slice(part);
                if asked_before {
                    hour.visit(0..HOUR_S, &mut |_, _, _| {});
                }
            }
            let settled = Hour::settled(rows(&all));
            prop_assert!(hour == settled);
            for range in [range.clone(), 0..HOUR_S, 0..0] {
                let expected: u64 = all.iter().filter(|(at, ..)| range.contains(at)).map(|(_, _, n)| u64::from(*n)).sum();
                for hour in [&hour, &settled] {
                    let mut sum = 0;
                    hour.visit(range.clone(), &mut |_, _, count| sum += count);
                    prop_assert_eq!(sum, expected);
                }
            }
        }
    }
}
