//! The port of devices of an engine that stops: what dispatch asks of it is counted, nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pushtally_model::{Account, AppId, Device, Number, RegistrationId, Second};
use pushtally_store::{
    Addressed, DeadToken, DeviceChange, DeviceVisitor, Devices, Phone, Registered, Registration,
    ReplacedToken, Restoring, SecretHash, StoreError, Unregistered, Updated,
};

use crate::fuse::Fuse;

pub(crate) struct FusedDevices(pub(crate) Arc<dyn Devices>, pub(crate) Arc<Fuse>);

#[async_trait]
impl Devices for FusedDevices {
    async fn register_device(
        &self,
        app: AppId,
        registration: &Registration,
        max: u64,
    ) -> Result<Registered, StoreError> {
        self.0.register_device(app, registration, max).await
    }

    async fn import_devices(
        &self,
        app: AppId,
        registrations: &[Registration],
        max: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        self.0.import_devices(app, registrations, max).await
    }

    async fn holders(
        &self,
        app: AppId,
        tokens: &[Addressed],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        self.1.pass(self.0.holders(app, tokens)).await
    }

    async fn drop_tokens(
        &self,
        app: AppId,
        dead: &[DeadToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        self.1.pass(self.0.drop_tokens(app, dead, at)).await
    }

    async fn restore_tokens(
        &self,
        app: AppId,
        numbers: &[Number],
        what: &Restoring,
        at: Second,
    ) -> Result<u64, StoreError> {
        self.0.restore_tokens(app, numbers, what, at).await
    }

    async fn replace_tokens(
        &self,
        app: AppId,
        replaced: &[ReplacedToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        self.0.replace_tokens(app, replaced, at).await
    }

    async fn forget_former_holders(&self, before: Second) -> Result<u64, StoreError> {
        self.0.forget_former_holders(before).await
    }

    async fn update_device(
        &self,
        app: AppId,
        id: &RegistrationId,
        secret: SecretHash,
        change: &DeviceChange,
    ) -> Result<Updated, StoreError> {
        self.0.update_device(app, id, secret, change).await
    }

    async fn unregister_device(
        &self,
        app: AppId,
        id: &RegistrationId,
        secret: SecretHash,
        at: Second,
    ) -> Result<Unregistered, StoreError> {
        self.0.unregister_device(app, id, secret, at).await
    }

    async fn find_phone(
        &self,
        app: AppId,
        id: &RegistrationId,
    ) -> Result<Option<Phone>, StoreError> {
        self.1.pass(self.0.find_phone(app, id)).await
    }

    async fn find_device(&self, app: AppId, number: Number) -> Result<Option<Device>, StoreError> {
        self.1.pass(self.0.find_device(app, number)).await
    }

    async fn find_devices(
        &self,
        app: AppId,
        numbers: &[Number],
    ) -> Result<Vec<Device>, StoreError> {
        self.1.pass(self.0.find_devices(app, numbers)).await
    }

    async fn devices_of_account(
        &self,
        app: AppId,
        account: &Account,
    ) -> Result<Vec<Device>, StoreError> {
        self.1.pass(self.0.devices_of_account(app, account)).await
    }

    async fn account_known(&self, app: AppId, account: &Account) -> Result<bool, StoreError> {
        self.0.account_known(app, account).await
    }

    async fn device_shards(&self, app: AppId) -> Result<Vec<u16>, StoreError> {
        self.1.pass(self.0.device_shards(app)).await
    }

    async fn visit_shard(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.1.pass(self.0.visit_shard(app, shard, visit)).await
    }

    async fn count_devices(&self, app: AppId) -> Result<u64, StoreError> {
        self.0.count_devices(app).await
    }

    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError> {
        self.0.device_numbers_end().await
    }
}
