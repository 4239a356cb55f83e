//! The ports over the store.
//!
//! Single rows are read on the caller's thread: a few pages, from memory or the system's cache, in microseconds, less than
//! handing them to another thread costs. What reads many rows goes to the threads that may block.

mod accounts;
mod tasks;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use async_trait::async_trait;
use pushtally_model::{Account, Addressee, AppId, Channel, Device, Number, RegistrationId, Second};
use pushtally_store::registering::{
    RegisterPlan, Registrant, UpdatePlan, plan_registration, plan_update,
};
use pushtally_store::{
    Addressed, Audit, AuditEntry, DeadToken, DeviceChange, DeviceVisitor, Devices, Phone,
    ReachVisitor, Registered, Registration, ReplacedToken, Restoring, SecretHash, StoreError,
    Unregistered, Updated,
};
use redb::{ReadOnlyTable, ReadTransaction};

use super::rows::{Row as _, RowError, addressee_of, reach_of};
use super::tables::{
    ACCOUNTS, APPS, ActError, Bytes, DEVICES, KNOWN, PHONES, account_key, damaged,
};
use super::writer::Class;
use super::{DENSE_STEP, DIRECT_LEN_MAX, State, VISIT_LEN, audit, devices, holdings, until_full};

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
    find_as(read, app, numbers, Device::decode)
}

/// What is read of the rows of these numbers, by number.
fn find_as<T>(
    read: &ReadTransaction,
    app: AppId,
    numbers: &[Number],
    decode: impl Fn(&[u8]) -> Result<T, RowError>,
) -> Result<Vec<T>, ActError> {
    let table = read.open_table(DEVICES)?;
    let decode = |bytes: &[u8]| decode(bytes).map_err(|error| damaged("devices", error));
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut found = Vec::with_capacity(sorted.len());
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return Ok(found);
    };
    if (last.0 - first.0) as usize >= sorted.len() * DENSE_STEP {
        for number in sorted {
            let row = table.get((app.0, number.0))?;
            found.extend(row.map(|row| decode(row.value())).transpose()?);
        }
        return Ok(found);
    }
    // Going from row to row costs a part of looking each up.
    let mut wanted = sorted.iter().peekable();
    for row in table.range((app.0, first.0)..=(app.0, last.0))? {
        let (key, row) = row?;
        let number = Number(key.value().1);
        while wanted.next_if(|wanted| **wanted < number).is_some() {}
        if wanted.next_if(|wanted| **wanted == number).is_some() {
            found.push(decode(row.value())?);
        }
    }
    Ok(found)
}

/// What is read of a part of a shard's rows, and from where the next part goes on.
fn part<T>(
    table: &ReadOnlyTable<(u32, u32), Bytes>,
    app: AppId,
    from: u32,
    last: u32,
    decode: impl Fn(&[u8]) -> Result<T, RowError>,
) -> Result<(Vec<T>, Option<u32>), ActError> {
    let (mut part, mut next) = (Vec::new(), None);
    for row in table.range((app.0, from)..=(app.0, last))?.take(VISIT_LEN) {
        let (key, row) = row?;
        part.push(decode(row.value()).map_err(|error| damaged("devices", error))?);
        next = Some(key.value().1);
    }
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

    /// Visits what is read of the rows of a shard as of one moment.
    async fn visit_as<T: Send + 'static>(
        &self,
        app: AppId,
        shard: u16,
        decode: impl Fn(&[u8]) -> Result<T, RowError> + Copy + Send + 'static,
        visit: &mut (dyn FnMut(T) -> ControlFlow<()> + Send + '_),
    ) -> Result<(), StoreError> {
        let read = self.database.begin_read()?;
        let table = read.open_table(DEVICES);
        let mut table = table.map_err(|error| self.database.read_error(error.into()))?;
        let first = u32::from(shard) << 16;
        let mut from = Some(first);
        while let Some(number) = from {
            // The visitor cannot leave this task, so the table goes to where blocking is allowed and comes back.
            let read = move || {
                let found = part(&table, app, number, first | 0xFFFF, decode);
                (table, found)
            };
            let (back, found) = self.readers.run(read).await?;
            table = back;
            let (rows, next) = found.map_err(|error| self.database.read_error(error))?;
            from = next;
            for row in rows {
                if visit(row).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
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

    async fn find_addressees(
        &self,
        app: AppId,
        numbers: &[Number],
        channel: Channel,
    ) -> Result<Vec<Addressee>, StoreError> {
        let look = move |read: &ReadTransaction, numbers: &[Number]| {
            find_as(read, app, numbers, |row| addressee_of(row, channel))
        };
        if numbers.len() <= DIRECT_LEN_MAX {
            return self.read(|read| look(read, numbers));
        }
        let numbers = numbers.to_vec();
        self.read_apart(move |read| look(read, &numbers)).await
    }

    async fn visit_shard(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.visit_as(app, shard, Device::decode, visit).await
    }

    async fn visit_reaches(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut ReachVisitor<'_>,
    ) -> Result<(), StoreError> {
        let mut visit = |(number, reach)| visit(number, reach);
        self.visit_as(app, shard, reach_of, &mut visit).await
    }

    async fn count_devices(&self, app: AppId) -> Result<u64, StoreError> {
        self.read(|read| Ok(devices::app_row(&read.open_table(APPS)?, app)?.devices))
    }

    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError> {
        self.numbers_end()
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
