//! Answers from pages: a window is summed from the coarsest rows that fit, to the second at any age.
//!
//! A window costs the days inside it, plus at most two partial days of 23 hours, 118 minutes and 118 seconds;
//! never the number of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use pushtally_model::{Cell, Channel, LossId, Route, Scope, Second, Stage, Window};

use crate::days::Days;
use crate::page::{Page, PageKey};
use crate::task::TaskState;

/// Where a query finds pages.
pub trait RowReader {
    /// Why a page could not be had.
    type Error;

    /// The page, if there is one.
    fn read(&mut self, key: PageKey) -> Result<Option<Arc<Page>>, Self::Error>;
}

/// The counts of a scope in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    cells: Box<[u64; 256]>,
    losses: BTreeMap<(Cell, LossId), u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            cells: Box::new([0; 256]),
            losses: BTreeMap::new(),
        }
    }
}

impl Tally {
    /// The devices that reached a stage on a route and channel.
    #[must_use]
    pub fn reached(&self, route: Route, channel: Channel, stage: Stage) -> u64 {
        self.cell(Cell::new(
            route,
            channel,
            pushtally_model::Lane::reached(stage),
        ))
    }

    /// The count of a cell.
    #[must_use]
    pub fn cell(&self, cell: Cell) -> u64 {
        self.cells[usize::from(cell.byte())]
    }

    /// Every cell with a count, ascending.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, u64)> + '_ {
        let cells = (0..=u8::MAX).filter_map(Cell::from_byte);
        cells
            .map(|cell| (cell, self.cell(cell)))
            .filter(|(_, count)| *count > 0)
    }

    /// Losses by cell and reason.
    pub fn losses(&self) -> impl Iterator<Item = (Cell, LossId, u64)> + '_ {
        self.losses
            .iter()
            .map(|((cell, loss), count)| (*cell, *loss, *count))
    }

    /// Adds a count.
    #[inline]
    pub fn add(&mut self, cell: Cell, loss: LossId, count: u64) {
        self.cells[usize::from(cell.byte())] += count;
        if cell.lane().stage().is_none() {
            *self.losses.entry((cell, loss)).or_default() += count;
        }
    }

    /// Adds another's counts.
    pub fn absorb(&mut self, other: &Self) {
        for (count, more) in self.cells.iter_mut().zip(other.cells.iter()) {
            *count += more;
        }
        for (reason, more) in &other.losses {
            *self.losses.entry(*reason).or_default() += more;
        }
    }
}

/// Sums a scope's counts whose event time lies in the window.
pub fn sum<R: RowReader>(scope: Scope, window: Window, reader: &mut R) -> Result<Tally, R::Error> {
    let mut tally = Tally::default();
    match scope {
        Scope::Overall(app, kind) => {
            if let Some(Page::Total(total)) = reader.read(PageKey::Total(app, kind))?.as_deref() {
                sum_days(scope, &total.days, window, reader, &mut tally)?;
            }
        }
        Scope::Task(task) => {
            if let Some(Page::Task(page)) = reader.read(PageKey::Task(task))?.as_deref() {
                match &page.state {
                    TaskState::Forgotten => {}
                    TaskState::Small(run) => {
                        for entry in run.iter().filter(|entry| window.contains(entry.at)) {
                            tally.add(entry.cell, entry.loss, 1);
                        }
                    }
                    TaskState::Large { days, .. } => {
                        sum_days(scope, days, window, reader, &mut tally)?
                    }
                }
            }
        }
    }
    Ok(tally)
}

fn sum_days<R: RowReader>(
    scope: Scope,
    days: &Days,
    window: Window,
    reader: &mut R,
    tally: &mut Tally,
) -> Result<(), R::Error> {
    let first_whole = window.start().0.div_ceil(Second::DAY_S);
    let end_whole = window.end().day();
    let mut partial = |day: u32, from: u32, to: u32| {
        if from < to
            && days.contains(day)
            && let Some(Page::Rows(rows)) = reader.read(PageKey::rows(scope, day))?.as_deref()
        {
            rows.visit(from..to, &mut |cell, loss, count| {
                tally.add(cell, loss, count)
            });
        }
        Ok(())
    };
    if first_whole > end_whole {
        return partial(end_whole, window.start().of_day(), window.end().of_day());
    }
    if window.start().of_day() > 0 {
        partial(window.start().day(), window.start().of_day(), Second::DAY_S)?;
    }
    partial(end_whole, 0, window.end().of_day())?;
    days.visit(first_whole..end_whole, &mut |cell, loss, count| {
        tally.add(cell, loss, count)
    });
    Ok(())
}
