//! A dispatch over a gateway, for both fixtures. Its jobs are worked when a test says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use pushtally_channel::{Channel as Carrier, Presence, Redeliver};
use pushtally_dispatch::{Dispatch, Parts, Settings};
use pushtally_model::{Channel, Clock, SystemEntropy};
use pushtally_online::Online;
use pushtally_stats::Stats;
use pushtally_store::Engine;

pub(crate) async fn dispatch(
    engine: &Engine,
    stats: &Arc<Stats>,
    online: &Arc<Online>,
    clock: Arc<dyn Clock>,
) -> Arc<Dispatch> {
    let presence: Arc<dyn Presence> = online.clone();
    let socket: Arc<dyn Carrier> = online.clone();
    let parts = Parts {
        tasks: engine.tasks.clone(),
        devices: engine.devices.clone(),
        accounts: engine.accounts.clone(),
        identities: engine.identities.clone(),
        stats: stats.clone(),
        presence,
        channels: BTreeMap::from([(Channel::Online, socket)]),
        clock,
        entropy: Arc::new(SystemEntropy),
    };
    let settings = Settings {
        workers: 0,
        ..Settings::default()
    };
    let dispatch = Dispatch::start(parts, settings).await.unwrap();
    let redeliver: Arc<dyn Redeliver> = dispatch.clone();
    online.set_redeliver(redeliver);
    dispatch
}
