//! The random part: events with repeats, losses and times beside bucket edges, and windows to match.

use super::naive::{Naive, Told};
use crate::random::Random;
use crate::statistics::{SPAN_S, TASKS_LEN};

/// The history covers more than one query can span.
pub(super) const HISTORY_S: u32 = 40 * 86_400;
/// Bucket edges, where counting errors would show first.
const EDGES_S: [u32; 3] = [60, 3_600, 86_400];
/// Of how many events one repeats an earlier one, mostly with another time.
const REPEAT_ONE_IN: u32 = 6;
/// Of how many events one is a loss.
const LOSS_ONE_IN: u32 = 8;
/// Of how many events one belongs to the first task, which becomes large.
const FIRST_TASK_ONE_IN: u32 = 4;

/// Makes up what happens, and what is asked.
pub(super) struct History {
    pub(super) random: Random,
    pub(super) tasks: u32,
    pub(super) accounts: u32,
    pub(super) first_s: u32,
    pub(super) earlier: Vec<Told>,
}

impl History {
    pub(super) fn next(&mut self) -> Told {
        let random = &mut self.random;
        if !self.earlier.is_empty() && random.one_in(REPEAT_ONE_IN) {
            let mut told = self.earlier[random.below(self.earlier.len() as u32) as usize];
            if !random.one_in(4) {
                told.at = self.second();
            }
            return told;
        }
        let task = match random.one_in(FIRST_TASK_ONE_IN) {
            true => 0,
            false => random.below(self.tasks).min(random.below(self.tasks)),
        };
        let told = Told {
            task,
            account: random.below(self.accounts),
            event_type: 1 + u8::from(random.one_in(3)),
            platform: random.below(9) as u8,
            stage: 1 + random.below(3) as u8,
            err_code: if random.one_in(LOSS_ONE_IN) {
                1 + random.below(500)
            } else {
                0
            },
            at: self.second(),
        };
        self.earlier.push(told);
        told
    }

    /// A second of the history, often beside a bucket's edge.
    fn second(&mut self) -> u32 {
        let second = self.first_s + 1 + self.random.below(HISTORY_S - 2);
        if self.random.one_in(3) {
            self.beside_edge(second)
        } else {
            second
        }
    }

    fn beside_edge(&mut self, second: u32) -> u32 {
        let edge = EDGES_S[self.random.below(EDGES_S.len() as u32) as usize];
        let beside = second - second % edge + self.random.below(3) - 1;
        beside.clamp(self.first_s, self.first_s + HISTORY_S - 1)
    }

    /// A window of any width, often beginning or ending beside an edge or at an event.
    pub(super) fn window(&mut self, naive: &Naive) -> (u32, u32) {
        let width = 1 + match self.random.below(3) {
            0 => self.random.below(SPAN_S),
            1 => self.random.below(90_000),
            _ => self.random.below(4_000),
        };
        let start = match self.random.below(3) {
            0 => self.second(),
            1 => naive.some_second(&mut self.random).unwrap_or(self.first_s),
            _ => {
                let second = self.second();
                self.beside_edge(second)
            }
        };
        let end = start + width;
        let end = if self.random.one_in(2) {
            end
        } else {
            self.beside_edge(end)
        };
        (start, end.clamp(start + 1, start + SPAN_S))
    }

    /// One to five tasks, each once; one of them may be unknown.
    pub(super) fn some_tasks(&mut self) -> Vec<u32> {
        let mut tasks: Vec<u32> = Vec::new();
        for _ in 0..=self.random.below(TASKS_LEN as u32) {
            let task = match self.random.one_in(3) {
                true => self.random.below(3),
                false => self.random.below(self.tasks + 1),
            };
            if !tasks.contains(&task) {
                tasks.push(task);
            }
        }
        tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_what_the_endpoint_accepts() {
        let mut history = History {
            random: Random::new(3),
            tasks: 5,
            accounts: 5,
            first_s: 1_700_000_000,
            earlier: Vec::new(),
        };
        let mut naive = Naive::new(5);
        for _ in 0..1_000 {
            let told = history.next();
            assert!((1_700_000_000..1_700_000_000 + HISTORY_S).contains(&told.at));
            naive.record(told);
            let (start_s, end_s) = history.window(&naive);
            assert!(start_s < end_s && end_s - start_s <= SPAN_S);
            assert!((1..=TASKS_LEN).contains(&history.some_tasks().len()));
        }
    }
}
