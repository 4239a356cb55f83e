//! Starts the webhooks.

use std::sync::Arc;

use anyhow::Context as _;
use pushtally_http::WebhookForm;
use pushtally_model::{Clock, Entropy};
use pushtally_store::{Directory, Engine};
use pushtally_webhook::{Book, HookParts, HookSettings, Hooks, Names};

use super::RELAY_GRACE_SHARE;
use crate::config::Config;

pub(super) async fn start(
    config: &Config,
    engine: &Engine,
    directory: &Arc<Directory>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> anyhow::Result<Arc<Hooks>> {
    let book = Book::open(Arc::clone(&engine.outboxes)).await;
    let parts = HookParts {
        directory: Arc::clone(directory),
        log: Arc::clone(&engine.log),
        names: Names {
            identities: Arc::clone(&engine.identities),
            tasks: Arc::clone(&engine.tasks),
            devices: Arc::clone(&engine.devices),
        },
        book: Arc::new(book.context("outboxes cannot be read")?),
        form: Arc::new(WebhookForm),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    let hooks = Hooks::start(parts, settings(config)).await?;
    Ok(Arc::new(hooks))
}

fn settings(config: &Config) -> HookSettings {
    let settings = HookSettings::default();
    HookSettings {
        targets: config.targets.clone(),
        in_flight_max: config.webhooks.in_flight_max,
        call_timeout: config.webhooks.timeout,
        wait_s_max: config.webhooks.wait_s_max,
        stop_grace: settings
            .stop_grace
            .min(config.stop_grace / RELAY_GRACE_SHARE),
        ..settings
    }
}
