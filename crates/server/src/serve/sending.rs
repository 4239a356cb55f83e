//! What sends: the socket gateway, and dispatch over it. Each needs the other, so they are joined here.

use std::collections::BTreeMap;
use std::sync::Arc;

use pushtally_channel::{Channel as Carrier, Presence, Redeliver};
use pushtally_dispatch::{self as dispatch, Dispatch};
use pushtally_model::{Channel, Clock, Entropy};
use pushtally_online::{self as online, Online};
use pushtally_receipt::Marks;
use pushtally_stats::Stats;
use pushtally_store::{Directory, Engine, Report};
use pushtally_vendor::Marker;

use crate::acts::Acts;
use crate::channels::Vendors;
use crate::config::Config;

/// The part of the grace that what is being sent gets, as a divisor: the last snapshot needs the rest.
const SENDING_GRACE_SHARE: u32 = 4;

/// What both work with.
pub(super) struct Parts<'a> {
    pub(super) engine: &'a Engine,
    pub(super) directory: &'a Arc<Directory>,
    pub(super) acts: &'a Acts,
    pub(super) stats: &'a Arc<Stats>,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) entropy: &'a Arc<dyn Entropy>,
}

/// What was started.
pub(super) struct Sending {
    pub(super) online: Arc<Online>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) vendors: Arc<Vendors>,
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
    let marker: Arc<dyn Marker> = Arc::new(Marks::new(Arc::clone(parts.directory)));
    let vendors = Vendors::new(&marker, parts.clock);
    let known = parts.acts.channels().all().await?;
    vendors.put_all(parts.acts.maker(), &known)?;
    let mut channels: BTreeMap<Channel, Arc<dyn Carrier>> =
        BTreeMap::from([(Channel::Online, socket)]);
    for (channel, vendor) in vendors.carriers() {
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
        vendors: Arc::new(vendors),
    })
}

fn settings(config: &Config) -> dispatch::Settings {
    let settings = dispatch::Settings::default();
    dispatch::Settings {
        stop_grace: settings
            .stop_grace
            .min(config.stop_grace / SENDING_GRACE_SHARE),
        brake: config.brake,
        ..settings
    }
}
