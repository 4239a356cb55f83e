//! Whom a task owes a count, however late it comes, and for whom it waits after a start.

use std::collections::BTreeSet;

use pushtally_model::{AppId, Clock, Device, Number, TaskKind};
use pushtally_store::{StoredTask, TaskSeq};

use crate::closing::addressed;
use crate::schedules::Model;

/// The last start over tasks that were there before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    last: TaskSeq,
    at_ms: i64,
}

impl Model {
    pub(crate) fn note_start(&mut self) {
        let last = self.tasks.iter().map(|task| task.seq).max();
        let at_ms = self.world.clock.now_ms();
        self.started = last.map(|last| Started { last, at_ms });
    }

    async fn registered_devices(&self) -> Vec<(AppId, Device)> {
        let mut devices = Vec::new();
        for ((app, _), number) in &self.devices {
            let device = self.world.inner.devices.find_device(*app, *number).await;
            devices.push((*app, device.unwrap().unwrap()));
        }
        devices
    }

    /// Whoever was addressed when a task was accepted, and at every look since, must have been planned whenever that was.
    pub(crate) async fn note_owed(&mut self) {
        let devices = self.registered_devices().await;
        for task in &self.tasks {
            let draft = &task.draft;
            // Nobody is planned offline whose tokens were dropped, and nobody at all who is away.
            let reachable = devices.iter().filter(|(app, device)| {
                *app == draft.app
                    && addressed(&draft.audience, device)
                    && device.dropped.is_empty()
                    && !draft.notification.online_only
            });
            let reachable: BTreeSet<Number> = reachable.map(|(_, device)| device.number).collect();
            let owed = self.owed.entry(task.seq);
            owed.and_modify(|owed| owed.retain(|number| reachable.contains(number)))
                .or_insert(reachable);
        }
    }

    /// At the end: only a task that was stopped may leave somebody out.
    pub(crate) async fn check_owed(&self) {
        for task in &self.tasks {
            let id = task.draft.id.as_str();
            if self.cancelled.contains(id) || self.revoked.contains_key(id) {
                continue;
            }
            let key = self.key(task).await.unwrap();
            let book = self.book.task(key.number);
            let planned: BTreeSet<Number> =
                book.planned.keys().map(|(_, number)| *number).collect();
            let owed = &self.owed[&task.seq];
            assert!(
                owed.is_subset(&planned),
                "{id} left out {owed:?} of {planned:?}"
            );
        }
    }

    /// What is planned while it may wait for its phones is a batch whose phones are all there.
    pub(crate) async fn check_waited(&mut self, task: &StoredTask, planned_ms: i64) {
        let deadline_ms = i64::from(task.draft.deadline.0) * 1000;
        if planned_ms >= deadline_ms {
            self.meet("planned too late");
        }
        let Some(started) = self.started.filter(|started| task.seq <= started.last) else {
            return;
        };
        let grace_ms = self.world.settings.return_grace.as_millis() as i64;
        let waits_ms = grace_ms.min((deadline_ms - started.at_ms) / 2);
        if planned_ms >= started.at_ms + waits_ms {
            return;
        }
        assert_eq!(task.draft.kind, TaskKind::Batch);
        for (app, device) in self.registered_devices().await {
            if app == task.draft.app && addressed(&task.draft.audience, &device) {
                let connected = self.world.connected.0.lock();
                assert!(
                    connected.contains_key(&(app, device.number)),
                    "{} did not wait for {:?}",
                    task.draft.id,
                    device.number
                );
            }
        }
        self.meet("waited for nobody");
    }
}
