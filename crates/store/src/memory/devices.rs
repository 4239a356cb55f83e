//! Devices: every row in one map, every other question a look at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{
    Account, AccountKind, AppId, AttributeNames, Device, DeviceFacts, Environment, Labels, Number,
    RegistrationId, Second, Token, TokenKind,
};

use super::identities::MemoryIdentities;
use crate::StoreError;
use crate::holding::Holding;
use crate::ports::{
    Addressed, DeadToken, DeviceChange, DeviceVisitor, Devices, Phone, Registered, Registration,
    ReplacedToken, Restoring, SecretHash, Unregistered, Updated,
};
use crate::registering::{
    RegisterPlan, Registrant, UpdatePlan, new_device, plan_drop, plan_registration,
    plan_replacement, plan_restoring, plan_unregistration, plan_update, tokens_gained,
    without_token,
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
    /// Tokens that somebody lost.
    holdings: Vec<(Token, Holding)>,
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
                self.put(*device, registration.at);
                Ok(Registered::Changed { number })
            }
            RegisterPlan::Claim { secret, device } => {
                let number = device.number;
                write(secret, number);
                self.put(*device, registration.at);
                Ok(Registered::Claimed { number })
            }
            RegisterPlan::New { replaced, secret } => {
                let number = identities.give_number(app);
                let number = number.ok_or_else(|| StoreError::numbers_used_up(app))?;
                write(secret, number);
                self.numbers_end = number.0 + 1;
                if let Some(replaced) = replaced {
                    self.remove(replaced, registration.at);
                }
                self.put(new_device(registration, number), registration.at);
                Ok(Registered::New { number, replaced })
            }
        }
    }

    /// Stores a device and takes its new tokens from whoever had them.
    fn put(&mut self, device: Device, at: Second) {
        let before = self.devices.get(&device.number).cloned();
        for token in tokens_gained(before.as_ref().map(|device| &device.facts), &device.facts) {
            for other in self.devices.clone().into_values() {
                let without = without_token(other.clone(), token);
                self.tell(Some(&other), Some(&without), at);
                self.devices.insert(other.number, without);
            }
        }
        self.tell(before.as_ref(), Some(&device), at);
        self.accounts.extend(device.account.clone());
        self.devices.insert(device.number, device);
    }

    /// Takes a device away.
    pub(super) fn remove(&mut self, number: Number, at: Second) {
        let device = self.devices.remove(&number);
        self.tell(device.as_ref(), None, at);
    }

    /// Who has which token has changed.
    fn tell(&mut self, before: Option<&Device>, after: Option<&Device>, at: Second) {
        let none = DeviceFacts::default();
        let (had, has) = (
            before.map(|device| &device.facts),
            after.map(|device| &device.facts),
        );
        if let Some(before) = before {
            for token in tokens_gained(Some(has.unwrap_or(&none)), &before.facts) {
                let holding = self.holding(token);
                holding.ceased(before.number, before.registered_at, at);
            }
        }
        for token in tokens_gained(had, has.unwrap_or(&none)) {
            let key = key_of(token);
            let mut known = self.holdings.iter_mut();
            if let Some((_, holding)) = known.find(|(other, _)| *other == key) {
                holding.gained(at);
            }
        }
    }

    fn holding(&mut self, token: &Token) -> &mut Holding {
        let key = key_of(token);
        let known = self.holdings.iter().position(|(other, _)| *other == key);
        let place = known.unwrap_or_else(|| {
            self.holdings.push((key, Holding::default()));
            self.holdings.len() - 1
        });
        &mut self.holdings[place].1
    }

    fn holder(&self, token: &Token) -> Option<Number> {
        let key = key_of(token);
        let has = |device: &&Device| device.facts.tokens.iter().any(|held| key_of(held) == key);
        self.devices.values().find(has).map(|device| device.number)
    }
}

/// What is the same of two tokens that address the same thing, whatever else is said of them.
fn key_of(token: &Token) -> Token {
    Token {
        cert_id: 0,
        environment: Environment::Production,
        ..token.clone()
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
                registry.put(*device, change.at);
                Ok(Updated::Changed(number))
            }
        }
    }

    async fn unregister_device(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: SecretHash,
        at: Second,
    ) -> Result<Unregistered, StoreError> {
        let mut apps = self.apps.lock();
        let registry = apps.entry(app).or_default();
        let phone = registry.phones.get_mut(registration_id);
        let answer = plan_unregistration(phone.as_deref(), secret);
        if let (Unregistered::Done(number), Some(phone)) = (answer, phone) {
            phone.device = None;
            registry.remove(number, at);
        }
        Ok(answer)
    }

    async fn drop_tokens(
        &self,
        app: AppId,
        dead: &[DeadToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        Ok(self.change(app, |registry| {
            let mut count = 0;
            for dead in dead {
                let known = registry.devices.get(&dead.number);
                if let Some(device) = known.and_then(|known| plan_drop(known, dead, at)) {
                    registry.put(device, at);
                    count += 1;
                }
            }
            count
        }))
    }

    async fn restore_tokens(
        &self,
        app: AppId,
        numbers: &[Number],
        what: &Restoring,
        at: Second,
    ) -> Result<u64, StoreError> {
        self.change(app, |registry| {
            let mut count = 0;
            for number in numbers {
                let Some(known) = registry.devices.get(number) else {
                    continue;
                };
                let is_free = |token: &Token| Ok(registry.holder(token).is_none());
                if let Some((device, restored)) = plan_restoring(known, what, at, is_free)? {
                    registry.put(device, at);
                    count += restored;
                }
            }
            Ok(count)
        })
    }

    async fn replace_tokens(
        &self,
        app: AppId,
        replaced: &[ReplacedToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        Ok(self.change(app, |registry| {
            let mut count = 0;
            for replaced in replaced {
                let known = registry.devices.get(&replaced.number);
                let other = Token {
                    value: replaced.value.clone(),
                    ..replaced.token.clone()
                };
                if let Some(device) = known.and_then(|known| plan_replacement(known, replaced))
                    && registry.holder(&other).is_none()
                {
                    registry.put(device, at);
                    count += 1;
                }
            }
            count
        }))
    }

    async fn holders(
        &self,
        app: AppId,
        tokens: &[Addressed],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        let mut holders = vec![None; tokens.len()];
        self.read(app, |registry| {
            for (addressed, holder) in tokens.iter().zip(&mut holders) {
                let token = Token {
                    channel: addressed.channel,
                    kind: TokenKind::Alert,
                    value: addressed.value.clone(),
                    cert_id: 0,
                    environment: Environment::Production,
                };
                let now = registry.holder(&token);
                let mut known = registry.holdings.iter();
                *holder = match known.find(|(other, _)| *other == token) {
                    Some((_, holding)) => holding.holder_at(now, addressed.at),
                    None => now,
                };
            }
        });
        Ok(holders)
    }

    async fn forget_former_holders(&self, before: Second) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for registry in self.apps.lock().values_mut() {
            registry.holdings.retain_mut(|(_, holding)| {
                forgotten += holding.forget(before) as u64;
                !holding.former.is_empty()
            });
        }
        Ok(forgotten)
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
