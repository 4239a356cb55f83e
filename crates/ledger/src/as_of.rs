//! A task's numbers as they were known at an earlier moment.
//!
//! Invariant: fed with all of a task's entries in the order of recording, it tells what the fold had counted after the last of
//! them that was recorded at or before the moment: always a state that the ledger was in, also where a clock was set back
//! between two starts and the log therefore has a millisecond twice.

use std::collections::BTreeMap;

use pushtally_model::Window;

use crate::codec::TaskEntry;
use crate::counting::Counting;
use crate::query::Tally;

/// The numbers of one task, as far as its entries have been shown.
#[derive(Debug)]
pub struct AsOf {
    as_of_ms: i64,
    windows: Vec<Window>,
    counting: Counting,
    /// By the place of the window, those with a count.
    known: BTreeMap<usize, Tally>,
    /// What came after the moment, should an entry of before it come after that.
    later: Later,
    is_forgotten: bool,
}

#[derive(Debug, Default)]
struct Later {
    counts: BTreeMap<usize, Tally>,
    forgets: bool,
}

impl AsOf {
    /// As known at this Unix millisecond, in each of these windows, which follow each other in time without overlapping.
    #[must_use]
    pub fn new(as_of_ms: i64, windows: Vec<Window>) -> Self {
        debug_assert!(windows.is_sorted_by(|a, b| a.end() <= b.start()));
        Self {
            as_of_ms,
            windows,
            counting: Counting::default(),
            known: BTreeMap::new(),
            later: Later::default(),
            is_forgotten: false,
        }
    }

    /// Takes the task's next entry in.
    pub fn add(&mut self, entry: &TaskEntry) {
        let is_known = entry.recorded_ms() <= self.as_of_ms;
        if is_known {
            self.catch_up();
        }
        match entry {
            TaskEntry::Calls { .. } => {}
            TaskEntry::Forgotten { .. } => {
                self.is_forgotten = true;
                self.later.forgets = !is_known;
                if is_known {
                    self.known.clear();
                }
            }
            TaskEntry::Event(recorded) => {
                let event = &recorded.event;
                if self.is_forgotten || !self.counting.counts(event) {
                    return;
                }
                let place = self
                    .windows
                    .partition_point(|window| window.end() <= event.at);
                let window = self.windows.get(place);
                if window.is_some_and(|window| window.contains(event.at)) {
                    let counts = if is_known {
                        &mut self.known
                    } else {
                        &mut self.later.counts
                    };
                    let tally = counts.entry(place).or_default();
                    tally.add(event.cell, event.loss, 1);
                }
            }
        }
    }

    /// What seemed to be later was before what comes now.
    fn catch_up(&mut self) {
        let Later { counts, forgets } = std::mem::take(&mut self.later);
        if forgets {
            self.known.clear();
            return;
        }
        for (place, tally) in counts {
            self.known.entry(place).or_default().absorb(&tally);
        }
    }

    /// The counts of each window, in their order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Tally> {
        let places = 0..self.windows.len();
        places
            .map(|place| self.known.remove(&place).unwrap_or_default())
            .collect()
    }
}

#[cfg(test)]
mod tests;
