//! Devices: every row in one map, every other question a look at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{
    Account, AccountKind, AppId, AttributeNames, Channel, Device, Labels, Number, RegistrationId,
    Secret, TokenKind,
};

use super::identities::MemoryIdentities;
use crate::StoreError;
use crate::ports::{
    DeadToken, DeviceChange, DeviceVisitor, Devices, Phone, Registered, Registration, SecretHash,
    Unregistered, Updated,
};
use crate::registering::{
    RegisterPlan, Registrant, UpdatePlan, new_device, plan_drop, plan_registration,
    plan_unregistration, plan_update, tokens_gained, without_token,
};

/// What one app has.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) phones: BTreeMap<RegistrationId, Phone>,
    pub(super) devices: BTreeMap<Number, Device>,
    pub(super) accounts: BTreeSet<Account>,
    /// What accounts and phones are labelled with; nobody has empty ones.
    pub(super) labels: BTreeMap<(AccountKind, Account), Labels>,
    pub(super) attribute_names: AttributeNames,
    numbers_end: u32,
}

#[derive(Debug)]
pub(super) struct MemoryDevices {
    identities: Arc<MemoryIdentities>,
    apps: Mutex<BTreeMap<AppId, Registry>>,
}

impl MemoryDevices {
    pub(super) fn new(identities: Arc<MemoryIdentities>) -> Self {
        Self {
            identities,
            apps: Mutex::default(),
        }
    }

    pub(super) fn read<R: Default>(&self, app: AppId, look: impl FnOnce(&Registry) -> R) -> R {
        self.apps.lock().get(&app).map(look).unwrap_or_default()
    }

    pub(super) fn change<R>(&self, app: AppId, change: impl FnOnce(&mut Registry) -> R) -> R {
        change(self.apps.lock().entry(app).or_default())
    }
}

impl Registry {
    fn device(&self, phone: Option<&Phone>) -> Option<&Device> {
        self.devices.get(&phone?.device?)
    }

    fn register(
        &mut self,
        app: AppId,
        registration: &Registration,
        registrant: Registrant,
        devices_max: u64,
        identities: &MemoryIdentities,
    ) -> Result<Registered, StoreError> {
        let phone = self.phones.get(&registration.registration_id);
        let devices = self.devices.len() as u64;
        let device = self.device(phone);
        let plan = plan_registration(
            phone,
            device,
            registration,
            registrant,
            devices,
            devices_max,
        );
        let mut write = |secret, number| {
            let phone = Phone {
                secret,
                device: Some(number),
            };
            self.phones
                .insert(registration.registration_id.clone(), phone);
        };
        match plan {
            RegisterPlan::Answer(answer) => Ok(answer),
            RegisterPlan::Change(device) => {
                let number = device.number;
                self.put(*device);
                Ok(Registered::Changed { number })
            }
            RegisterPlan::Claim { secret, device } => {
                let number = device.number;
                write(secret, number);
                self.put(*device);
                Ok(Registered::Claimed { number })
            }
            RegisterPlan::New { replaced, secret } => {
                let number = identities.give_number(app);
                let number = number.ok_or_else(|| StoreError::numbers_used_up(app))?;
                write(secret, number);
                self.numbers_end = number.0 + 1;
                if let Some(replaced) = replaced {
                    self.devices.remove(&replaced);
                }
                self.put(new_device(registration, number));
                Ok(Registered::New { number, replaced })
            }
        }
    }

    /// Stores a device and takes its new tokens from whoever had them.
    fn put(&mut self, device: Device) {
        let before = self.devices.get(&device.number).cloned();
        for token in tokens_gained(before.as_ref().map(|device| &device.facts), &device.facts) {
            for other in self.devices.values_mut() {
                *other = without_token(other.clone(), token);
            }
        }
        self.accounts.extend(device.account.clone());
        self.devices.insert(device.number, device);
    }
}

#[async_trait]
impl Devices for MemoryDevices {
    async fn register_device(
        &self,
        app: AppId,
        registration: &Registration,
        devices_max: u64,
    ) -> Result<Registered, StoreError> {
        self.change(app, |registry| {
            registry.register(
                app,
                registration,
                Registrant::Phone,
                devices_max,
                &self.identities,
            )
        })
    }

    async fn import_devices(
        &self,
        app: AppId,
        registrations: &[Registration],
        devices_max: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        self.change(app, |registry| {
            let each = registrations.iter().map(|registration| {
                registry.register(
                    app,
                    registration,
                    Registrant::Operator,
                    devices_max,
                    &self.identities,
                )
            });
            each.collect()
        })
    }

    async fn update_device(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: SecretHash,
        change: &DeviceChange,
    ) -> Result<Updated, StoreError> {
        let mut apps = self.apps.lock();
        let registry = apps.entry(app).or_default();
        let phone = registry.phones.get(registration_id);
        match plan_update(phone, registry.device(phone), secret, change) {
            UpdatePlan::Answer(answer) => Ok(answer),
            UpdatePlan::Change(device) => {
                let number = device.number;
                registry.put(*device);
                Ok(Updated::Changed(number))
            }
        }
    }

    async fn unregister_device(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: SecretHash,
    ) -> Result<Unregistered, StoreError> {
        let mut apps = self.apps.lock();
        let registry = apps.entry(app).or_default();
        let phone = registry.phones.get_mut(registration_id);
        let answer = plan_unregistration(phone.as_deref(), secret);
        if let (Unregistered::Done(number), Some(phone)) = (answer, phone) {
            phone.device = None;
            registry.devices.remove(&number);
        }
        Ok(answer)
    }

    async fn drop_tokens(&self, app: AppId, dead: &[DeadToken]) -> Result<u64, StoreError> {
        Ok(self.change(app, |registry| {
            let mut count = 0;
            for dead in dead {
                let known = registry.devices.get(&dead.number);
                if let Some(device) = known.and_then(|known| plan_drop(known, dead)) {
                    registry.devices.insert(device.number, device);
                    count += 1;
                }
            }
            count
        }))
    }

    async fn holders(
        &self,
        app: AppId,
        tokens: &[(Channel, Secret)],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        let mut holders = vec![None; tokens.len()];
        self.read(app, |registry| {
            for ((channel, value), holder) in tokens.iter().zip(&mut holders) {
                let has = |device: &&Device| {
                    device.facts.tokens.iter().any(|token| {
                        (token.channel, token.kind) == (*channel, TokenKind::Alert)
                            && token.value == *value
                    })
                };
                *holder = registry
                    .devices
                    .values()
                    .find(has)
                    .map(|device| device.number);
            }
        });
        Ok(holders)
    }

    async fn find_phone(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
    ) -> Result<Option<Phone>, StoreError> {
        Ok(self.read(app, |registry| {
            registry.phones.get(registration_id).cloned()
        }))
    }

    async fn find_device(&self, app: AppId, number: Number) -> Result<Option<Device>, StoreError> {
        Ok(self.read(app, |registry| registry.devices.get(&number).cloned()))
    }

    async fn find_devices(
        &self,
        app: AppId,
        numbers: &[Number],
    ) -> Result<Vec<Device>, StoreError> {
        let numbers: BTreeSet<&Number> = numbers.iter().collect();
        Ok(self.read(app, |registry| {
            let found = numbers
                .iter()
                .filter_map(|number| registry.devices.get(number));
            found.cloned().collect()
        }))
    }

    async fn devices_of_account(
        &self,
        app: AppId,
        account: &Account,
    ) -> Result<Vec<Device>, StoreError> {
        Ok(self.read(app, |registry| {
            let devices = registry.devices.values();
            let of_account = devices.filter(|device| device.account.as_ref() == Some(account));
            of_account.cloned().collect()
        }))
    }

    async fn account_known(&self, app: AppId, account: &Account) -> Result<bool, StoreError> {
        Ok(self.read(app, |registry| registry.accounts.contains(account)))
    }

    async fn device_shards(&self, app: AppId) -> Result<Vec<u16>, StoreError> {
        Ok(self.read(app, |registry| {
            let shards: BTreeSet<u16> = registry
                .devices
                .keys()
                .map(|number| number.shard())
                .collect();
            shards.into_iter().collect()
        }))
    }

    async fn visit_shard(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        let devices: Vec<Device> = self.read(app, |registry| {
            let devices = registry.devices.values();
            let of_shard = devices.filter(|device| device.number.shard() == shard);
            of_shard.cloned().collect()
        });
        for device in devices {
            if visit(device).is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn count_devices(&self, app: AppId) -> Result<u64, StoreError> {
        Ok(self.read(app, |registry| registry.devices.len() as u64))
    }

    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError> {
        let apps = self.apps.lock();
        let ends = apps
            .iter()
            .map(|(app, registry)| (*app, registry.numbers_end));
        Ok(ends.filter(|(_, end)| *end > 0).collect())
    }
}
