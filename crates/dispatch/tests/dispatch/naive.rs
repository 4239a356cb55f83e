//! The ledger read naively: every event of the log in order, the rules of own tasks, nothing else.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use pushtally_ledger::{Batch, Record};
use pushtally_model::{
    Cell, Channel, Event, Lane, LossId, Number, Route, Second, Source, TaskKey, TaskNumber,
};
use pushtally_store::{Log, Position};

/// How something planned ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) at: Second,
    /// `None` is sent.
    pub(crate) loss: Option<LossId>,
}

/// What is known of a task.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskBook {
    pub(crate) planned: BTreeMap<(Channel, Number), Second>,
    pub(crate) ended: BTreeMap<(Channel, Number), Ended>,
    pub(crate) delivered: BTreeSet<(Channel, Number)>,
}

impl TaskBook {
    /// What every cell should count.
    pub(crate) fn cells(&self) -> BTreeMap<Cell, u64> {
        let mut cells = BTreeMap::new();
        let mut count = |channel, lane| {
            *cells.entry(cell(channel, lane)).or_default() += 1;
        };
        self.planned
            .keys()
            .for_each(|(channel, _)| count(*channel, Lane::Planned));
        self.delivered
            .iter()
            .for_each(|(channel, _)| count(*channel, Lane::Delivered));
        for ((channel, _), ended) in &self.ended {
            let lane = ended.loss.map_or(Lane::Sent, |_| Lane::LostBeforeSent);
            count(*channel, lane);
        }
        cells
    }

    pub(crate) fn pending(&self) -> BTreeSet<(Channel, Number)> {
        let open = self
            .planned
            .keys()
            .filter(|way| !self.ended.contains_key(way));
        open.copied().collect()
    }

    /// Whether a device was sent it, on any way.
    pub(crate) fn was_sent(&self, number: Number) -> bool {
        let mut ended = self.ended.iter();
        ended.any(|((_, of), ended)| *of == number && ended.loss.is_none())
    }

    fn take(&mut self, event: &Event) {
        let way = (event.cell.channel(), event.number);
        let planned = self.planned.contains_key(&way);
        match event.cell.lane() {
            Lane::Planned => {
                self.planned.entry(way).or_insert(event.at);
            }
            Lane::Sent if planned => {
                let (at, loss) = (event.at, None);
                self.ended.entry(way).or_insert(Ended { at, loss });
            }
            Lane::LostBeforeSent if planned => {
                let (at, loss) = (event.at, Some(event.loss));
                self.ended.entry(way).or_insert(Ended { at, loss });
            }
            Lane::Delivered if planned => {
                self.delivered.insert(way);
            }
            _ => {}
        }
    }
}

pub(crate) fn cell(channel: Channel, lane: Lane) -> Cell {
    let route = match channel {
        Channel::Online => pushtally_model::Route::Online,
        _ => pushtally_model::Route::Offline,
    };
    Cell::new(route, channel, lane)
}

/// A batch as it was appended.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) recorded_ms: i64,
    pub(crate) events: Vec<(Source, Event)>,
}

/// The log so far.
#[derive(Debug, Default)]
pub(crate) struct Book {
    read: u64,
    tasks: BTreeMap<TaskNumber, TaskBook>,
}

impl Book {
    /// What was appended since the last time, batch by batch. It is not taken in yet.
    pub(crate) async fn read(&mut self, log: &dyn Log) -> Vec<Appended> {
        let mut batches = Vec::new();
        let mut read = self.read;
        let mut visit = |at: Position, batch: Batch| {
            read = at.of(0);
            let called = called(&batch);
            let sections = batch.records.iter().filter_map(|record| match record {
                Record::Events(section) => Some(section),
                Record::Calls(_) => None,
                Record::Control(_) => panic!("nobody forgets anything here"),
            });
            let events = sections.flat_map(|section| {
                let source = section.source;
                section.events().iter().map(move |event| (source, *event))
            });
            let events: Vec<(Source, Event)> = events.collect();
            for (_, event) in events.iter().filter(|(_, event)| is_called(event)) {
                let who = (event.task, event.number);
                assert!(called.contains(&who), "sent without its call: {event:?}");
            }
            batches.push(Appended {
                recorded_ms: batch.recorded_ms,
                events,
            });
            ControlFlow::Continue(())
        };
        log.replay(&Position::single(self.read), &mut visit)
            .await
            .unwrap();
        self.read = read;
        batches
    }

    pub(crate) fn take(&mut self, batch: &Appended) {
        for (_, event) in &batch.events {
            self.tasks.entry(event.task.number).or_default().take(event);
        }
    }

    pub(crate) fn task(&self, number: TaskNumber) -> TaskBook {
        self.tasks.get(&number).cloned().unwrap_or_default()
    }
}

/// For whom a batch has calls.
fn called(batch: &Batch) -> HashSet<(TaskKey, Number)> {
    let calls = batch.records.iter().filter_map(|record| match record {
        Record::Calls(calls) => Some(calls),
        Record::Events(_) | Record::Control(_) => None,
    });
    let of_task = calls.flat_map(|of| of.calls.iter().map(|call| (of.task, call)));
    of_task
        .flat_map(|(task, call)| call.numbers.iter().map(move |number| (task, *number)))
        .collect()
}

/// Sent by a vendor.
fn is_called(event: &Event) -> bool {
    event.cell.route() == Route::Offline && event.cell.lane() == Lane::Sent
}
