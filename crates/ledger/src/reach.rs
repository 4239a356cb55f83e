//! How many different devices several tasks reached: the sizes of the unions of their marks, shard by shard. Pure.
//!
//! Invariant: a device is in one shard, so what is united of each shard adds up to what would be united of all.

use std::collections::BTreeMap;

use pushtally_model::{Cell, Channel, Route, Stage};

use crate::marks::MarksPage;
use crate::slots::SlotSet;

/// Of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    /// Different devices.
    pub unique: u64,
    /// Marks: a device counts in each task, and in the sum of all routes and channels on each of them.
    pub sum: u64,
}

/// The stages, in the order of [`Stage::ALL`].
pub type ReachedStages = [Reached; Stage::ALL.len()];

/// What several tasks reached together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    ways: BTreeMap<(Route, Channel), ReachedStages>,
    total: ReachedStages,
}

/// The marks of one shard, of as many tasks as are added: at most a bitmap of 8 KiB for each route, channel and stage.
#[derive(Debug, Default)]
pub struct ShardReach {
    cells: BTreeMap<Cell, (SlotSet, u64)>,
}

impl ShardReach {
    /// Adds a task's marks in the shard.
    pub fn add(&mut self, page: &MarksPage) {
        for (cell, slots) in page.cells() {
            if cell.lane().stage().is_some() {
                let (union, sum) = self.cells.entry(cell).or_default();
                union.absorb(&slots);
                *sum += slots.len() as u64;
            }
        }
    }

    /// Adds one mark of a task; of one task each only once.
    pub fn mark(&mut self, cell: Cell, slot: u16) {
        if cell.lane().stage().is_some() {
            let (union, sum) = self.cells.entry(cell).or_default();
            union.insert(slot);
            *sum += 1;
        }
    }
}

impl Reach {
    /// Takes a shard in; each once.
    pub fn add(&mut self, shard: ShardReach) {
        let mut unions: [SlotSet; Stage::ALL.len()] = Default::default();
        for (cell, (slots, sum)) in shard.cells {
            let Some(stage) = cell.lane().stage() else {
                continue;
            };
            let way = self.ways.entry((cell.route(), cell.channel())).or_default();
            let (unique, at) = (slots.len() as u64, stage as usize);
            way[at].unique += unique;
            way[at].sum += sum;
            self.total[at].sum += sum;
            unions[at].absorb(&slots);
        }
        for (total, union) in self.total.iter_mut().zip(&unions) {
            total.unique += union.len() as u64;
        }
    }

    /// By route and channel: those on which anything was marked.
    pub fn ways(&self) -> impl Iterator<Item = ((Route, Channel), &ReachedStages)> {
        self.ways.iter().map(|(way, stages)| (*way, stages))
    }

    /// Over all routes and channels.
    #[must_use]
    pub const fn total(&self) -> &ReachedStages {
        &self.total
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use pushtally_model::Lane;

    use super::*;

    type Mark = (u16, usize, usize, u16);
    const CHANNELS: [Channel; 3] = [Channel::Unknown, Channel::Fcm, Channel::Online];

    fn cell((_, channel, lane, _): Mark) -> Cell {
        let channel = CHANNELS[channel];
        let route = match channel {
            Channel::Online => Route::Online,
            _ => Route::Offline,
        };
        Cell::new(route, channel, Lane::ALL[lane])
    }

    /// What sets of whole devices say.
    fn naive(tasks: &[Vec<Mark>]) -> Reach {
        let mut reach = Reach::default();
        let marks = |task: &Vec<Mark>| -> BTreeSet<(Cell, u16, u16)> {
            task.iter()
                .map(|mark| (cell(*mark), mark.0, mark.3))
                .collect()
        };
        let all: Vec<_> = tasks.iter().flat_map(marks).collect();
        for stage in Stage::ALL {
            let of_stage = all
                .iter()
                .filter(|(cell, ..)| cell.lane().stage() == Some(stage));
            let devices: BTreeSet<_> = of_stage.clone().map(|mark| (mark.1, mark.2)).collect();
            let at = stage as usize;
            reach.total[at] = Reached {
                unique: devices.len() as u64,
                sum: of_stage.clone().count() as u64,
            };
            for (cell, ..) in of_stage.clone() {
                let same = of_stage.clone().filter(|mark| mark.0 == *cell);
                let devices: BTreeSet<_> = same.clone().collect();
                let way = reach.ways.entry((cell.route(), cell.channel()));
                way.or_default()[at] = Reached {
                    unique: devices.len() as u64,
                    sum: same.count() as u64,
                };
            }
        }
        reach
    }

    proptest! {
        #[test]
        fn what_is_united_by_shard_equals_naive_sets_of_devices(
            tasks in prop::collection::vec(
                prop::collection::vec((0..3u16, 0..3usize, 0..7usize, 0..40u16), 0..120), 0..5),
            as_marks in any::<bool>(),
        ) {
            let mut reach = Reach::default();
            for shard in 0..3 {
                let mut united = ShardReach::default();
                for task in &tasks {
                    let marks: BTreeSet<_> = task
                        .iter()
                        .filter(|mark| mark.0 == shard)
                        .map(|mark| (cell(*mark), mark.3))
                        .collect();
                    if as_marks {
                        marks.iter().for_each(|(cell, slot)| united.mark(*cell, *slot));
                    } else {
                        united.add(&MarksPage::of_ordered(marks.into_iter()));
                    }
                }
                reach.add(united);
            }
            prop_assert_eq!(reach, naive(&tasks));
        }
    }
}
