//! The audit that works at any age: a task's marks and its tallies must agree, cell by cell.

use std::collections::BTreeMap;

use pushtally_model::{Cell, TaskNumber};

use crate::page::{Page, PageKey};
use crate::query::RowReader;
use crate::task::TaskState;

/// Two counts that should be equal and are not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("task {task}: cell {cell:?}: {left_name} {left}, {right_name} {right}")]
pub struct Mismatch {
    /// The task.
    pub task: TaskNumber,
    /// The cell.
    pub cell: Cell,
    /// What was counted first.
    pub left_name: &'static str,
    /// Its count.
    pub left: u64,
    /// What was counted second.
    pub right_name: &'static str,
    /// Its count.
    pub right: u64,
}

/// Compares a task's marks with its day counts, and those with its rows. A small or forgotten task is its own proof.
pub fn check_task<R: RowReader>(
    task: TaskNumber,
    reader: &mut R,
) -> Result<Vec<Mismatch>, R::Error> {
    let page = reader.read(PageKey::Task(task))?;
    let Some(Page::Task(page)) = page.as_deref() else {
        return Ok(Vec::new());
    };
    let TaskState::Large { shards, days } = &page.state else {
        return Ok(Vec::new());
    };
    let mut marks: BTreeMap<Cell, u64> = BTreeMap::new();
    for shard in shards {
        if let Some(Page::Marks(page)) = reader.read(PageKey::Marks(task, *shard))?.as_deref() {
            for (cell, slots) in page.cells() {
                *marks.entry(cell).or_default() += slots.len() as u64;
            }
        }
    }
    let mut sums: BTreeMap<Cell, u64> = BTreeMap::new();
    let mut rows: BTreeMap<Cell, u64> = BTreeMap::new();
    for (day, totals) in days.iter() {
        for (cell, _, count) in totals {
            *sums.entry(*cell).or_default() += count;
        }
        if let Some(Page::Rows(page)) = reader.read(PageKey::TaskRows(task, day))?.as_deref() {
            for (_, cell, _, count) in page.seconds() {
                *rows.entry(cell).or_default() += u64::from(count);
            }
        }
    }
    marks.retain(|_, count| *count > 0);
    let mut found = differ(task, ("marks", &marks), ("day counts", &sums));
    found.extend(differ(
        task,
        ("day counts", &sums),
        ("second counts", &rows),
    ));
    Ok(found)
}

fn differ(
    task: TaskNumber,
    (left_name, left): (&'static str, &BTreeMap<Cell, u64>),
    (right_name, right): (&'static str, &BTreeMap<Cell, u64>),
) -> Vec<Mismatch> {
    let mut cells: Vec<Cell> = left.keys().chain(right.keys()).copied().collect();
    cells.sort_unstable();
    cells.dedup();
    let count = |side: &BTreeMap<Cell, u64>, cell| side.get(&cell).copied().unwrap_or_default();
    cells
        .into_iter()
        .map(|cell| Mismatch {
            task,
            cell,
            left_name,
            left: count(left, cell),
            right_name,
            right: count(right, cell),
        })
        .filter(|found| found.left != found.right)
        .collect()
}
