//! Devices as an engine keeps them: acts, each atomic.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use async_trait::async_trait;
use pushtally_model::{
    Account, Addressee, AppId, Channel, Device, DeviceFacts, Number, Permission, Reach,
    RegistrationId, Second, Secret, Token,
};

use crate::StoreError;

/// SHA-256 of a device secret. Compared in constant time by whoever admits a caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

/// A hash of a short secret is not to be read in a log either.
impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

impl SecretHash {
    /// Of a phone that an operator imported without a secret: no secret hashes to it, so none opens the phone
    /// until it registers with a secret of its own, which claims it.
    pub const UNCLAIMED: Self = Self([0; 32]);
}

/// A phone's installation: its secret outlives its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// What its device secret hashes to.
    pub secret: SecretHash,
    /// The device that is registered now; `None` after unregistering.
    pub device: Option<Number>,
}

/// A registration: what a phone says, whole. What it leaves out is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The phone.
    pub registration_id: RegistrationId,
    /// Who is signed in.
    pub account: Option<Account>,
    /// The phone's secret. Kept if the phone is new or unclaimed; must be equal if it is known, unless an operator
    /// imports it.
    pub secret: SecretHash,
    /// Everything else.
    pub facts: DeviceFacts,
    /// When.
    pub at: Second,
}

/// What a registration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The device has a new number; `replaced` is the device of another account that was on this phone.
    New {
        /// The device.
        number: Number,
        /// The one that is registered no more.
        replaced: Option<Number>,
    },
    /// The device is known and something changed.
    Changed {
        /// The device.
        number: Number,
    },
    /// The device is known, and the phone, which nobody could act for, has the secret now. Something else may have
    /// changed.
    Claimed {
        /// The device.
        number: Number,
    },
    /// The device is known and everything is as it was: nothing was written.
    Same {
        /// The device.
        number: Number,
    },
    /// The phone is known under another secret: nothing changed.
    OtherSecret,
    /// The app has as many devices as it may: nothing changed.
    Full,
}

/// What a phone says has changed, without signing in or out. `None` leaves a thing as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceChange {
    /// When it says so.
    pub at: Second,
    /// All tokens it has now.
    pub tokens: Option<Vec<Token>>,
    /// The vendor that would reach it; `Some(None)` is no longer known.
    pub vendor: Option<Option<Channel>>,
    /// The phone's model.
    pub model: Option<String>,
    /// Its operating system.
    pub system: Option<String>,
    /// The operating system's version.
    pub system_version: Option<String>,
    /// The app's version.
    pub app_version: Option<String>,
    /// The version of the client library.
    pub sdk_version: Option<String>,
    /// Whether notifications are shown.
    pub notifications: Option<Permission>,
    /// Language tag.
    pub language: Option<String>,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// The device is this one, and changed.
    Changed(Number),
    /// The device is this one, and everything is as it was: nothing was written.
    Same(Number),
    /// The phone has no device: nothing changed.
    Nothing,
    /// There is no such phone, or it has another secret: nothing changed.
    OtherSecret,
}

/// What unregistering did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unregistered {
    /// This device is registered no more. Its number is never given again.
    Done(Number),
    /// The phone had no device.
    Nothing,
    /// There is no such phone, or it has another secret: nothing changed.
    OtherSecret,
}

/// A token of which a vendor said that it reaches nobody any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadToken {
    /// Whose it was when it was sent to.
    pub number: Number,
    /// The token.
    pub token: Token,
    /// Since when it has been so, in Unix milliseconds, if the vendor said.
    pub since_ms: Option<i64>,
}

/// A token that a vendor has replaced by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedToken {
    /// Whose it was when it was sent to.
    pub number: Number,
    /// The token that was sent to.
    pub token: Token,
    /// What reaches the device from now on.
    pub value: Secret,
    /// Since when it has been so, in Unix milliseconds.
    pub since_ms: i64,
}

/// Which dropped tokens are given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoring {
    /// Of this channel.
    pub channel: Channel,
    /// Of these credentials only.
    pub cert_id: Option<u32>,
    /// Dropped at this second or later.
    pub since: Second,
}

/// A token for ordinary notifications, and when it was sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The vendor.
    pub channel: Channel,
    /// The token.
    pub value: Secret,
    /// When.
    pub at: Second,
}

/// Called for each device, by number. `Break` ends the visit early.
pub type DeviceVisitor<'a> = dyn FnMut(Device) -> ControlFlow<()> + Send + 'a;

/// Called for each device, by number, with how it can be reached. `Break` ends the visit early.
pub type ReachVisitor<'a> = dyn FnMut(Number, Reach) -> ControlFlow<()> + Send + 'a;

/// Registered devices. Whatever an act changes is durable when it answers.
#[async_trait]
pub trait Devices: Send + Sync {
    /// Registers a phone's device or brings it up to date. The same phone and account keep their number until
    /// they are unregistered; another account on the same phone, or registering again after unregistering, is
    /// a new number. A token of another device of the app moves to this one. A number is durable, and above every
    /// number that the ledger or the names hold, before it is answered.
    async fn register_device(
        &self,
        app: AppId,
        registration: &Registration,
        devices_max: u64,
    ) -> Result<Registered, StoreError>;

    /// Registers one after the other; each answer is that of one registration. An engine may make many durable at once.
    async fn register_devices(
        &self,
        app: AppId,
        registrations: &[Registration],
        devices_max: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        let mut answers = Vec::with_capacity(registrations.len());
        for registration in registrations {
            answers.push(self.register_device(app, registration, devices_max).await?);
        }
        Ok(answers)
    }

    /// Registers for phones what an operator says of them, one after the other. As [`Self::register_devices`], but
    /// without proof: a phone that has a secret keeps it, whatever the registration's is. A new or unclaimed one gets
    /// the registration's, which may be [`SecretHash::UNCLAIMED`]. Never answers `OtherSecret`.
    async fn import_devices(
        &self,
        app: AppId,
        registrations: &[Registration],
        devices_max: u64,
    ) -> Result<Vec<Registered>, StoreError>;

    /// Brings a phone's device up to date, keeping its number. A token of another device of the app moves to this one.
    async fn update_device(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: SecretHash,
        change: &DeviceChange,
    ) -> Result<Updated, StoreError>;

    /// Ends a phone's device. The phone itself stays known, with its secret.
    async fn unregister_device(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: SecretHash,
        at: Second,
    ) -> Result<Unregistered, StoreError>;

    /// Takes dead tokens from the devices that still have them and were not registered since; the others keep what they have.
    /// Answers how many were taken. Each is kept beside its device, so that it can be given back.
    async fn drop_tokens(
        &self,
        app: AppId,
        dead: &[DeadToken],
        at: Second,
    ) -> Result<u64, StoreError>;

    /// Gives devices back what was dropped of them, unless they have said something new since or another has the token
    /// now; numbers of no device are passed over. Answers how many tokens were given back: repeating gives back none.
    async fn restore_tokens(
        &self,
        app: AppId,
        numbers: &[Number],
        what: &Restoring,
        at: Second,
    ) -> Result<u64, StoreError>;

    /// Puts other tokens in place of those that devices were sent to, if they still have those, were not registered since,
    /// and nobody has the other. Answers how many.
    async fn replace_tokens(
        &self,
        app: AppId,
        replaced: &[ReplacedToken],
        at: Second,
    ) -> Result<u64, StoreError>;

    /// The devices that had these tokens when they were sent to, in their order. Who lost a token is known for
    /// [`FORMER_KEPT_S`](crate::holding::FORMER_KEPT_S) seconds, and [`FORMER_MAX`](crate::holding::FORMER_MAX) of each.
    async fn holders(
        &self,
        app: AppId,
        tokens: &[Addressed],
    ) -> Result<Vec<Option<Number>>, StoreError>;

    /// Forgets who lost a token before a second; answers how many were forgotten. May be done in parts.
    async fn forget_former_holders(&self, before: Second) -> Result<u64, StoreError>;

    /// A phone.
    async fn find_phone(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
    ) -> Result<Option<Phone>, StoreError>;

    /// A registered device.
    async fn find_device(&self, app: AppId, number: Number) -> Result<Option<Device>, StoreError>;

    /// The registered devices among these numbers, by number.
    async fn find_devices(&self, app: AppId, numbers: &[Number])
    -> Result<Vec<Device>, StoreError>;

    /// As [`Self::find_devices`], of each only what sending over this channel needs. An engine may read less for it.
    async fn find_addressees(
        &self,
        app: AppId,
        numbers: &[Number],
        channel: Channel,
    ) -> Result<Vec<Addressee>, StoreError> {
        let devices = self.find_devices(app, numbers).await?.into_iter();
        Ok(devices
            .map(|device| Addressee::of(device, channel))
            .collect())
    }

    /// The registered devices of an account, by number.
    async fn devices_of_account(
        &self,
        app: AppId,
        account: &Account,
    ) -> Result<Vec<Device>, StoreError>;

    /// Whether an account is known: imported, or ever signed in on a registered device, and not deleted since.
    async fn account_known(&self, app: AppId, account: &Account) -> Result<bool, StoreError>;

    /// The shards that have registered devices, ascending.
    async fn device_shards(&self, app: AppId) -> Result<Vec<u16>, StoreError>;

    /// Visits the registered devices of a shard as of one moment, by number.
    async fn visit_shard(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError>;

    /// As [`Self::visit_shard`], of each device only how it can be reached. An engine may read less for it.
    async fn visit_reaches(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut ReachVisitor<'_>,
    ) -> Result<(), StoreError> {
        let mut visit = |device: Device| visit(device.number, Reach::of(&device));
        self.visit_shard(app, shard, &mut visit).await
    }

    /// How many devices an app has registered.
    async fn count_devices(&self, app: AppId) -> Result<u64, StoreError>;

    /// One above the highest number ever given to a device, by app.
    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError>;
}

/// Takes vendors' word that tokens are dead: they are dropped, unless so many die at once that it is not believed.
#[async_trait]
pub trait DeadTokens: Send + Sync {
    /// Drops them as [`Devices::drop_tokens`] does; answers how many were dropped. What is not dropped is recorded all the
    /// same as what the vendor said: that is the caller's.
    async fn drop_dead(&self, app: AppId, dead: &[DeadToken]) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secrets_hash_is_not_printed() {
        let phone = Phone {
            secret: SecretHash([171; 32]),
            device: None,
        };
        let printed = format!("{phone:?}");
        assert!(printed.contains("SecretHash(..)"), "{printed}");
        assert!(!printed.contains("171"), "{printed}");
    }
}
