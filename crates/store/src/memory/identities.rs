//! Names and numbers. Devices take theirs from here too.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{AppId, Channel, Kind, LossId, Number, Origin, Route, TaskKey, TaskNumber};

use crate::StoreError;
use crate::ports::{Identities, LossText, NamedTask, Names, OwnTask, Recipient, Resolved};

type RecipientKey = (AppId, String, Route, Channel);

#[derive(Debug, Default)]
struct Named {
    tasks: HashMap<(AppId, Kind, String), TaskKey>,
    recipients: HashMap<RecipientKey, Number>,
    losses: BTreeMap<AppId, Vec<LossText>>,
    next_task: u32,
    next_number: BTreeMap<AppId, u32>,
}

#[derive(Debug, Default)]
pub(super) struct MemoryIdentities(Mutex<Named>);

fn key_of(app: AppId, recipient: &Recipient<'_>) -> RecipientKey {
    let account = recipient.account.to_owned();
    (app, account, recipient.route, recipient.channel)
}

#[async_trait]
impl Identities for MemoryIdentities {
    async fn resolve(&self, app: AppId, names: &Names<'_>) -> Result<Resolved, StoreError> {
        let mut named = self.0.lock();
        let mut resolved = Resolved::default();
        for task in &names.tasks {
            let number = TaskNumber(named.next_task);
            let key = TaskKey {
                number,
                kind: task.kind,
                origin: task.origin,
            };
            let known = *named
                .tasks
                .entry((app, task.kind, task.id.to_owned()))
                .or_insert(key);
            named.next_task += u32::from(known.number == number);
            resolved.tasks.push(known);
        }
        for recipient in &names.recipients {
            let key = key_of(app, recipient);
            let next = named.next_number.get(&app).copied().unwrap_or_default();
            let known = *named.recipients.entry(key).or_insert(Number(next));
            named
                .next_number
                .insert(app, next + u32::from(known.0 == next));
            resolved.numbers.push(known);
        }
        for loss in &names.losses {
            let known = named.losses.entry(app).or_default();
            let at = known.iter().position(|other| other == loss);
            let id = match at {
                Some(at) => LossId(at as u32 + 2),
                None if known.len() as u32 >= LossText::PER_APP_MAX => LossId::OTHER,
                None => {
                    known.push(loss.clone());
                    LossId(known.len() as u32 + 1)
                }
            };
            resolved.losses.push(id);
        }
        Ok(resolved)
    }

    async fn find_task(
        &self,
        app: AppId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<TaskKey>, StoreError> {
        Ok(self
            .0
            .lock()
            .tasks
            .get(&(app, kind, id.to_owned()))
            .copied())
    }

    async fn find_recipients(
        &self,
        app: AppId,
        recipients: &[Recipient<'_>],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        let named = self.0.lock();
        let number = |recipient| named.recipients.get(&key_of(app, recipient)).copied();
        Ok(recipients.iter().map(number).collect())
    }

    async fn own_tasks(&self, from: TaskNumber, max: usize) -> Result<Vec<OwnTask>, StoreError> {
        let named = self.0.lock();
        let own = named
            .tasks
            .iter()
            .filter(|(_, key)| key.origin == Origin::Own);
        let mut own: Vec<OwnTask> = own
            .filter(|(_, key)| key.number >= from)
            .map(|((app, kind, id), key)| OwnTask {
                number: key.number,
                app: *app,
                kind: *kind,
                id: id.clone(),
            })
            .collect();
        own.sort_by_key(|task| task.number);
        own.truncate(max);
        Ok(own)
    }

    async fn tasks_of(
        &self,
        app: AppId,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<NamedTask>, StoreError> {
        let named = self.0.lock();
        let tasks = named.tasks.iter();
        let mut found: Vec<NamedTask> = tasks
            .filter(|((of, ..), key)| *of == app && key.number >= from)
            .map(|((.., id), key)| NamedTask {
                key: *key,
                id: id.clone(),
            })
            .collect();
        found.sort_by_key(|task| task.key.number);
        found.truncate(max);
        Ok(found)
    }

    async fn find_loss(&self, app: AppId, loss: LossId) -> Result<Option<LossText>, StoreError> {
        let named = self.0.lock();
        let known = named.losses.get(&app).zip(loss.0.checked_sub(2));
        Ok(known.and_then(|(known, at)| known.get(at as usize).cloned()))
    }

    async fn raise(
        &self,
        tasks_end: u32,
        numbers_end: &BTreeMap<AppId, u32>,
    ) -> Result<(), StoreError> {
        let mut named = self.0.lock();
        named.next_task = named.next_task.max(tasks_end);
        for (app, end) in numbers_end {
            let next = named.next_number.entry(*app).or_default();
            *next = (*next).max(*end);
        }
        Ok(())
    }

    async fn count(&self) -> Result<(u64, u64), StoreError> {
        let named = self.0.lock();
        Ok((named.tasks.len() as u64, named.recipients.len() as u64))
    }
}

impl MemoryIdentities {
    /// Forgets the names that imports knew somebody by; answers how many.
    pub(super) fn forget(&self, app: AppId, gone: &BTreeSet<String>) -> u64 {
        let mut named = self.0.lock();
        let known = named.recipients.len();
        let stays = |key: &RecipientKey| key.0 != app || !gone.contains(&key.1);
        named.recipients.retain(|key, _| stays(key));
        (known - named.recipients.len()) as u64
    }

    /// A number for a device; `None` when the app has given them all.
    pub(super) fn give_number(&self, app: AppId) -> Option<Number> {
        let mut named = self.0.lock();
        let next = named.next_number.entry(app).or_default();
        let number = Number(*next);
        *next = next.checked_add(1)?;
        Some(number)
    }
}
