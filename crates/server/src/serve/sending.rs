//! What sends: the socket gateway, and dispatch over it. Each needs the other, so they are joined here.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use pushtally_channel::{Channel as Carrier, Presence, Redeliver, ValveLimits};
use pushtally_dispatch::{self as dispatch, Dispatch};
use pushtally_model::{AppId, Channel, Clock, Entropy, Secret};
use pushtally_online::{self as online, Online};
use pushtally_receipt::Marks;
use pushtally_stats::Stats;
use pushtally_store::{Directory, Engine, Report};
use pushtally_vendor::{
    Account, AccountSettings, Accounts, Carrier as VendorCarrier, ClientSettings, Marker,
    SharedAccess, vendor,
};

use crate::config::{Config, DeclaredChannel};

/// The part of the grace that what is being sent gets, as a divisor: the last snapshot needs the rest.
const SENDING_GRACE_SHARE: u32 = 4;

/// What both work with.
pub(super) struct Parts<'a> {
    pub(super) engine: &'a Engine,
    pub(super) directory: &'a Arc<Directory>,
    pub(super) stats: &'a Arc<Stats>,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) entropy: &'a Arc<dyn Entropy>,
}

/// What was started.
pub(super) struct Sending {
    pub(super) online: Arc<Online>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) vendors: BTreeMap<Channel, Arc<VendorCarrier>>,
}

/// Starts both. The directory is filled already: jobs of an app run at once.
pub(super) async fn start(config: &Config, parts: Parts<'_>) -> anyhow::Result<Sending> {
    let engine = parts.engine;
    let report: Arc<dyn Report> = parts.stats.clone();
    let online = Online::new(
        online::Parts {
            directory: Arc::clone(parts.directory),
            devices: Arc::clone(&engine.devices),
            tasks: Arc::clone(&engine.tasks),
            identities: Arc::clone(&engine.identities),
            report,
            clock: Arc::clone(parts.clock),
        },
        online::Settings {
            sockets_max: config.limits.sockets_max,
        },
    );
    let presence: Arc<dyn Presence> = online.clone();
    let socket: Arc<dyn Carrier> = online.clone();
    let vendors = vendors(config, &parts)?;
    let mut channels: BTreeMap<Channel, Arc<dyn Carrier>> =
        BTreeMap::from([(Channel::Online, socket)]);
    for (channel, vendor) in &vendors {
        let carrier: Arc<dyn Carrier> = vendor.clone();
        channels.insert(*channel, carrier);
    }
    let dispatch = Dispatch::start(
        dispatch::Parts {
            tasks: Arc::clone(&engine.tasks),
            devices: Arc::clone(&engine.devices),
            accounts: Arc::clone(&engine.accounts),
            identities: Arc::clone(&engine.identities),
            stats: Arc::clone(parts.stats),
            presence,
            channels,
            clock: Arc::clone(parts.clock),
            entropy: Arc::clone(parts.entropy),
        },
        settings(config),
    )
    .await?;
    let redeliver: Arc<dyn Redeliver> = dispatch.clone();
    online.set_redeliver(redeliver);
    Ok(Sending {
        online,
        dispatch,
        vendors,
    })
}

/// Where a vendor that is told with each push sends receipts; empty without an address of ours or a key of the app's.
fn receipts_url(config: &Config, directory: &Directory, app: AppId, channel: Channel) -> Secret {
    let known = directory.get(app);
    let key = known.as_ref().and_then(|app| app.receipts_key.as_ref());
    match (&*config.listen.public_url, key) {
        ("", _) | (_, None) => Secret::new(""),
        (url, Some(key)) => {
            let (url, name) = (url.trim_end_matches('/'), channel.name());
            let key = key.expose();
            Secret::new(format!("{url}/v3/offline_push_report/{name}/{app}/{key}"))
        }
    }
}

/// Every vendor, with the accounts that the configuration declares. What is planned on one where its app has no account
/// is lost for want of credentials.
fn vendors(
    config: &Config,
    parts: &Parts<'_>,
) -> anyhow::Result<BTreeMap<Channel, Arc<VendorCarrier>>> {
    let mut accounts: BTreeMap<Channel, Accounts> = BTreeMap::new();
    let shared_access = SharedAccess::default();
    for declared in &config.channels {
        let DeclaredChannel {
            app,
            channel,
            cert_id,
            ..
        } = *declared;
        let told = || {
            let name = channel.name();
            format!("{}: channel `{name}` of app `{app}`", declared.origin)
        };
        let vendor = vendor(channel, declared.credentials.expose()).with_context(told)?;
        let receipts_url = receipts_url(config, parts.directory, app, channel);
        let takes_receipts = parts
            .directory
            .get(app)
            .is_some_and(|app| app.receipts_key.is_some());
        if let Some(field) = vendor.unproven_receipts().filter(|_| takes_receipts) {
            tracing::warn!(
                app = app.0,
                channel = channel.name(),
                cert_id,
                field,
                "receipts are taken from whoever knows their address: nothing in the credentials has them proven"
            );
        }
        let settings = AccountSettings {
            client: ClientSettings {
                timeout: declared.timeout,
                authorities: declared.authorities.clone(),
                http2_only: channel == Channel::Apns,
                proxy: declared.proxy.clone(),
            },
            limits: ValveLimits {
                rate: declared.rate,
                ..ValveLimits::default()
            },
            calls_max: declared.calls_max as usize,
            receipts_url,
            shared_access: shared_access.clone(),
        };
        let (clock, entropy) = (Arc::clone(parts.clock), Arc::clone(parts.entropy));
        let account = Account::new(vendor, &settings, clock, entropy).with_context(told)?;
        let of_channel = accounts.entry(channel).or_default();
        of_channel.insert((app, cert_id), Arc::new(account));
    }
    let marker: Arc<dyn Marker> = Arc::new(Marks::new(Arc::clone(parts.directory)));
    let carriers = Channel::ALL
        .into_iter()
        .filter(|channel| !matches!(channel, Channel::Unknown | Channel::Online));
    let carriers = carriers.map(|channel| {
        let accounts = accounts.remove(&channel).unwrap_or_default();
        let (marker, clock) = (Arc::clone(&marker), Arc::clone(parts.clock));
        let carrier = VendorCarrier::new(accounts, marker, clock);
        (channel, Arc::new(carrier))
    });
    Ok(carriers.collect())
}

fn settings(config: &Config) -> dispatch::Settings {
    let settings = dispatch::Settings::default();
    dispatch::Settings {
        stop_grace: settings
            .stop_grace
            .min(config.stop_grace / SENDING_GRACE_SHARE),
        ..settings
    }
}
