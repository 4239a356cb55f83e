//! The daily job: has the ledger forget what is older than an app keeps, and the store who had tokens long ago.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pushtally_model::{AppId, Clock, Retention, Second};
use pushtally_stats::Stats;
use pushtally_store::holding::FORMER_KEPT_S;
use pushtally_store::{Devices, Directory};
use pushtally_webhook::Hooks;

/// How often it is looked whether a new day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Runs for ever: once after the start, then once for each new day (UTC).
pub(crate) async fn run(
    stats: Arc<Stats>,
    devices: Arc<dyn Devices>,
    directory: Arc<Directory>,
    hooks: Arc<Hooks>,
    clock: Arc<dyn Clock>,
) {
    let mut done_for = None;
    loop {
        let today = clock.now().day();
        if done_for != Some(today) {
            done_for = Some(today);
            match stats
                .retain(&kept(&directory), hooks.held().as_ref(), &*clock)
                .await
            {
                Ok(retained) => tracing::debug!(?retained, "what is too old was dropped"),
                Err(error) => {
                    tracing::warn!(%error, "what is too old cannot be dropped, tried again tomorrow")
                }
            }
            let before = Second(clock.now().0.saturating_sub(FORMER_KEPT_S));
            match devices.forget_former_holders(before).await {
                Ok(forgotten) => {
                    tracing::debug!(forgotten, "former holders of tokens were forgotten")
                }
                Err(error) => {
                    tracing::warn!(%error, "former holders of tokens cannot be forgotten, tried again tomorrow")
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn kept(directory: &Directory) -> BTreeMap<AppId, Retention> {
    directory
        .all()
        .iter()
        .map(|(id, app)| (*id, app.retention))
        .collect()
}
