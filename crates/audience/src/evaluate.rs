//! Whom a push addresses: an audience becomes registered devices, shard by shard.
//!
//! It decides nothing about routes: whoever visits the devices does. `dispatch` evaluates, `http` asks for unknown names.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use pushtally_model::{Account, AppId, Audience as Addressed, Device, Number, RegistrationId};
use pushtally_store::{DeviceVisitor, Devices, StoreError};

/// Evaluates audiences over the registered devices. A name is an account, or the RegistrationID of a phone.
#[derive(Clone)]
pub struct Audience {
    devices: Arc<dyn Devices>,
}

impl std::fmt::Debug for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Audience")
    }
}

impl Audience {
    /// Over these devices.
    #[must_use]
    pub fn new(devices: Arc<dyn Devices>) -> Self {
        Self { devices }
    }

    /// The shards that an audience of everyone has, ascending.
    pub async fn shards(&self, app: AppId) -> Result<Vec<u16>, StoreError> {
        self.devices.device_shards(app).await
    }

    /// Visits the registered devices that are addressed, each once, by number: those of one shard, or all. What is
    /// registered meanwhile may or may not be among them. Everyone's are read as they are visited, never all at once.
    pub async fn evaluate(
        &self,
        app: AppId,
        shard: Option<u16>,
        addressed: &Addressed,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        match (addressed, shard) {
            (Addressed::Everyone, Some(shard)) => self.devices.visit_shard(app, shard, visit).await,
            (Addressed::Everyone, None) => {
                let mut ended = false;
                for shard in self.shards(app).await? {
                    let mut visit = |device| {
                        let flow = visit(device);
                        ended = flow.is_break();
                        flow
                    };
                    self.devices.visit_shard(app, shard, &mut visit).await?;
                    if ended {
                        break;
                    }
                }
                Ok(())
            }
            // Until conditions are evaluated they reach nobody.
            (Addressed::Fitting(_), _) => Ok(()),
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

    /// The names that no account and no phone of the app ever had, in their order.
    pub async fn unknown(&self, app: AppId, names: &[Account]) -> Result<Vec<Account>, StoreError> {
        let mut unknown = Vec::new();
        for name in names {
            let known = self.devices.account_known(app, name).await?
                || match phone_named(name) {
                    Some(phone) => self.devices.find_phone(app, &phone).await?.is_some(),
                    None => false,
                };
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
            for device in self.devices.devices_of_account(app, name).await? {
                named.insert(device.number, device);
            }
            let Some(phone) = phone_named(name) else {
                continue;
            };
            let phone = self.devices.find_phone(app, &phone).await?;
            if let Some(number) = phone.and_then(|phone| phone.device)
                && let Some(device) = self.devices.find_device(app, number).await?
            {
                named.insert(number, device);
            }
        }
        Ok(named)
    }
}

/// The phone that a name would name.
fn phone_named(name: &Account) -> Option<RegistrationId> {
    RegistrationId::new(name.as_str()).ok()
}
