//! The vendors as a running server uses them, with accounts that come and go while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use pushtally_channel::ValveLimits;
use pushtally_dial::Targets;
use pushtally_model::{AppId, Channel, Clock, Entropy, Secret};
use pushtally_store::Directory;
use pushtally_vendor::{
    Account, AccountSettings, Accounts, Carrier, ClientSettings, CredentialsError, Marker, Proxy,
    ProxyError, SharedAccess, vendor,
};
use pushtally_webhook::{ReceiptTargets, Target, TargetError};

use super::{ChannelId, Known};
use crate::config::ChannelSettings;

/// Why no account can be made of settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error("`credentials` are not those of {name}: {source}", name = channel.name())]
    Credentials {
        channel: Channel,
        source: CredentialsError,
    },
    #[error("`proxy` is not a proxy's URL: {0}")]
    Proxy(#[from] ProxyError),
    #[error("`receipts_relay_to` is refused: {0}")]
    ReceiptsRelay(#[from] TargetError),
    #[error("`ca_file` holds a certificate that is no authority: {0}")]
    Authority(#[from] rustls::Error),
}

/// Makes accounts that can call.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    /// How vendors reach the public listener; empty when they cannot.
    pub(crate) public_url: String,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Where vendors may be.
    pub(crate) targets: Targets,
    /// What accounts of one key share.
    pub(crate) shared_access: SharedAccess,
}

impl Maker {
    /// An account that has not called yet.
    pub(crate) fn account(
        &self,
        app: AppId,
        settings: &ChannelSettings,
    ) -> Result<Account, MakeError> {
        let channel = settings.channel;
        let vendor = vendor(channel, settings.credentials.expose())
            .map_err(|source| MakeError::Credentials { channel, source })?;
        if let Some(field) = vendor
            .unproven_receipts()
            .filter(|_| self.takes_receipts(app))
        {
            tracing::warn!(
                app = app.0,
                channel = channel.name(),
                cert_id = settings.cert_id,
                field,
                "receipts are taken from whoever knows their address: nothing in the credentials has them proven"
            );
        }
        let proxy = settings
            .proxy
            .as_ref()
            .map(|url| Proxy::parse(url.expose()));
        let made = AccountSettings {
            client: ClientSettings {
                timeout: settings.timeout,
                authorities: settings.authorities.clone(),
                http2_only: channel == Channel::Apns,
                proxy: proxy.transpose()?,
                targets: self.targets.clone(),
            },
            limits: ValveLimits {
                rate: settings.rate,
                ..ValveLimits::default()
            },
            calls_max: settings.calls_max as usize,
            receipts_url: self.receipts_url(app, channel),
            receipts_relay_to: receipts_relay_to(settings)?,
            shared_access: self.shared_access.clone(),
        };
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        Ok(Account::new(vendor, &made, clock, entropy)?)
    }

    fn takes_receipts(&self, app: AppId) -> bool {
        let known = self.directory.get(app);
        known.is_some_and(|app| app.receipts_key.is_some())
    }

    /// Where a vendor that is told with each push sends receipts; empty without an address of ours or a key of the app's.
    fn receipts_url(&self, app: AppId, channel: Channel) -> Secret {
        let known = self.directory.get(app);
        let key = known.as_ref().and_then(|app| app.receipts_key.as_ref());
        match (&*self.public_url, key) {
            ("", _) | (_, None) => Secret::new(""),
            (url, Some(key)) => {
                let (url, name) = (url.trim_end_matches('/'), channel.name());
                let key = key.expose();
                Secret::new(format!("{url}/v3/offline_push_report/{name}/{app}/{key}"))
            }
        }
    }
}

impl ReceiptTargets for Vendors {
    fn targets(&self) -> BTreeMap<(AppId, Channel), Target> {
        let of_carrier = |(channel, carrier): (&Channel, &Arc<Carrier>)| {
            let channel = *channel;
            let relays = carrier.receipt_relays().into_iter();
            relays.filter_map(move |(app, url)| {
                Some(((app, channel), Target::parse(url.expose()).ok()?))
            })
        };
        self.carriers.iter().flat_map(of_carrier).collect()
    }
}

/// Checked where it is read already; what is stored is checked again, like the proxy.
fn receipts_relay_to(settings: &ChannelSettings) -> Result<Option<Secret>, TargetError> {
    if let Some(url) = &settings.receipts_relay_to {
        Target::parse(url.expose())?;
    }
    Ok(settings.receipts_relay_to.clone())
}

/// Every vendor. What is planned on one where its app has no account is lost for want of credentials.
#[derive(Debug)]
pub(crate) struct Vendors {
    carriers: BTreeMap<Channel, Arc<Carrier>>,
}

impl Vendors {
    /// Vendors without an account yet.
    pub(crate) fn new(marker: &Arc<dyn Marker>, clock: &Arc<dyn Clock>) -> Self {
        let carrier = |channel| {
            let (marker, clock) = (Arc::clone(marker), Arc::clone(clock));
            let carrier = Carrier::new(Accounts::new(), marker, clock);
            (channel, Arc::new(carrier))
        };
        let carriers = Channel::VENDORS.into_iter().map(carrier).collect();
        Self { carriers }
    }

    /// What carries, by channel.
    pub(crate) const fn carriers(&self) -> &BTreeMap<Channel, Arc<Carrier>> {
        &self.carriers
    }

    /// Sends by this account from now on.
    pub(crate) fn put(&self, id: ChannelId, account: &Arc<Account>) {
        if let Some(carrier) = self.carriers.get(&id.channel) {
            carrier.put_account(id.app, id.cert_id, account);
        }
    }

    /// Sends nothing by this account from now on.
    pub(crate) fn remove(&self, id: ChannelId) {
        if let Some(carrier) = self.carriers.get(&id.channel) {
            carrier.remove_account(id.app, id.cert_id);
        }
    }

    /// The account that is sent by.
    pub(crate) fn account(&self, id: ChannelId) -> Option<Arc<Account>> {
        self.carriers.get(&id.channel)?.account(id.app, id.cert_id)
    }

    /// Puts every account. One that the configuration declares must be made; of stored ones those that cannot be opened
    /// or made are left out, loudly: one account must not keep everybody else's pushes from being sent.
    pub(crate) fn put_all(&self, maker: &Maker, known: &[Known]) -> anyhow::Result<()> {
        for one in known {
            let id = one.id;
            let settings = match &one.settings {
                Ok(settings) => settings,
                Err(error) => {
                    tracing::error!(app = id.app.0, channel = id.channel.name(), cert_id = id.cert_id, %error,
                        "a stored account cannot be opened, and pushes through it are lost as `certificate id not set`");
                    continue;
                }
            };
            match (maker.account(id.app, settings), &one.declared_at) {
                (Ok(account), _) => self.put(id, &Arc::new(account)),
                (Err(error), Some(at)) => {
                    return Err(anyhow::Error::new(error).context(format!("{at}: {id}")));
                }
                (Err(error), None) => {
                    tracing::error!(app = id.app.0, channel = id.channel.name(), cert_id = id.cert_id, %error,
                        "a stored account cannot be used, and pushes through it are lost as `certificate id not set`");
                }
            }
        }
        Ok(())
    }
}
