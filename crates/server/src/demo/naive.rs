//! What the endpoint has to answer, counted the plainest way: a set of devices for each number.

use std::collections::{BTreeMap, HashSet};

use super::compare::{Counts, Row};
use super::plan::Played;

/// Sets by (EventType, PushPlatform) and count: total, sent, delivered, clicked.
#[derive(Debug, Default)]
pub(super) struct Naive(BTreeMap<(u8, u8), [HashSet<u32>; 4]>);

impl Naive {
    /// Takes an event in. A first stage is evidence of planned whatever came of it; a stage counts only without error.
    pub(super) fn add(&mut self, event: &Played) {
        let profile = event.profile();
        let sets = self
            .0
            .entry((profile.event_type, profile.push_platform))
            .or_default();
        if event.stage == 1 {
            sets[0].insert(event.device);
        }
        if event.outcome().0 == 0
            && let Some(set) = sets.get_mut(usize::from(event.stage))
        {
            set.insert(event.device);
        }
    }

    /// The counts, with rows only where anything was counted.
    pub(super) fn counts(&self) -> Counts {
        let row = |(key, sets): (&(u8, u8), &[HashSet<u32>; 4])| {
            let row: Row = std::array::from_fn(|at| sets[at].len() as u64);
            (*key, row)
        };
        Counts {
            rows: self
                .0
                .iter()
                .map(row)
                .filter(|(_, row)| row.iter().any(|count| *count > 0))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::plan::Plan;

    #[test]
    fn repeats_and_order_change_nothing() {
        let plan = Plan::new(5, 3_000);
        let count = |events: &mut dyn Iterator<Item = &Played>| {
            let mut naive = Naive::default();
            events.for_each(|event| naive.add(event));
            naive.counts()
        };
        let once = count(&mut plan.events.iter());
        assert_eq!(
            once,
            count(&mut plan.events.iter().rev().chain(&plan.events))
        );
        assert_eq!(once.total()[0], 3_000);
    }
}
