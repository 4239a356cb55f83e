//! The port of devices, as far as the gateway asks it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pushtally_model::{
    Account, AppId, Device, DeviceFacts, Number, RegistrationId, Second, Secret,
};
use pushtally_store::{
    Addressed, DeadToken, DeviceChange, DeviceVisitor, Devices, Phone, Registered, Registration,
    ReplacedToken, Restoring, SecretHash, StoreError, Unregistered, Updated,
};

use super::fixture::{APP, OTHER_APP, secret_of};
use crate::secret_hash;

/// Phones `phone-1` to `phone-99` less one with devices of these numbers; `phone-unregistered` has none. The first
/// three are of accounts `user1` to `user3`.
#[derive(Default)]
pub(super) struct Phones {
    looks: AtomicUsize,
    forget_after: AtomicUsize,
}

impl Phones {
    /// The phone's device is there for so many looks.
    pub(super) fn forget_after_looks(&self, looks: usize) {
        self.forget_after.store(looks, Ordering::SeqCst);
    }
}

#[async_trait]
impl Devices for Phones {
    async fn find_phone(
        &self,
        app: AppId,
        id: &RegistrationId,
    ) -> Result<Option<Phone>, StoreError> {
        let secret = secret_hash(&Secret::new(secret_of(id.as_str()))).unwrap();
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        let forget_after = self.forget_after.load(Ordering::SeqCst);
        let device = match (app, id.as_str()) {
            (APP, "phone-unregistered") => None,
            (OTHER_APP, "phone-other") => Some(Number(1)),
            (APP, name) => match name.strip_prefix("phone-").map(str::parse) {
                Some(Ok(number)) if number < 99 => Some(Number(number)),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        if forget_after > 0 && looks == forget_after {
            return Ok(Some(Phone {
                secret,
                device: None,
            }));
        }
        Ok(Some(Phone { secret, device }))
    }

    async fn find_device(&self, _: AppId, number: Number) -> Result<Option<Device>, StoreError> {
        Ok(Some(Device {
            number,
            registration_id: RegistrationId::new(format!("phone-{number}")).unwrap(),
            account: Some(Account::new(format!("user{number}")).unwrap()),
            facts: DeviceFacts::default(),
            registered_at: Second(0),
            said_at: Second(0),
            dropped: Vec::new(),
        }))
    }

    async fn register_device(
        &self,
        _: AppId,
        _: &Registration,
        _: u64,
    ) -> Result<Registered, StoreError> {
        unreachable!("the gateway registers nobody")
    }

    async fn holders(&self, _: AppId, _: &[Addressed]) -> Result<Vec<Option<Number>>, StoreError> {
        unreachable!("the gateway asks for no token")
    }

    async fn drop_tokens(&self, _: AppId, _: &[DeadToken], _: Second) -> Result<u64, StoreError> {
        unreachable!("the gateway drops no token")
    }

    async fn restore_tokens(
        &self,
        _: AppId,
        _: &[Number],
        _: &Restoring,
        _: Second,
    ) -> Result<u64, StoreError> {
        unreachable!("the gateway restores no token")
    }

    async fn replace_tokens(
        &self,
        _: AppId,
        _: &[ReplacedToken],
        _: Second,
    ) -> Result<u64, StoreError> {
        unreachable!("the gateway replaces no token")
    }

    async fn forget_former_holders(&self, _: Second) -> Result<u64, StoreError> {
        unreachable!("the gateway asks for no token")
    }

    async fn import_devices(
        &self,
        _: AppId,
        _: &[Registration],
        _: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        unreachable!("the gateway imports nobody")
    }

    async fn update_device(
        &self,
        _: AppId,
        _: &RegistrationId,
        _: SecretHash,
        _: &DeviceChange,
    ) -> Result<Updated, StoreError> {
        unreachable!("the gateway changes nobody")
    }

    async fn unregister_device(
        &self,
        _: AppId,
        _: &RegistrationId,
        _: SecretHash,
        _: Second,
    ) -> Result<Unregistered, StoreError> {
        unreachable!("the gateway unregisters nobody")
    }

    async fn find_devices(&self, _: AppId, _: &[Number]) -> Result<Vec<Device>, StoreError> {
        unreachable!("the gateway looks for one at a time")
    }

    async fn devices_of_account(&self, _: AppId, _: &Account) -> Result<Vec<Device>, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn account_known(&self, _: AppId, _: &Account) -> Result<bool, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn device_shards(&self, _: AppId) -> Result<Vec<u16>, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn visit_shard(
        &self,
        _: AppId,
        _: u16,
        _: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn count_devices(&self, _: AppId) -> Result<u64, StoreError> {
        unreachable!("the gateway looks for phones")
    }

    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError> {
        unreachable!("the gateway gives no numbers")
    }
}
