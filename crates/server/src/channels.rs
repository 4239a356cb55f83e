//! Accounts with vendors, wherever they come from: declared in the configuration, or given at run time and kept sealed in
//! the store. What the configuration declares it owns.

mod vault;
mod vendors;

use std::fmt;
use std::sync::Arc;

use pushtally_model::{AppId, Channel, Entropy, Secret};
use pushtally_store::{Channels as Store, StoreError, StoredChannel};
use serde::{Deserialize, Serialize};

use crate::config::{ChannelSettings, DeclaredChannel, written_channel};

pub(crate) use vault::{KEY_LEN, Key, OpenError, SealError, Vault};
pub(crate) use vendors::{MakeError, Maker, Vendors};

/// Accounts that an app may have in the store: nine vendors with a few each, and room.
pub(crate) const STORED_PER_APP_MAX: usize = 100;

/// Which account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ChannelId {
    #[serde(rename = "sdkappid", with = "written_app")]
    pub(crate) app: AppId,
    #[serde(with = "written_channel::channel")]
    pub(crate) channel: Channel,
    pub(crate) cert_id: u32,
}

impl ChannelId {
    fn of(stored: &StoredChannel) -> Self {
        let StoredChannel {
            app,
            channel,
            cert_id,
            sealed: _,
        } = *stored;
        Self {
            app,
            channel,
            cert_id,
        }
    }

    /// What the audit calls it beside the app.
    pub(crate) fn target(self) -> String {
        format!("{} {}", self.channel.name(), self.cert_id)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (app, name, cert_id) = (self.app, self.channel.name(), self.cert_id);
        write!(
            f,
            "channel `{name}` with `cert_id` {cert_id} of app `{app}`"
        )
    }
}

/// An app by its number.
mod written_app {
    use pushtally_model::AppId;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(app: &AppId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(app.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AppId, D::Error> {
        u32::deserialize(from).map(AppId)
    }
}

/// An account that there is.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: ChannelId,
    /// The line that declares it; `None` when it lives in the store.
    pub(crate) declared_at: Option<String>,
    /// What it is, or why that cannot be read.
    pub(crate) settings: Result<ChannelSettings, OpenError>,
}

/// Why an account was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(
        "app `{app}` has `{STORED_PER_APP_MAX}` accounts in the store already, remove one first"
    )]
    TooMany { app: AppId },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What sealing everything anew came to.
#[derive(Debug, Default)]
pub(crate) struct Rekeyed {
    pub(crate) sealed_again: usize,
    pub(crate) newest_already: usize,
    pub(crate) closed: Vec<(ChannelId, OpenError)>,
}

/// All accounts of an installation.
pub(crate) struct Channels {
    declared: Vec<DeclaredChannel>,
    vault: Vault,
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channels")
    }
}

impl Channels {
    pub(crate) const fn new(
        declared: Vec<DeclaredChannel>,
        vault: Vault,
        store: Arc<dyn Store>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            declared,
            vault,
            store,
            entropy,
        }
    }

    /// The line that declares an account.
    pub(crate) fn declared_at(&self, id: ChannelId) -> Option<String> {
        let found = self.declared.iter().find(|declared| declared.id() == id)?;
        Some(found.origin.to_string())
    }

    /// Every account: those that are declared, then those that are stored and not declared.
    pub(crate) async fn all(&self) -> Result<Vec<Known>, StoreError> {
        let declared = self.declared.iter().map(|declared| Known {
            id: declared.id(),
            declared_at: Some(declared.origin.to_string()),
            settings: Ok(declared.settings.clone()),
        });
        let mut all: Vec<Known> = declared.collect();
        for stored in self.store.channels().await? {
            let id = ChannelId::of(&stored);
            if self.declared_at(id).is_some() {
                tracing::warn!(account = %id, "the stored account is hidden by the one that the configuration declares");
                continue;
            }
            all.push(Known {
                id,
                declared_at: None,
                settings: self.open(id, &stored.sealed),
            });
        }
        Ok(all)
    }

    /// Seals and stores an account; answers whether there was one in its place.
    pub(crate) async fn put(
        &self,
        id: ChannelId,
        settings: &ChannelSettings,
    ) -> Result<bool, PutError> {
        let sealed = self.seal(id, settings)?;
        let stored = self.store.channels().await?;
        let replaced = stored.iter().any(|stored| ChannelId::of(stored) == id);
        let count = stored.iter().filter(|stored| stored.app == id.app).count();
        if !replaced && count >= STORED_PER_APP_MAX {
            return Err(PutError::TooMany { app: id.app });
        }
        self.store.put_channels(&[stored_as(id, sealed)]).await?;
        Ok(replaced)
    }

    /// Removes a stored account; answers whether there was one.
    pub(crate) async fn remove(&self, id: ChannelId) -> Result<bool, StoreError> {
        let ChannelId {
            app,
            channel,
            cert_id,
        } = id;
        self.store.remove_channel(app, channel, cert_id).await
    }

    /// Seals all that older keys sealed under the newest: all of it at once, so that no crash leaves a part.
    pub(crate) async fn rekey(&self) -> Result<Rekeyed, PutError> {
        if self.vault.is_empty() {
            return Err(SealError::NoKey.into());
        }
        let mut rekeyed = Rekeyed::default();
        let mut again = Vec::new();
        for stored in self.store.channels().await? {
            let id = ChannelId::of(&stored);
            match self.open(id, &stored.sealed) {
                Ok(_) if self.vault.is_newest(&stored.sealed) => rekeyed.newest_already += 1,
                Ok(settings) => again.push(stored_as(id, self.seal(id, &settings)?)),
                Err(error) => rekeyed.closed.push((id, error)),
            }
        }
        self.store.put_channels(&again).await?;
        rekeyed.sealed_again = again.len();
        Ok(rekeyed)
    }

    fn seal(&self, id: ChannelId, settings: &ChannelSettings) -> Result<Vec<u8>, SealError> {
        let json = serde_json::to_string(settings).map_err(|_| SealError::Cipher)?;
        self.vault.seal(id, &Secret::new(json), &*self.entropy)
    }

    fn open(&self, id: ChannelId, sealed: &[u8]) -> Result<ChannelSettings, OpenError> {
        let json = self.vault.open(id, sealed)?;
        serde_json::from_str(json.expose()).map_err(|_| OpenError::Newer)
    }
}

const fn stored_as(id: ChannelId, sealed: Vec<u8>) -> StoredChannel {
    let ChannelId {
        app,
        channel,
        cert_id,
    } = id;
    StoredChannel {
        app,
        channel,
        cert_id,
        sealed,
    }
}
