//! Live pushes that only some devices were addressed with, found by the device: a sender may make thirty of them a second, to
//! others, while one phone is in a tunnel.

use std::collections::{BTreeMap, HashMap};

use pushtally_model::{Number, Second, TaskKey};
use pushtally_store::TaskSeq;

use super::LiveTask;
use crate::settings::{ADDRESSED_DEVICES_MAX, ADDRESSED_TASKS_MAX, LIVE_TASKS_MAX};

/// The newest of one app. Invariant: `of_device` names exactly the tasks of `tasks`, for each of their devices, ascending.
#[derive(Debug, Default)]
pub(super) struct Addressed {
    tasks: BTreeMap<TaskSeq, (LiveTask, Vec<Number>)>,
    of_device: HashMap<Number, Vec<TaskSeq>>,
    /// Devices over all tasks.
    devices: usize,
}

impl Addressed {
    /// Adds a task with its devices, each once; the oldest go when there are too many.
    pub(super) fn insert(&mut self, seq: TaskSeq, task: LiveTask, devices: Vec<Number>) {
        self.remove(seq);
        for device in &devices {
            let tasks = self.of_device.entry(*device).or_default();
            let at = tasks.partition_point(|other| *other < seq);
            tasks.insert(at, seq);
        }
        self.devices += devices.len();
        self.tasks.insert(seq, (task, devices));
        while self.is_over() {
            let Some(oldest) = self.tasks.keys().next().copied() else {
                return;
            };
            self.remove(oldest);
        }
    }

    fn is_over(&self) -> bool {
        self.tasks.len() > ADDRESSED_TASKS_MAX || self.devices > ADDRESSED_DEVICES_MAX
    }

    /// Whether one more task older than all of them might be kept.
    pub(super) fn has_room(&self) -> bool {
        self.tasks.len() < ADDRESSED_TASKS_MAX && self.devices < ADDRESSED_DEVICES_MAX
    }

    pub(super) fn remove(&mut self, seq: TaskSeq) {
        let Some((_, devices)) = self.tasks.remove(&seq) else {
            return;
        };
        self.devices -= devices.len();
        for device in devices {
            if let Some(tasks) = self.of_device.get_mut(&device) {
                tasks.retain(|other| *other != seq);
                if tasks.is_empty() {
                    self.of_device.remove(&device);
                }
            }
        }
    }

    pub(super) fn get(&self, seq: TaskSeq) -> Option<&LiveTask> {
        self.tasks.get(&seq).map(|(task, _)| task)
    }

    /// A device's newest whose time is not over.
    pub(super) fn of(
        &self,
        device: Number,
        now: Second,
    ) -> impl Iterator<Item = (TaskSeq, TaskKey)> {
        let tasks = self.of_device.get(&device).into_iter().flatten().rev();
        let live = tasks.filter_map(move |seq| {
            let task = self.get(*seq)?;
            (now < task.message.deadline).then_some((*seq, task.key))
        });
        live.take(LIVE_TASKS_MAX)
    }
}

#[cfg(test)]
mod tests;
