//! The ports over the store.
//!
//! Single rows are read on the caller's thread: a few pages, from memory or the system's cache, in microseconds, less than
//! handing them to another thread costs. What reads many rows goes to the threads that may block.

mod accounts;

use std::collections::BTreeMap;

use async_trait::async_trait;
use pushtally_model::{
    Account, AppId, Device, Number, RegistrationId, Revocation, Second, TaskDraft, TaskId,
    TaskState,
};
use pushtally_store::registering::{
    RegisterPlan, Registrant, UpdatePlan, plan_registration, plan_update,
};
use pushtally_store::{
    AcceptLimits, Accepted, Addressed, Audit, AuditEntry, Claim, ClaimedJob, DeadToken,
    DeviceChange, DeviceVisitor, Devices, Job, Phone, Registered, Registration, ReplacedToken,
    Restoring, Revoked, SecretHash, StoreError, StoredTask, TaskSeq, Tasks, Unregistered, Updated,
};
use redb::{ReadOnlyTable, ReadTransaction};

use super::rows::Called;
use super::tables::{
    ACCOUNTS, APP_TASKS, APPS, ActError, Bytes, CALLS, DEVICES, KNOWN, PHONES, REVOCATIONS,
    TASK_IDS, TASKS, account_key, decode, job_key, row,
};
use super::writer::Class;
use super::{DIRECT_LEN_MAX, State, VISIT_LEN, audit, devices, holdings, tasks, until_full};

pub(super) const fn of_devices(app: AppId) -> (Class, AppId) {
    (Class::Devices, app)
}

const fn of_tasks(app: AppId) -> (Class, AppId) {
    (Class::Tasks, app)
}

fn pair(
    read: &ReadTransaction,
    app: AppId,
    registration_id: &RegistrationId,
) -> Result<(Option<Phone>, Option<Device>), ActError> {
    let (phones, devices) = (read.open_table(PHONES)?, read.open_table(DEVICES)?);
    devices::pair(&phones, &devices, app, registration_id)
}

fn find(read: &ReadTransaction, app: AppId, numbers: &[Number]) -> Result<Vec<Device>, ActError> {
    let table = read.open_table(DEVICES)?;
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut found = Vec::new();
    for number in sorted {
        found.extend(devices::device(&table, app, number)?);
    }
    Ok(found)
}

/// A part of a shard's devices, and from where the next part goes on.
fn part(
    table: &ReadOnlyTable<(u32, u32), Bytes>,
    app: AppId,
    from: u32,
    last: u32,
) -> Result<(Vec<Device>, Option<u32>), ActError> {
    let mut part: Vec<Device> = Vec::new();
    for row in table.range((app.0, from)..=(app.0, last))?.take(VISIT_LEN) {
        part.push(decode("devices", row?.1.value())?);
    }
    let next = part.last().map(|device| device.number.0);
    let next = next.filter(|number| part.len() == VISIT_LEN && *number < last);
    Ok((part, next.map(|number| number + 1)))
}

impl State {
    async fn register_all(
        &self,
        app: AppId,
        registrations: &[Registration],
        by: Registrant,
        devices_max: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        self.act_on_all(app, registrations, move |tables, numbers, part| {
            until_full(tables, part, |tables, registration| {
                let done = devices::register(tables, numbers, app, registration, by, devices_max)?;
                Ok(done.into_answer())
            })
        })
        .await
    }
}

#[async_trait]
impl Devices for State {
    /// A registration that changes nothing is answered from the last commit: it neither waits nor writes.
    async fn register_device(
        &self,
        app: AppId,
        registration: &Registration,
        devices_max: u64,
    ) -> Result<Registered, StoreError> {
        // A read that fails decides nothing: the writer knows better, or what is wrong.
        let known = self.read(|read| pair(read, app, &registration.registration_id));
        if let Ok((phone @ Some(_), device)) = known {
            let plan = plan_registration(
                phone.as_ref(),
                device.as_ref(),
                registration,
                Registrant::Phone,
                0,
                u64::MAX,
            );
            if let RegisterPlan::Answer(answer) = plan {
                return Ok(answer);
            }
        }
        let registration = registration.clone();
        self.act(of_devices(app), move |tables, numbers| {
            let by = Registrant::Phone;
            devices::register(tables, numbers, app, &registration, by, devices_max)
        })
        .await
    }

    async fn register_devices(
        &self,
        app: AppId,
        registrations: &[Registration],
        devices_max: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        self.register_all(app, registrations, Registrant::Phone, devices_max)
            .await
    }

    async fn import_devices(
        &self,
        app: AppId,
        registrations: &[Registration],
        devices_max: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        self.register_all(app, registrations, Registrant::Operator, devices_max)
            .await
    }

    async fn update_device(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: SecretHash,
        change: &DeviceChange,
    ) -> Result<Updated, StoreError> {
        if let Ok((phone, device)) = self.read(|read| pair(read, app, registration_id)) {
            let plan = plan_update(phone.as_ref(), device.as_ref(), secret, change);
            if let UpdatePlan::Answer(answer) = plan {
                return Ok(answer);
            }
        }
        let (registration_id, change) = (registration_id.clone(), change.clone());
        self.act(of_devices(app), move |tables, _| {
            devices::update(tables, app, &registration_id, secret, &change)
        })
        .await
    }

    async fn unregister_device(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: SecretHash,
        at: Second,
    ) -> Result<Unregistered, StoreError> {
        let registration_id = registration_id.clone();
        self.act(of_devices(app), move |tables, _| {
            devices::unregister(tables, app, &registration_id, secret, at)
        })
        .await
    }

    async fn drop_tokens(
        &self,
        app: AppId,
        dead: &[DeadToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        let dropped = self.act_on_all(app, dead, move |tables, _, part| {
            until_full(tables, part, |tables, dead| {
                devices::drop_token(tables, app, dead, at)
            })
        });
        Ok(dropped.await?.into_iter().map(u64::from).sum())
    }

    async fn restore_tokens(
        &self,
        app: AppId,
        numbers: &[Number],
        what: &Restoring,
        at: Second,
    ) -> Result<u64, StoreError> {
        let what = *what;
        let restored = self.act_on_all(app, numbers, move |tables, _, part| {
            until_full(tables, part, |tables, number| {
                devices::restore_tokens(tables, app, *number, &what, at)
            })
        });
        Ok(restored.await?.into_iter().sum())
    }

    async fn replace_tokens(
        &self,
        app: AppId,
        replaced: &[ReplacedToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        let done = self.act_on_all(app, replaced, move |tables, _, part| {
            until_full(tables, part, |tables, replaced| {
                devices::replace_token(tables, app, replaced, at)
            })
        });
        Ok(done.await?.into_iter().map(u64::from).sum())
    }

    async fn holders(
        &self,
        app: AppId,
        tokens: &[Addressed],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        let asked = holdings::asked(app, tokens);
        let look = move |read: &ReadTransaction| holdings::holders(read, &asked);
        if tokens.len() <= DIRECT_LEN_MAX {
            self.read(look)
        } else {
            self.read_apart(look).await
        }
    }

    async fn forget_former_holders(&self, before: Second) -> Result<u64, StoreError> {
        self.sweep_holdings(before).await
    }

    async fn find_phone(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
    ) -> Result<Option<Phone>, StoreError> {
        self.read(|read| devices::phone(&read.open_table(PHONES)?, app, registration_id))
    }

    async fn find_device(&self, app: AppId, number: Number) -> Result<Option<Device>, StoreError> {
        self.read(|read| devices::device(&read.open_table(DEVICES)?, app, number))
    }

    async fn find_devices(
        &self,
        app: AppId,
        numbers: &[Number],
    ) -> Result<Vec<Device>, StoreError> {
        if numbers.len() <= DIRECT_LEN_MAX {
            return self.read(|read| find(read, app, numbers));
        }
        let numbers = numbers.to_vec();
        self.read_apart(move |read| find(read, app, &numbers)).await
    }

    async fn devices_of_account(
        &self,
        app: AppId,
        account: &Account,
    ) -> Result<Vec<Device>, StoreError> {
        self.read(|read| {
            let accounts = read.open_table(ACCOUNTS)?;
            let numbers = devices::numbers_of_account(&accounts, app, account)?;
            find(read, app, &numbers)
        })
    }

    async fn account_known(&self, app: AppId, account: &Account) -> Result<bool, StoreError> {
        self.read(|read| {
            let accounts = read.open_table(ACCOUNTS)?;
            let mark = account_key(app, account, KNOWN);
            Ok(accounts.get(mark.as_slice())?.is_some())
        })
    }

    async fn device_shards(&self, app: AppId) -> Result<Vec<u16>, StoreError> {
        self.read(|read| devices::shards(&read.open_table(DEVICES)?, app))
    }

    async fn visit_shard(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        let read = self.database.begin_read()?;
        let table = read.open_table(DEVICES);
        let mut table = table.map_err(|error| self.database.read_error(error.into()))?;
        let first = u32::from(shard) << 16;
        let mut from = Some(first);
        while let Some(number) = from {
            // The visitor cannot leave this task, so the table goes to where blocking is allowed and comes back.
            let read = move || {
                let found = part(&table, app, number, first | 0xFFFF);
                (table, found)
            };
            let (back, found) = tokio::task::spawn_blocking(read).await.map_err(|error| {
                let what = format!("a visit of devices stopped: {error}");
                StoreError::Io { what }
            })?;
            table = back;
            let (devices, next) = found.map_err(|error| self.database.read_error(error))?;
            from = next;
            for device in devices {
                if visit(device).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn count_devices(&self, app: AppId) -> Result<u64, StoreError> {
        self.read(|read| Ok(devices::app_row(&read.open_table(APPS)?, app)?.devices))
    }

    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError> {
        self.numbers_end()
    }
}

fn list(
    read: &ReadTransaction,
    app: Option<AppId>,
    before: u64,
    max: usize,
) -> Result<Vec<StoredTask>, ActError> {
    let table = read.open_table(TASKS)?;
    let mut found = Vec::new();
    match app {
        None => {
            for row in table.range(..before)?.rev().take(max) {
                found.push(decode("tasks", row?.1.value())?);
            }
        }
        Some(app) => {
            let places = read.open_table(APP_TASKS)?;
            for place in places.range((app.0, 0)..(app.0, before))?.rev().take(max) {
                let (_, seq) = place?.0.value();
                found.extend(tasks::task(&table, TaskSeq(seq))?);
            }
        }
    }
    Ok(found)
}

#[async_trait]
impl Tasks for State {
    async fn accept_task(
        &self,
        draft: &TaskDraft,
        shards: Option<&[u16]>,
        limits: &AcceptLimits,
    ) -> Result<Accepted, StoreError> {
        let (draft, limits) = (draft.clone(), *limits);
        let shards = shards.map(<[u16]>::to_vec);
        self.act(of_tasks(draft.app), move |tables, _| {
            tasks::accept(tables, &draft, shards.as_deref(), &limits)
        })
        .await
    }

    async fn find_stored_task(
        &self,
        app: AppId,
        id: &TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.read(|read| {
            let seq = tasks::seq_of(&read.open_table(TASK_IDS)?, app, id)?;
            let table = read.open_table(TASKS)?;
            let found = seq.map(|seq| tasks::task(&table, seq)).transpose()?;
            Ok(found.flatten())
        })
    }

    async fn task_at(&self, seq: TaskSeq) -> Result<Option<StoredTask>, StoreError> {
        self.read(|read| tasks::task(&read.open_table(TASKS)?, seq))
    }

    async fn list_tasks(
        &self,
        app: Option<AppId>,
        before: Option<TaskSeq>,
        max: usize,
    ) -> Result<Vec<StoredTask>, StoreError> {
        let before = before.map_or(u64::MAX, |seq| seq.0);
        self.read_apart(move |read| list(read, app, before, max))
            .await
    }

    async fn set_task_state(
        &self,
        app: AppId,
        id: &TaskId,
        state: TaskState,
    ) -> Result<Option<StoredTask>, StoreError> {
        let id = id.clone();
        self.act(of_tasks(app), move |tables, _| {
            tasks::set_state(tables, app, &id, state)
        })
        .await
    }

    async fn revoke_task(
        &self,
        app: AppId,
        id: &TaskId,
        revocation: &Revocation,
        age_s_max: u32,
    ) -> Result<Revoked, StoreError> {
        let (id, revocation) = (id.clone(), revocation.clone());
        self.act(of_tasks(app), move |tables, _| {
            tasks::revoke(tables, app, &id, &revocation, age_s_max)
        })
        .await
    }

    async fn revocation(&self, task: TaskSeq) -> Result<Option<Revocation>, StoreError> {
        self.read(|read| row("revocations", &read.open_table(REVOCATIONS)?, task.0))
    }

    async fn app_paused(&self, app: AppId) -> Result<bool, StoreError> {
        self.read(|read| Ok(devices::app_row(&read.open_table(APPS)?, app)?.paused))
    }

    async fn set_app_paused(&self, app: AppId, paused: bool) -> Result<(), StoreError> {
        self.act(of_tasks(app), move |tables, _| {
            tasks::set_app_paused(tables, app, paused)
        })
        .await
    }

    async fn claim_job(&self, claim: Claim, now_ms: i64) -> Result<Option<ClaimedJob>, StoreError> {
        Ok(self.jobs.lock().claim(claim, now_ms))
    }

    async fn release_job(&self, job: &Job, not_before_ms: i64) -> Result<(), StoreError> {
        self.jobs.lock().release(job, not_before_ms);
        Ok(())
    }

    async fn note_calls(&self, job: &Job, numbers: &[Number]) -> Result<(), StoreError> {
        let (job, numbers) = (*job, numbers.to_vec());
        self.act(of_tasks(job.app), move |tables, _| {
            tasks::note_calls(tables, &job, &numbers)
        })
        .await
    }

    async fn noted_calls(&self, job: &Job) -> Result<Vec<Number>, StoreError> {
        let key = job_key(job);
        self.read(|read| {
            let noted = row("calls", &read.open_table(CALLS)?, key.as_slice())?;
            Ok(noted.map(|Called(numbers)| numbers).unwrap_or_default())
        })
    }

    async fn finish_job(&self, job: &Job, next: &[Job], at: Second) -> Result<(), StoreError> {
        let (job, next) = (*job, next.to_vec());
        self.act(of_tasks(job.app), move |tables, _| {
            tasks::move_jobs(tables, Some((&job, at)), &next)
        })
        .await
    }

    async fn reopen_task(&self, jobs: &[Job]) -> Result<(), StoreError> {
        let Some(first) = jobs.first() else {
            return Ok(());
        };
        let (line, jobs) = (of_tasks(first.app), jobs.to_vec());
        self.act(line, move |tables, _| tasks::move_jobs(tables, None, &jobs))
            .await
    }

    async fn next_job_at(&self, now_ms: i64) -> Result<Option<i64>, StoreError> {
        Ok(self.jobs.lock().next_at(now_ms))
    }

    async fn jobs_left(&self, task: TaskSeq) -> Result<usize, StoreError> {
        Ok(self.jobs.lock().jobs_left(task))
    }
}

#[async_trait]
impl Audit for State {
    async fn append_entry(&self, entry: &AuditEntry) -> Result<u64, StoreError> {
        let entry = entry.clone();
        let line = of_tasks(entry.app.unwrap_or_default());
        self.act(line, move |tables, _| audit::append(tables, &entry))
            .await
    }

    async fn entries(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let before = before.unwrap_or(u64::MAX);
        self.read_apart(move |read| audit::entries(read, app, before, max))
            .await
    }
}
