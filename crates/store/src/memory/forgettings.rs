//! Forgettings: there are no files, so what is erased from the maps is gone.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{Account, AppId, Second};

use super::devices::MemoryDevices;
use super::identities::MemoryIdentities;
use super::tasks::MemoryTasks;
use crate::StoreError;
use crate::ports::{
    BACKUPS_MAX, BackupNote, Erased, FORGETTINGS_KEPT_MAX, Forgetting, Forgettings, Forgotten,
    TaskSeq,
};

/// A forgetting, and what there is to erase.
#[derive(Debug)]
struct Noted {
    forgetting: Forgetting,
    gone: BTreeSet<String>,
    /// The task that was accepted last before it.
    last_task: TaskSeq,
}

#[derive(Debug, Default)]
struct Notes {
    forgettings: VecDeque<Noted>,
    last_place: u64,
    backups: VecDeque<BackupNote>,
}

#[derive(Debug)]
pub(super) struct MemoryForgettings {
    devices: Arc<MemoryDevices>,
    tasks: Arc<MemoryTasks>,
    identities: Arc<MemoryIdentities>,
    notes: Mutex<Notes>,
}

impl MemoryForgettings {
    pub(super) fn new(
        devices: Arc<MemoryDevices>,
        tasks: Arc<MemoryTasks>,
        identities: Arc<MemoryIdentities>,
    ) -> Self {
        Self {
            devices,
            tasks,
            identities,
            notes: Mutex::default(),
        }
    }
}

#[async_trait]
impl Forgettings for MemoryForgettings {
    async fn forget_accounts(
        &self,
        app: AppId,
        accounts: &[Account],
        at: Second,
    ) -> Result<Forgotten, StoreError> {
        if accounts.is_empty() {
            return Ok(Forgotten::default());
        }
        let notes = &mut *self.notes.lock();
        let mut gone = BTreeSet::new();
        let forgot: Vec<_> = self.devices.change(app, |registry| {
            let each = accounts.iter();
            each.map(|account| registry.forget(account, at, &mut gone))
                .collect()
        });
        let add = |total: Erased, (_, erased): &(_, Erased)| total.plus(*erased);
        notes.last_place += 1;
        let forgetting = Forgetting {
            place: notes.last_place,
            app,
            at,
            named: accounts.len() as u64,
            erased: forgot.iter().fold(Erased::default(), add),
            done_at: None,
        };
        notes.forgettings.push_back(Noted {
            forgetting,
            gone,
            last_task: self.tasks.last(),
        });
        Ok(Forgotten {
            accounts: forgot.into_iter().map(|(answer, _)| answer).collect(),
            places: vec![forgetting.place],
        })
    }

    async fn erase(&self, at: Second) -> Result<u64, StoreError> {
        let notes = &mut *self.notes.lock();
        let mut done = 0;
        let waiting = notes.forgettings.iter_mut();
        for noted in waiting.filter(|noted| noted.forgetting.done_at.is_none()) {
            let (forgetting, gone) = (&mut noted.forgetting, std::mem::take(&mut noted.gone));
            let app = forgetting.app;
            let erased = self.tasks.forget(app, &gone, noted.last_task);
            let recipients = self.identities.forget(app, &gone);
            forgetting.erased = forgetting.erased.plus(Erased {
                recipients,
                ..erased
            });
            forgetting.done_at = Some(at);
            done += 1;
        }
        let over = notes.forgettings.len().saturating_sub(FORGETTINGS_KEPT_MAX);
        notes.forgettings.drain(..over);
        Ok(done)
    }

    async fn waiting_since(&self) -> Result<Option<Second>, StoreError> {
        let notes = self.notes.lock();
        let noted = notes.forgettings.iter().map(|noted| noted.forgetting);
        let waiting = noted.filter(|forgetting| forgetting.done_at.is_none());
        Ok(waiting.map(|forgetting| forgetting.at).min())
    }

    async fn forgettings(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<Forgetting>, StoreError> {
        let notes = self.notes.lock();
        let older = notes.forgettings.iter().rev().map(|noted| noted.forgetting);
        let older = older.filter(|forgetting| {
            before.is_none_or(|before| forgetting.place < before)
                && app.is_none_or(|app| forgetting.app == app)
        });
        Ok(older.take(max).collect())
    }

    async fn note_backup(&self, backup: &BackupNote) -> Result<(), StoreError> {
        let backups = &mut self.notes.lock().backups;
        backups.push_front(backup.clone());
        backups.truncate(BACKUPS_MAX);
        Ok(())
    }

    async fn backups(&self) -> Result<Vec<BackupNote>, StoreError> {
        Ok(self.notes.lock().backups.iter().cloned().collect())
    }
}
