//! Devices that wait to be sent to, while a job sends to them.
//!
//! Invariant: ascending, each once. Neighbours are one run: a broadcast's many jobs hold all of their devices for as long as
//! a vendor takes them slowly.

use std::collections::VecDeque;

use pushtally_model::Number;

#[derive(Debug, Default)]
pub(crate) struct Pending {
    runs: VecDeque<Run>,
}

#[derive(Debug)]
struct Run {
    first: u32,
    len: u32,
}

impl Pending {
    /// Of ascending numbers.
    pub(crate) fn of(numbers: &[Number]) -> Self {
        let runs = numbers.chunk_by(|a, b| a.0.checked_add(1) == Some(b.0));
        let run = |run: &[Number]| {
            let first = run.first()?.0;
            let len = u32::try_from(run.len()).ok()?;
            Some(Run { first, len })
        };
        Self {
            runs: runs.filter_map(run).collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Takes the first ones out, at most so many.
    pub(crate) fn take(&mut self, max: usize) -> Vec<Number> {
        let mut numbers = Vec::new();
        while let Some(run) = self.runs.front_mut() {
            let room = u32::try_from(max - numbers.len()).unwrap_or(u32::MAX);
            let taken = run.len.min(room);
            numbers.extend((0..taken).map(|nth| Number(run.first + nth)));
            if taken < run.len {
                run.first += taken;
                run.len -= taken;
                break;
            }
            self.runs.pop_front();
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_was_put_in_order() {
        let numbers = [0, 1, 2, 7, 9, 10, u32::MAX - 1, u32::MAX].map(Number);
        for max in 1..=numbers.len() + 1 {
            let mut pending = Pending::of(&numbers);
            let mut taken = Vec::new();
            while !pending.is_empty() {
                let chunk = pending.take(max);
                assert_eq!(chunk.len(), max.min(numbers.len() - taken.len()));
                taken.extend(chunk);
            }
            assert_eq!(taken, numbers);
            assert_eq!(pending.take(max), []);
        }
        assert!(Pending::of(&[]).is_empty());
    }
}
