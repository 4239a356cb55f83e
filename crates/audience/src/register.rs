//! Registering phones: what a client says becomes a device, or changes nothing.
//!
//! It trusts that the app was checked (client key, UserSig of the account); that is the caller's. `http` calls it.

mod said;
mod secret;

use std::fmt;
use std::sync::Arc;

use pushtally_model::{
    Account, App, AppId, Clock, DeviceFacts, Entropy, Number, RegistrationId, Secret,
};
use pushtally_store::{
    DeviceChange, Devices, Registered, Registration, SecretHash, StoreError, Unregistered, Updated,
};
use subtle::ConstantTimeEq as _;

pub use said::{FieldError, Said, SaidFacts, SaidToken};
pub use secret::DeviceSecret;

/// Why a registration could not be tried. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The store refused it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no randomness to make a name or a secret of.
    #[error("the system has no randomness to give")]
    Entropy(#[source] std::io::Error),
}

/// A registration, checked.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The phone; absent, it is given one.
    pub registration_id: Option<RegistrationId>,
    /// Its secret; absent, it is given one if the phone is new.
    pub secret: Option<DeviceSecret>,
    /// Who is signed in: proved by the caller.
    pub account: Option<Account>,
    /// Everything else.
    pub facts: DeviceFacts,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolled {
    /// The device is new.
    New {
        /// The phone.
        registration_id: RegistrationId,
        /// Its number.
        number: Number,
        /// Its secret, if it was made here: the one time that it is told.
        secret: Option<Secret>,
        /// The device of another account on this phone, which is registered no more.
        replaced: Option<Number>,
    },
    /// The device is known, and now as the client says.
    Known {
        /// The phone.
        registration_id: RegistrationId,
        /// Its number.
        number: Number,
        /// Whether anything was different, and so written.
        changed: bool,
        /// Its secret, if it was made here because nobody had claimed the phone: the one time that it is told.
        secret: Option<Secret>,
    },
    /// The phone is known and this is not its secret: nothing changed.
    OtherSecret,
    /// The app has as many devices as it may: nothing changed.
    Full,
}

/// What an operator says of a phone, checked.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The phone.
    pub registration_id: RegistrationId,
    /// Its secret, for a phone that has none; absent, the phone claims itself when it registers.
    pub secret: Option<DeviceSecret>,
    /// Who is signed in.
    pub account: Option<Account>,
    /// Everything else.
    pub facts: DeviceFacts,
}

/// Registers, changes and unregisters devices.
#[derive(Clone)]
pub struct Registrar {
    devices: Arc<dyn Devices>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registrar")
    }
}

impl Registrar {
    /// Over an engine's devices.
    #[must_use]
    pub fn new(
        devices: Arc<dyn Devices>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            devices,
            clock,
            entropy,
        }
    }

    /// Registers a phone's device. Repeating it changes nothing and writes nothing.
    ///
    /// A phone that shows no secret is tried with a new one: that fits if the phone is new, and cannot fit if it is
    /// known.
    pub async fn register(
        &self,
        app: &App,
        enrolment: Enrolment,
    ) -> Result<Enrolled, RegisterError> {
        let registration_id = match enrolment.registration_id {
            Some(registration_id) => registration_id,
            None => self.new_registration_id()?,
        };
        let (secret, shown) = match enrolment.secret {
            Some(secret) => (secret, None),
            None => {
                let secret = self.new_secret()?;
                let shown = secret.to_text();
                (secret, Some(shown))
            }
        };
        let registration = Registration {
            registration_id,
            account: enrolment.account,
            secret: secret.hash(),
            facts: enrolment.facts,
            at: self.clock.now(),
        };
        let registered = self
            .devices
            .register_device(app.id, &registration, app.devices_max)
            .await?;
        let registration_id = registration.registration_id;
        let known = |number, changed, registration_id| Enrolled::Known {
            registration_id,
            number,
            changed,
            secret: None,
        };
        Ok(match registered {
            Registered::New { number, replaced } => Enrolled::New {
                registration_id,
                number,
                secret: shown,
                replaced,
            },
            Registered::Changed { number } => known(number, true, registration_id),
            Registered::Claimed { number } => Enrolled::Known {
                registration_id,
                number,
                changed: true,
                secret: shown,
            },
            Registered::Same { number } => known(number, false, registration_id),
            Registered::OtherSecret => Enrolled::OtherSecret,
            Registered::Full => Enrolled::Full,
        })
    }

    /// Registers phones on an operator's word, one after the other; one answer for each, never `OtherSecret`.
    pub async fn import(
        &self,
        app: &App,
        phones: Vec<Imported>,
    ) -> Result<Vec<Registered>, StoreError> {
        let at = self.clock.now();
        let registrations = phones.into_iter().map(|phone| Registration {
            registration_id: phone.registration_id,
            account: phone.account,
            secret: phone
                .secret
                .map_or(SecretHash::UNCLAIMED, |secret| secret.hash()),
            facts: phone.facts,
            at,
        });
        let registrations: Vec<Registration> = registrations.collect();
        self.devices
            .import_devices(app.id, &registrations, app.devices_max)
            .await
    }

    /// Changes what is known of a phone's device.
    pub async fn change(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: &DeviceSecret,
        change: &DeviceChange,
    ) -> Result<Updated, StoreError> {
        let change = DeviceChange {
            at: self.clock.now(),
            ..change.clone()
        };
        self.devices
            .update_device(app, registration_id, secret.hash(), &change)
            .await
    }

    /// Ends a phone's device; the phone stays known.
    pub async fn unregister(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: &DeviceSecret,
    ) -> Result<Unregistered, StoreError> {
        self.devices
            .unregister_device(app, registration_id, secret.hash(), self.clock.now())
            .await
    }

    /// Whether this is the secret of a phone that is known.
    pub async fn is_secret_of(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        secret: &DeviceSecret,
    ) -> Result<bool, StoreError> {
        let phone = self.devices.find_phone(app, registration_id).await?;
        let shown = secret.hash();
        Ok(phone.is_some_and(|phone| bool::from(phone.secret.0.ct_eq(&shown.0))))
    }

    /// How many devices an app has registered.
    pub async fn count(&self, app: AppId) -> Result<u64, StoreError> {
        self.devices.count_devices(app).await
    }

    fn new_registration_id(&self) -> Result<RegistrationId, RegisterError> {
        let mut bytes = [0; 16];
        self.entropy
            .fill(&mut bytes)
            .map_err(RegisterError::Entropy)?;
        RegistrationId::new(secret::uuid(bytes))
            .map_err(|error| RegisterError::Entropy(std::io::Error::other(error)))
    }

    fn new_secret(&self) -> Result<DeviceSecret, RegisterError> {
        let mut bytes = [0; DeviceSecret::LEN];
        self.entropy
            .fill(&mut bytes)
            .map_err(RegisterError::Entropy)?;
        Ok(DeviceSecret::new(bytes))
    }
}
