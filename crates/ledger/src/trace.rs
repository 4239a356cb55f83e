//! What happened to devices of one task: of each lane the event that counted, and no other.
//!
//! Invariant: fed with all of a task's events in the order of recording, a way has a step in exactly those lanes in which the
//! ledger counts its device.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{
    Cell, Channel, Lane, LossId, Number, Route, Second, Source, VendorCall, VendorCalls,
};

use crate::codec::{Recorded, TaskEntry};
use crate::fold::check_own;

/// Calls that are kept of a way, the first ones: a device that its vendor puts off again and again has no more to tell.
const CALLS_MAX: usize = 100;

/// Devices of one task, as far as they are asked for.
#[derive(Debug)]
pub struct Trace {
    /// `None` is every device.
    wanted: Option<BTreeSet<Number>>,
    devices_max: usize,
    devices: BTreeSet<Number>,
    ways: BTreeMap<(Number, Cell), Way>,
    is_cut: bool,
}

/// What happened to a device on one route and channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The device.
    pub number: Number,
    /// The route.
    pub route: Route,
    /// The channel.
    pub channel: Channel,
    steps: [Option<Step>; Lane::ALL.len()],
    calls: Vec<VendorCall>,
}

/// An event that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its time.
    pub at: Second,
    /// When it was recorded, in Unix milliseconds.
    pub recorded_ms: i64,
    /// Who said so.
    pub source: Source,
    /// Why, for a loss.
    pub loss: LossId,
}

impl Trace {
    /// Of these devices (`None` is all), of which no more than `devices_max` are kept, those seen first.
    #[must_use]
    pub fn new(wanted: Option<BTreeSet<Number>>, devices_max: usize) -> Self {
        Self {
            wanted,
            devices_max,
            devices: BTreeSet::new(),
            ways: BTreeMap::new(),
            is_cut: false,
        }
    }

    /// Takes the task's next entry in.
    pub fn add(&mut self, entry: TaskEntry) {
        match entry {
            TaskEntry::Event(recorded) => self.add_event(&recorded),
            TaskEntry::Calls { calls, .. } => self.add_calls(calls),
            // The log still tells what happened.
            TaskEntry::Forgotten { .. } => {}
        }
    }

    /// What is not planned was not called for, so that events have made the ways.
    fn add_calls(&mut self, calls: VendorCalls) {
        let planned = Cell::new(Route::Offline, calls.channel, Lane::Planned);
        for mut call in calls.calls {
            for number in std::mem::take(&mut call.numbers) {
                if let Some(way) = self.ways.get_mut(&(number, planned))
                    && way.calls.len() < CALLS_MAX
                {
                    way.calls.push(call.clone());
                }
            }
        }
    }

    fn add_event(&mut self, recorded: &Recorded) {
        let Recorded {
            recorded_ms,
            source,
            event,
        } = recorded;
        if self
            .wanted
            .as_ref()
            .is_some_and(|wanted| !wanted.contains(&event.number))
        {
            return;
        }
        if !self.devices.contains(&event.number) {
            if self.devices.len() >= self.devices_max {
                self.is_cut = true;
                return;
            }
            self.devices.insert(event.number);
        }
        let (number, cell) = (event.number, event.cell);
        let way = (number, cell.with_lane(Lane::Planned));
        let way = self.ways.entry(way).or_insert(Way {
            number,
            route: cell.route(),
            channel: cell.channel(),
            steps: [None; Lane::ALL.len()],
            calls: Vec::new(),
        });
        let marked = |other: Cell| way.step(other.lane()).is_some();
        if marked(cell) || check_own(event.task.origin, cell, marked).is_some() {
            return;
        }
        if let Some(step) = way.steps.get_mut(cell.lane() as usize) {
            *step = Some(Step {
                at: event.at,
                recorded_ms: *recorded_ms,
                source: *source,
                loss: event.loss,
            });
        }
    }

    /// The ways with a step, by device, route and channel.
    pub fn ways(&self) -> impl Iterator<Item = &Way> {
        let ways = self.ways.values();
        ways.filter(|way| way.steps.iter().any(Option::is_some))
    }

    /// Whether the task has more devices than are kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Way {
    /// What counted in a lane.
    #[must_use]
    pub fn step(&self, lane: Lane) -> Option<&Step> {
        self.steps.get(lane as usize)?.as_ref()
    }

    /// The calls by which the device was to be sent to, without their devices, in the order of recording. At most 100.
    #[must_use]
    pub fn calls(&self) -> &[VendorCall] {
        &self.calls
    }

    /// Every lane with a step, in the order of [`Lane::ALL`].
    pub fn steps(&self) -> impl Iterator<Item = (Lane, &Step)> {
        let steps = Lane::ALL.into_iter().zip(&self.steps);
        steps.filter_map(|(lane, step)| Some((lane, step.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::{AppId, Event, Kind, Origin, TaskKey, TaskNumber};

    use super::*;

    fn recorded(origin: Origin, number: u32, lane: Lane, at: u32) -> TaskEntry {
        let task = TaskKey {
            number: TaskNumber(1),
            kind: Kind::Push,
            origin,
        };
        let event = Event {
            app: AppId(1),
            task,
            cell: Cell::new(Route::Offline, Channel::Fcm, lane),
            number: Number(number),
            at: Second(at),
            loss: LossId(at),
        };
        TaskEntry::Event(Recorded {
            recorded_ms: i64::from(at) * 1000,
            source: Source::Us,
            event,
        })
    }

    fn lanes(trace: &Trace, number: u32) -> Vec<(Lane, u32)> {
        let of = trace.ways().filter(|way| way.number == Number(number));
        of.flat_map(|way| way.steps().map(|(lane, step)| (lane, step.at.0)))
            .collect()
    }

    #[test]
    fn the_first_counts_and_an_own_task_keeps_its_rules() {
        use Lane::{Clicked, Delivered, LostBeforeSent, Planned, Sent};
        let history = [
            (Delivered, 1),
            (Planned, 2),
            (Planned, 3),
            (Sent, 4),
            (LostBeforeSent, 5),
            (Clicked, 6),
            (Clicked, 7),
        ];
        for (origin, expected) in [
            (Origin::Own, vec![(Planned, 2), (Sent, 4), (Clicked, 6)]),
            (
                Origin::Imported,
                vec![
                    (Planned, 2),
                    (Sent, 4),
                    (Delivered, 1),
                    (Clicked, 6),
                    (LostBeforeSent, 5),
                ],
            ),
        ] {
            let mut trace = Trace::new(None, 10);
            for (lane, at) in history {
                trace.add(recorded(origin, 7, lane, at));
            }
            assert_eq!(lanes(&trace, 7), expected, "{origin:?}");
        }
    }

    #[test]
    fn calls_are_of_the_ways_that_they_were_made_for() {
        let mut trace = Trace::new(Some(BTreeSet::from([Number(2), Number(3)])), 10);
        for number in 1..=3 {
            trace.add(recorded(Origin::Own, number, Lane::Planned, 9));
        }
        let task = TaskKey {
            number: TaskNumber(1),
            kind: Kind::Push,
            origin: Origin::Own,
        };
        let call = |id: &str, numbers: &[u32]| VendorCall {
            at_ms: 1,
            status: 200,
            request_id: id.to_owned(),
            numbers: numbers.iter().copied().map(Number).collect(),
            ..VendorCall::default()
        };
        for channel in [Channel::Fcm, Channel::Xiaomi] {
            let calls = vec![call("a", &[1, 2]), call("b", &[2, 3, 4])];
            let calls = VendorCalls {
                app: AppId(1),
                task,
                channel,
                calls,
            };
            trace.add(TaskEntry::Calls {
                recorded_ms: 1,
                calls,
            });
        }
        let found = trace.ways().map(|way| {
            let ids = way.calls().iter().map(|call| call.request_id.as_str());
            (way.number.0, way.channel, ids.collect::<Vec<_>>())
        });
        let expected = [
            (2, Channel::Fcm, vec!["a", "b"]),
            (3, Channel::Fcm, vec!["b"]),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let call = call("c", &[2]);
        let many = VendorCalls {
            app: AppId(1),
            task,
            channel: Channel::Fcm,
            calls: vec![call; 2 * CALLS_MAX],
        };
        trace.add(TaskEntry::Calls {
            recorded_ms: 2,
            calls: many,
        });
        let kept = trace.ways().map(|way| way.calls().len());
        assert_eq!(kept.collect::<Vec<_>>(), [CALLS_MAX, 1]);
    }

    #[test]
    fn devices_that_are_not_wanted_or_too_many_are_left_out() {
        let mut some = Trace::new(Some(BTreeSet::from([Number(2)])), 10);
        let mut few = Trace::new(None, 2);
        for number in [1, 2, 3, 1, 2] {
            let one = recorded(Origin::Own, number, Lane::Planned, 9);
            some.add(one.clone());
            few.add(one);
        }
        let numbers = |trace: &Trace| trace.ways().map(|way| way.number.0).collect::<Vec<_>>();
        assert_eq!((numbers(&some), some.is_cut()), (vec![2], false));
        assert_eq!((numbers(&few), few.is_cut()), (vec![1, 2], true));
    }
}
