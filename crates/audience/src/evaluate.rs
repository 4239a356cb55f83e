//! Whom a push addresses: an audience becomes registered devices, shard by shard.
//!
//! It decides nothing about routes: whoever visits the devices does. `dispatch` evaluates, `http` asks for unknown names.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use pushtally_model::{
    Account, AppId, Audience as Addressed, Condition, Device, Number, Reach, RegistrationId,
};
use pushtally_store::{Accounts, DeviceVisitor, Devices, ReachVisitor, Slots, StoreError};

use crate::fitting::{fitting, index_keys};

/// Devices of a shard that are read at once: some hundred kilobytes.
const READ_LEN: usize = 1024;

/// Evaluates audiences over the registered devices. A name is an account, or the RegistrationID of a phone.
#[derive(Clone)]
pub struct Audience {
    devices: Arc<dyn Devices>,
    accounts: Arc<dyn Accounts>,
}

impl std::fmt::Debug for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Audience")
    }
}

impl Audience {
    /// Over these devices, and the index over them.
    #[must_use]
    pub fn new(devices: Arc<dyn Devices>, accounts: Arc<dyn Accounts>) -> Self {
        Self { devices, accounts }
    }

    /// The shards that an audience of everyone has, ascending: those of any condition are among them.
    pub async fn shards(&self, app: AppId) -> Result<Vec<u16>, StoreError> {
        self.devices.device_shards(app).await
    }

    /// Visits the registered devices that are addressed, each once, by number: those of one shard, or all. What is
    /// registered meanwhile may or may not be among them; whether one fits a condition is as of the moment at which its
    /// shard is begun. They are read as they are visited, never all at once.
    pub async fn evaluate(
        &self,
        app: AppId,
        shard: Option<u16>,
        addressed: &Addressed,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        match (addressed, shard) {
            (Addressed::Everyone, Some(shard)) => self.devices.visit_shard(app, shard, visit).await,
            (Addressed::Fitting(condition), Some(shard)) => {
                self.visit_fitting(app, shard, condition, visit).await
            }
            (Addressed::Everyone | Addressed::Fitting(_), None) => {
                let mut ended = false;
                for shard in self.shards(app).await? {
                    let mut visit = |device| {
                        let flow = visit(device);
                        ended = flow.is_break();
                        flow
                    };
                    match addressed {
                        Addressed::Fitting(condition) => {
                            let visit = &mut visit;
                            self.visit_fitting(app, shard, condition, visit).await?;
                        }
                        Addressed::Everyone | Addressed::Accounts(_) => {
                            self.devices.visit_shard(app, shard, &mut visit).await?;
                        }
                    }
                    if ended {
                        break;
                    }
                }
                Ok(())
            }
            (Addressed::Accounts(names), shard) => {
                let named = self.named(app, names).await?;
                let wanted = |number: &Number| shard.is_none_or(|shard| number.shard() == shard);
                for (_, device) in named.into_iter().filter(|(number, _)| wanted(number)) {
                    if let ControlFlow::Break(()) = visit(device) {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// As [`Self::evaluate`], of each device only how it can be reached.
    pub async fn evaluate_reaches(
        &self,
        app: AppId,
        shard: Option<u16>,
        addressed: &Addressed,
        visit: &mut ReachVisitor<'_>,
    ) -> Result<(), StoreError> {
        if let (Addressed::Everyone, Some(shard)) = (addressed, shard) {
            return self.devices.visit_reaches(app, shard, visit).await;
        }
        let mut visit = |device: Device| visit(device.number, Reach::of(&device));
        self.evaluate(app, shard, addressed, &mut visit).await
    }

    /// How many registered devices are addressed. Of a condition no device is read.
    pub async fn count(&self, app: AppId, addressed: &Addressed) -> Result<u64, StoreError> {
        match addressed {
            Addressed::Everyone => self.devices.count_devices(app).await,
            Addressed::Accounts(names) => Ok(self.named(app, names).await?.len() as u64),
            Addressed::Fitting(condition) => {
                let mut count = 0;
                for shard in self.shards(app).await? {
                    count += self.slots(app, shard, condition).await?.len();
                }
                Ok(count)
            }
        }
    }

    /// The slots of a shard whose devices fit.
    async fn slots(
        &self,
        app: AppId,
        shard: u16,
        condition: &Condition,
    ) -> Result<Slots, StoreError> {
        let keys = index_keys(condition);
        let bitmaps = self.accounts.read_index(app, shard, &keys).await?;
        Ok(fitting(condition, &bitmaps))
    }

    async fn visit_fitting(
        &self,
        app: AppId,
        shard: u16,
        condition: &Condition,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        let slots = self.slots(app, shard, condition).await?;
        let mut slots = slots.iter();
        loop {
            let part = slots.by_ref().take(READ_LEN);
            let numbers: Vec<Number> = part
                .map(|slot| Number(u32::from(shard) << 16 | slot))
                .collect();
            if numbers.is_empty() {
                return Ok(());
            }
            for device in self.devices.find_devices(app, &numbers).await? {
                if visit(device).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// The registered devices among these numbers, by number.
    pub async fn find(&self, app: AppId, numbers: &[Number]) -> Result<Vec<Device>, StoreError> {
        self.devices.find_devices(app, numbers).await
    }

    /// The registered devices of an account.
    pub async fn of_account(
        &self,
        app: AppId,
        account: &Account,
    ) -> Result<Vec<Device>, StoreError> {
        self.devices.devices_of_account(app, account).await
    }

    /// The device that is registered on a phone.
    pub async fn device_on(
        &self,
        app: AppId,
        phone: &RegistrationId,
    ) -> Result<Option<Device>, StoreError> {
        let phone = self.devices.find_phone(app, phone).await?;
        match phone.and_then(|phone| phone.device) {
            Some(number) => self.devices.find_device(app, number).await,
            None => Ok(None),
        }
    }

    /// The names that no account and no phone of the app has, in their order. An imported account is known.
    pub async fn unknown(&self, app: AppId, names: &[Account]) -> Result<Vec<Account>, StoreError> {
        let mut unknown = Vec::new();
        for name in names {
            let known = self.devices.account_known(app, name).await?
                || self
                    .devices
                    .find_phone(app, &RegistrationId::from(name))
                    .await?
                    .is_some();
            if !known {
                unknown.push(name.clone());
            }
        }
        Ok(unknown)
    }

    /// The devices of these names: a name that is both an account and a phone means the devices of both.
    async fn named(
        &self,
        app: AppId,
        names: &[Account],
    ) -> Result<BTreeMap<Number, Device>, StoreError> {
        let mut named = BTreeMap::new();
        for name in names {
            for device in self.of_account(app, name).await? {
                named.insert(device.number, device);
            }
            let phone = RegistrationId::from(name);
            if let Some(device) = self.device_on(app, &phone).await? {
                named.insert(device.number, device);
            }
        }
        Ok(named)
    }
}
