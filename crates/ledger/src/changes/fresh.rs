//! The events that counted since the last cut, small: neighbouring devices with all else equal are one run, so a broadcast costs
//! some bytes for each commit, not for each phone.

use pushtally_model::{AppId, Cell, Event, LossId, Number, Second, TaskKey};

use crate::rows::Delta;
use crate::task::Entry;

/// What a run is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) app: AppId,
    pub(super) task: TaskKey,
    /// In a small task's run, or in pages of marks and rows.
    pub(super) small: bool,
}

/// Devices with ascending numbers of one shard, all with the same event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    first: Number,
    at: Second,
    loss: LossId,
    /// Its place among the groups.
    pub(super) group: u32,
    /// Devices after the first.
    more: u16,
    cell: Cell,
}

impl Run {
    pub(super) fn delta(&self) -> Delta {
        Delta {
            at: self.at,
            cell: self.cell,
            loss: self.loss,
            count: u32::from(self.more) + 1,
        }
    }

    pub(super) fn shard(&self) -> u16 {
        self.first.shard()
    }

    /// Its marks, ascending.
    pub(super) fn marks(&self) -> impl Iterator<Item = (Cell, u16)> {
        let first = self.first.slot();
        (first..=first + self.more).map(|slot| (self.cell, slot))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        (self.first.0..=self.first.0 + u32::from(self.more)).map(|number| Entry {
            cell: self.cell,
            number: Number(number),
            at: self.at,
            loss: self.loss,
        })
    }

    /// Whether the event is of the device after the last, and else the same. A run ends with its shard.
    fn is_before(&self, event: &Event) -> bool {
        event.number.0.wrapping_sub(self.first.0) == u32::from(self.more) + 1
            && event.number.slot() != 0
            && (event.cell, event.at, event.loss) == (self.cell, self.at, self.loss)
    }
}

/// The events, in the order in which they counted.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    groups: Vec<Group>,
    runs: Vec<Run>,
    /// Runs before this one are complete.
    open_from: usize,
}

impl Fresh {
    pub(super) fn with_room(runs: usize) -> Self {
        Self {
            runs: Vec::with_capacity(runs),
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.runs.len() * size_of::<Run>() + self.groups.len() * size_of::<Group>()
    }

    /// What follows begins a run of its own; answers its place, for [`Self::deltas_from`].
    pub(crate) fn mark(&mut self) -> usize {
        self.open_from = self.runs.len();
        self.open_from
    }

    /// One more event that counted.
    #[inline]
    pub(crate) fn push(&mut self, event: &Event, small: bool) {
        let group = Group {
            app: event.app,
            task: event.task,
            small,
        };
        if self.groups.last() != Some(&group) {
            self.groups.push(group);
        } else if self.runs.len() > self.open_from
            && let Some(run) = self.runs.last_mut()
            && run.is_before(event)
        {
            run.more += 1;
            return;
        }
        self.runs.push(Run {
            first: event.number,
            at: event.at,
            loss: event.loss,
            group: self.groups.len() as u32 - 1,
            more: 0,
            cell: event.cell,
        });
    }

    /// What the runs from this place on add to counts.
    pub(crate) fn deltas_from(&self, at: usize) -> impl Iterator<Item = Delta> {
        self.runs[at..].iter().map(Run::delta)
    }

    /// Moves another's events behind these.
    pub(super) fn append(&mut self, other: &mut Self) {
        let groups = self.groups.len() as u32;
        self.groups.append(&mut other.groups);
        let moved = other.runs.drain(..);
        self.runs.extend(moved.map(|run| Run {
            group: run.group + groups,
            ..run
        }));
        self.mark();
    }

    /// All runs by (task, small, shard, cell, device), and the groups that they are of, each once.
    pub(super) fn into_ordered(self) -> (Vec<Group>, Vec<Run>) {
        let Self {
            groups, mut runs, ..
        } = self;
        let key = |group: &Group| (group.task.number, group.small);
        let mut ordered = groups.clone();
        ordered.sort_unstable_by_key(key);
        ordered.dedup_by_key(|group| key(group));
        for run in &mut runs {
            let group = &groups[run.group as usize];
            let place = ordered.partition_point(|other| key(other) < key(group));
            run.group = place as u32;
        }
        runs.sort_unstable_by_key(|run| {
            // As one comparable number.
            u128::from(run.group) << 40
                | u128::from(run.first.shard()) << 24
                | u128::from(run.cell.byte()) << 16
                | u128::from(run.first.slot())
        });
        (ordered, runs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pushtally_model::{Channel, Kind, Lane, Origin, Route, TaskNumber};

    use super::*;

    fn event(task: u32, number: u32, lane: Lane, at: u32) -> Event {
        Event {
            app: AppId(1),
            task: TaskKey {
                number: TaskNumber(task),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            cell: Cell::new(Route::Offline, Channel::Xiaomi, lane),
            number: Number(number),
            at: Second(at),
            loss: LossId::NONE,
        }
    }

    #[test]
    fn neighbours_with_the_same_event_are_one_run_within_their_shard_and_commit() {
        let mut fresh = Fresh::default();
        let mut push = |from: u32, to: u32, lane, at| {
            let place = fresh.mark();
            for number in from..to {
                fresh.push(&event(1, number, lane, at), false);
            }
            fresh.runs.len() - place
        };
        assert_eq!(push(0, 65_536, Lane::Planned, 5), 1);
        assert_eq!(push(65_000, 66_000, Lane::Sent, 5), 2, "a shard's end");
        assert_eq!(push(66_000, 66_001, Lane::Sent, 5), 1, "a commit's end");
        assert_eq!(push(66_001, 66_001, Lane::Sent, 5), 0);
        assert_eq!(fresh.groups.len(), 1);
    }

    proptest! {
        #[test]
        fn runs_say_what_was_pushed(
            pushed in proptest::collection::btree_map(
                (0..3_u32, prop_oneof![0..40_u32, 65_500..65_580_u32], 0..2_usize),
                0..2_u32,
                0..300,
            ),
            marks in proptest::collection::btree_set(0..300_usize, 0..20),
        ) {
            let lanes = [Lane::Planned, Lane::Sent];
            let events: Vec<Event> = pushed
                .iter()
                .map(|((task, number, lane), at)| event(*task, *number, lanes[*lane], *at))
                .collect();
            let (mut fresh, mut other) = (Fresh::default(), Fresh::default());
            let mut counted = 0;
            for (nth, event) in events.iter().enumerate() {
                let half = if nth < events.len() / 2 { &mut fresh } else { &mut other };
                if marks.contains(&nth) {
                    half.mark();
                }
                half.push(event, event.task.number.0 == 2);
            }
            fresh.append(&mut other);
            counted += fresh.deltas_from(0).map(|delta| delta.count).sum::<u32>();
            prop_assert_eq!(counted as usize, events.len());

            let (groups, runs) = fresh.into_ordered();
            let said: Vec<Event> = runs
                .iter()
                .flat_map(|run| {
                    let Group { app, task, small } = groups[run.group as usize];
                    assert_eq!(small, task.number.0 == 2);
                    run.entries().map(move |Entry { cell, number, at, loss }| Event {
                        app, task, cell, number, at, loss,
                    })
                })
                .collect();
            let mut expected = events;
            expected.sort_by_key(|event| {
                (event.task.number, event.number.shard(), event.cell.byte(), event.number.slot())
            });
            prop_assert_eq!(said, expected);
        }
    }
}
