//! Numbers become names: tasks, accounts and reasons of the events of one call.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{AppId, Channel, Device, Number, Route, Stage, TaskId, TaskNumber};
use pushtally_store::{Devices, Identities, LossText, StoreError, Tasks};

use crate::form::{Notice, Told};
use crate::found::Found;
use crate::settings::{TASKS_READ_MAX, TOLD_MAX};

/// Where names are.
#[derive(Clone)]
pub struct Names {
    /// Tasks by number, and reasons.
    pub identities: Arc<dyn Identities>,
    /// Tasks by name.
    pub tasks: Arc<dyn Tasks>,
    /// Devices.
    pub devices: Arc<dyn Devices>,
}

/// Finds names.
pub(crate) struct Naming {
    names: Names,
    /// Two halves: when the young one is full, the old one goes.
    told: Mutex<[HashMap<TaskNumber, Arc<Told>>; 2]>,
    /// Names of tasks that nothing else is known of yet.
    named: Mutex<HashMap<TaskNumber, (AppId, String)>>,
}

impl std::fmt::Debug for Naming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Naming").finish_non_exhaustive()
    }
}

impl Naming {
    pub(crate) fn new(names: Names) -> Self {
        Self {
            names,
            told: Mutex::default(),
            named: Mutex::default(),
        }
    }

    /// The events of an app that have names still, in their order. A device that is unregistered has none, nor has a task
    /// that was forgotten: what is left of them are numbers, which nobody outside knows.
    pub(crate) async fn name(
        &self,
        app: AppId,
        found: &[Found],
    ) -> Result<Vec<Notice>, StoreError> {
        let mut numbers: Vec<Number> = found.iter().map(|one| one.event.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let devices = self.names.devices.find_devices(app, &numbers).await?;
        let devices: BTreeMap<Number, Device> = devices
            .into_iter()
            .map(|device| (device.number, device))
            .collect();
        let mut notices = Vec::with_capacity(found.len());
        for one in found {
            let Some(device) = devices.get(&one.event.number) else {
                continue;
            };
            if let Some(task) = self.task(app, one.event.task.number).await? {
                notices.push(self.notice(app, one, task, device).await?);
            }
        }
        Ok(notices)
    }

    async fn notice(
        &self,
        app: AppId,
        found: &Found,
        task: Arc<Told>,
        device: &Device,
    ) -> Result<Notice, StoreError> {
        let (cell, loss) = (found.event.cell, found.event.loss);
        let (stage, is_lost) = stage(cell.lane());
        let loss = if is_lost {
            let known = self.names.identities.find_loss(app, loss).await?;
            Some(known.unwrap_or_else(|| LossText::new(0, "other")))
        } else {
            None
        };
        let account = match &device.account {
            Some(account) => account.as_str(),
            None => device.registration_id.as_str(),
        };
        Ok(Notice {
            seq: found.place,
            task,
            account: account.to_owned(),
            route: cell.route(),
            channel: cell.channel(),
            device: match cell.route() {
                Route::Online => kind_of(device),
                Route::Offline => Channel::Unknown,
            },
            stage,
            loss,
            at: found.event.at,
        })
    }

    /// What is told of a task; `None` when it is no longer stored.
    async fn task(&self, app: AppId, number: TaskNumber) -> Result<Option<Arc<Told>>, StoreError> {
        if let Some(told) = self.remembered(number) {
            return Ok(Some(told));
        }
        let Some((owner, id)) = self.task_name(number).await? else {
            return Ok(None);
        };
        let Ok(id) = TaskId::new(id) else {
            return Ok(None);
        };
        if owner != app {
            return Ok(None);
        }
        let Some(stored) = self.names.tasks.find_stored_task(app, &id).await? else {
            return Ok(None);
        };
        let told = Arc::new(Told {
            id: id.as_str().to_owned(),
            data_id: stored.draft.data_id,
            sender: stored.draft.sender,
            random: stored.draft.random,
            started_at: stored.draft.accepted_at,
            message: stored.draft.message,
        });
        self.remember(number, &told);
        Ok(Some(told))
    }

    fn remembered(&self, number: TaskNumber) -> Option<Arc<Told>> {
        let [young, old] = &*self.told.lock();
        young.get(&number).or_else(|| old.get(&number)).cloned()
    }

    fn remember(&self, number: TaskNumber, told: &Arc<Told>) {
        let [young, old] = &mut *self.told.lock();
        if young.len() >= TOLD_MAX {
            *old = std::mem::take(young);
        }
        young.insert(number, Arc::clone(told));
    }

    async fn task_name(&self, number: TaskNumber) -> Result<Option<(AppId, String)>, StoreError> {
        if let Some(name) = self.named.lock().get(&number) {
            return Ok(Some(name.clone()));
        }
        let own = self.names.identities.own_tasks(number, TASKS_READ_MAX);
        let own = own.await?.into_iter();
        let mut named = self.named.lock();
        *named = own.map(|task| (task.number, (task.app, task.id))).collect();
        Ok(named.get(&number).cloned())
    }
}

/// The stage of a lane, and whether it was lost.
const fn stage(lane: pushtally_model::Lane) -> (Stage, bool) {
    use pushtally_model::Lane;
    match lane {
        Lane::Planned => (Stage::Planned, false),
        Lane::Sent => (Stage::Sent, false),
        Lane::Delivered => (Stage::Delivered, false),
        Lane::Clicked => (Stage::Clicked, false),
        Lane::LostBeforeSent => (Stage::Sent, true),
        Lane::LostBeforeDelivered => (Stage::Delivered, true),
        Lane::LostBeforeClicked => (Stage::Clicked, true),
    }
}

/// What would reach a device offline, as far as it said.
fn kind_of(device: &Device) -> Channel {
    let token = device.facts.alert_token().map(|token| token.channel);
    token.or(device.facts.vendor).unwrap_or(Channel::Unknown)
}
