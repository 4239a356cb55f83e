//! The plainest reading of the rules: a map of marks and a list of overall counts.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_ledger::{Batch, Control, Record};
use pushtally_model::{
    AppId, Cell, Event, Kind, Lane, LossId, Number, Origin, Scope, Second, TaskNumber, Window,
};

#[derive(Default)]
pub(crate) struct Naive {
    marked: BTreeMap<(AppId, TaskNumber, Number, Cell), (Second, LossId)>,
    forgotten: BTreeSet<TaskNumber>,
    /// Overall counts outlive their tasks.
    overall: Vec<(AppId, Kind, Cell, LossId, Second)>,
}

impl Naive {
    pub(crate) fn apply(&mut self, batch: &Batch) {
        for record in &batch.records {
            match record {
                Record::Events(section) => section
                    .events()
                    .iter()
                    .for_each(|event| self.apply_event(event)),
                Record::Calls(_) => {}
                Record::Control(Control::ForgetTask { task, .. }) => {
                    self.forgotten.insert(task.number);
                    self.marked
                        .retain(|(_, number, _, _), _| *number != task.number);
                }
                Record::Control(Control::CutDays { app, before_day }) => {
                    self.overall
                        .retain(|(a, _, _, _, at)| a != app || at.day() >= *before_day);
                }
            }
        }
    }

    fn apply_event(&mut self, event: &Event) {
        let key = |lane| {
            (
                event.app,
                event.task.number,
                event.number,
                event.cell.with_lane(lane),
            )
        };
        let has = |lane| self.marked.contains_key(&key(lane));
        let lane = event.cell.lane();
        if self.forgotten.contains(&event.task.number) || has(lane) {
            return;
        }
        let counts = event.task.origin == Origin::Imported
            || match lane {
                Lane::Planned => true,
                Lane::Sent => has(Lane::Planned) && !has(Lane::LostBeforeSent),
                Lane::LostBeforeSent => has(Lane::Planned) && !has(Lane::Sent),
                _ => has(Lane::Planned),
            };
        if counts {
            self.marked.insert(key(lane), (event.at, event.loss));
            self.overall
                .push((event.app, event.task.kind, event.cell, event.loss, event.at));
        }
    }

    pub(crate) fn count(&self, scope: Scope, window: Window) -> BTreeMap<(Cell, LossId), u64> {
        let mut counts = BTreeMap::new();
        match scope {
            Scope::Overall(app, kind) => {
                for (a, k, cell, loss, at) in &self.overall {
                    if (*a, *k) == (app, kind) && window.contains(*at) {
                        *counts.entry((*cell, *loss)).or_default() += 1;
                    }
                }
            }
            Scope::Task(task) => {
                for ((_, t, _, cell), (at, loss)) in &self.marked {
                    if *t == task && window.contains(*at) {
                        *counts.entry((*cell, *loss)).or_default() += 1;
                    }
                }
            }
        }
        counts
    }
}
