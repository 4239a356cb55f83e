//! The composition root: opens everything in the order of dependence, closes it in the opposite one.

mod hooks;
mod listeners;
mod sending;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pushtally_dispatch::Dispatch;
use pushtally_model::{Clock, Entropy, SystemClock, SystemEntropy};
use pushtally_online::Online;
use pushtally_stats::Stats;
use pushtally_store::Directory;
use pushtally_webhook::{Doorbell, Hooks, Relays};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::acts::{Acts, Ledger};
use crate::config::Config;
use crate::control::Control;
use crate::engine::{self, Opened, Purpose};
use crate::{forgetting, retention};

use listeners::Listeners;

/// Requests get at most this part of the grace, and relays and webhooks this one, so that a client or a receiver that hangs leaves
/// time for the last snapshot.
const REQUEST_GRACE_SHARE: u32 = 2;
pub(crate) const RELAY_GRACE_SHARE: u32 = 4;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) stats: Arc<Stats>,
    pub(crate) acts: Arc<Acts>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    opened: Opened,
    relays: Relays,
    hooks: Arc<Hooks>,
    online: Arc<Online>,
    pub(crate) dispatch: Arc<Dispatch>,
    listeners: Listeners,
    control: Option<Control>,
    retention: JoinHandle<()>,
    forgetting: JoinHandle<()>,
}

impl Server {
    /// Starts everything. Once it answers, the listeners do.
    pub(crate) async fn start(config: &Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let opened = engine::open(config, Purpose::Service)?;
        let stats = Stats::open(
            opened.engine.clone(),
            Arc::clone(&clock),
            engine::ledger_options(config),
        )
        .await;
        let stats = stats.context("the ledger cannot be opened")?;
        let directory: Arc<Directory> = Arc::default();
        let acts = Acts::new(
            opened.clone(),
            Ledger::Open(Arc::clone(&stats)),
            config.owned(),
            Arc::clone(&directory),
            Arc::clone(&entropy),
            Arc::clone(&clock),
        );
        let acts = Arc::new(acts.await.context("apps cannot be read")?);
        let queue = Doorbell::new(Arc::clone(&opened.engine.relays));
        let hooks = hooks::start(config, &opened.engine, &directory, &clock, &entropy);
        let hooks = hooks.await.context("webhooks cannot be started")?;
        acts.set_hooks(Arc::clone(&hooks));
        let sending::Sending {
            online,
            dispatch,
            vendors,
        } = sending::start(
            config,
            sending::Parts {
                engine: &opened.engine,
                directory: &directory,
                acts: &acts,
                stats: &stats,
                clock: &clock,
                entropy: &entropy,
            },
        )
        .await
        .context("sending cannot be started")?;
        acts.set_dispatch(Arc::clone(&dispatch));
        acts.set_online(Arc::clone(&online));
        acts.set_vendors(Arc::clone(&vendors));
        let relays = Relays::start(
            Arc::clone(&directory),
            Arc::clone(&vendors) as _,
            Arc::clone(&queue),
            Arc::clone(&entropy),
            relay_settings(config),
        )?;
        let parts = listeners::Parts {
            engine: opened.engine.clone(),
            vendors: vendors.carriers().clone(),
            online: Arc::clone(&online),
            dispatch: Arc::clone(&dispatch),
            audit: acts.audit(),
            entropy,
            stats: Arc::clone(&stats),
            directory: Arc::clone(&directory),
            queue,
            relayed: relays.counters(),
            hooked: hooks.counters(),
            operators: config.operators.clone(),
            clock: Arc::clone(&clock),
        };
        let listeners =
            Listeners::start(config, parts, config.stop_grace / REQUEST_GRACE_SHARE).await?;
        let control = match &config.listen.control_socket {
            Some(path) => {
                let told = || format!("control socket `{}` cannot be made", path.display());
                Some(Control::start(path, Arc::clone(&acts)).with_context(told)?)
            }
            None => None,
        };
        let retention = tokio::spawn(retention::run(
            Arc::clone(&stats),
            Arc::clone(&opened.engine.devices),
            Arc::clone(&directory),
            Arc::clone(&hooks),
            Arc::clone(&clock),
        ));
        let forgetting = tokio::spawn(forgetting::run(
            Arc::clone(&opened.engine.forgettings),
            config.forget_within_s,
            Arc::clone(&clock),
        ));
        Ok(Self {
            stats,
            acts,
            directory,
            clock,
            opened,
            relays,
            hooks,
            online,
            dispatch,
            listeners,
            control,
            retention,
            forgetting,
        })
    }

    /// Where the public listener can be reached.
    pub(crate) fn public(&self) -> SocketAddr {
        self.listeners.public()
    }

    /// Where the operator's listener can be reached.
    pub(crate) fn operator(&self) -> SocketAddr {
        self.listeners.operator()
    }

    /// Takes nothing more in, finishes what is under way, closes. Whatever does not end within the grace is left:
    /// what was acknowledged is durable already, and the next start folds it from the log.
    pub(crate) async fn stop(self, grace: Duration) -> anyhow::Result<()> {
        let stopping = async {
            self.listeners.stop().await;
            if let Some(control) = self.control {
                control.stop().await;
            }
            self.online.stop().await;
            self.dispatch.stop().await;
            tokio::join!(self.relays.stop(), self.hooks.stop());
            self.retention.abort();
            self.forgetting.abort();
            self.stats
                .close()
                .await
                .context("the ledger did not close cleanly")?;
            self.opened
                .close()
                .context("the storage did not close cleanly")
        };
        match tokio::time::timeout(grace, stopping).await {
            Ok(stopped) => stopped,
            Err(_) => {
                tracing::warn!(
                    ?grace,
                    "stopped before everything had ended, nothing acknowledged is lost"
                );
                Ok(())
            }
        }
    }
}

fn relay_settings(config: &Config) -> pushtally_webhook::Settings {
    let settings = pushtally_webhook::Settings::default();
    pushtally_webhook::Settings {
        targets: config.targets.clone(),
        in_flight_max: config.relay.in_flight_max,
        call_timeout: config.relay.timeout,
        stop_grace: settings
            .stop_grace
            .min(config.stop_grace / RELAY_GRACE_SHARE),
        ..settings
    }
}

/// What `pushtally serve` does: serves until a signal, then stops within the grace.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    for note in &config.notes {
        tracing::warn!("{note}");
    }
    let server = Server::start(&config).await?;
    let (public, operator, apps) = (
        server.public(),
        server.operator(),
        server.directory.all().len(),
    );
    tracing::info!(%public, %operator, apps, "ready");
    let name = signals.next().await;
    tracing::info!(signal = name, grace = ?config.stop_grace, "stopping, a second signal ends at once");
    tokio::select! {
        stopped = server.stop(config.stop_grace) => {
            stopped?;
            tracing::info!("stopped");
            Ok(())
        }
        name = signals.next() => {
            tracing::warn!(signal = name, "ended at once");
            std::process::exit(1);
        }
    }
}

/// SIGTERM and SIGINT, from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened to");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// The next signal's name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
