//! The two HTTP listeners: binds them, serves them, stops them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pushtally_audience::{Audience, Registrar};
use pushtally_dispatch::Dispatch;
use pushtally_http::{
    Limits, Metrics, Operators, Quotas, Recorder, State, Throttles, Turns, operator_router,
    public_router,
};
use pushtally_model::{Channel, Clock, Entropy};
use pushtally_online::Online;
use pushtally_receipt::{self as receipt, Importer, Inbox};
use pushtally_stats::Stats;
use pushtally_store::{Directory, Engine, RelayQueue, Report};
use pushtally_vendor::Carrier;
use pushtally_webhook::{HookCounters, RelayCounters};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, TlsFiles};

/// Connections of the operator's listener: a person, a scraper, a probe, and room.
const OPERATOR_CONNECTIONS_MAX: usize = 64;

/// What the listeners serve from.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) engine: Engine,
    pub(super) vendors: BTreeMap<Channel, Arc<Carrier>>,
    pub(super) stats: Arc<Stats>,
    pub(super) online: Arc<Online>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) audit: Arc<Recorder>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) directory: Arc<Directory>,
    pub(super) queue: Arc<dyn RelayQueue>,
    pub(super) relayed: RelayCounters,
    pub(super) hooked: HookCounters,
    pub(super) operators: Operators,
    pub(super) clock: Arc<dyn Clock>,
}

/// The listeners, serving.
#[derive(Debug)]
pub(super) struct Listeners {
    public: SocketAddr,
    operator: SocketAddr,
    stop: CancellationToken,
    tasks: [JoinHandle<usize>; 2],
}

impl Listeners {
    /// Binds both and serves from then on.
    pub(super) async fn start(
        config: &Config,
        parts: Parts,
        grace: Duration,
    ) -> anyhow::Result<Self> {
        let tls = match &config.listen.tls {
            Some(TlsFiles { cert, key }) => {
                Some(pushtally_http::load_tls(cert, key).context("tls cannot be set up")?)
            }
            None => None,
        };
        let public = bind("public", config.listen.public).await?;
        let operator = bind("operator", config.listen.operator).await?;
        let addresses = (public.local_addr()?, operator.local_addr()?);
        let limits = limits(config);
        let operator_limits = Limits {
            connections_max: OPERATOR_CONNECTIONS_MAX,
            ..limits.clone()
        };
        let state = Arc::new(state(parts, limits.clone()));
        let stop = CancellationToken::new();
        let serve = |listener, router, tls, limits| {
            let stopped = stop.clone().cancelled_owned();
            tokio::spawn(pushtally_http::serve(
                vec![listener],
                router,
                tls,
                limits,
                stopped,
                grace,
            ))
        };
        let tasks = [
            serve(public, public_router(Arc::clone(&state)), tls, limits),
            serve(operator, operator_router(state), None, operator_limits),
        ];
        Ok(Self {
            public: addresses.0,
            operator: addresses.1,
            stop,
            tasks,
        })
    }

    pub(super) fn public(&self) -> SocketAddr {
        self.public
    }

    pub(super) fn operator(&self) -> SocketAddr {
        self.operator
    }

    /// Accepts nothing more and waits until what runs has finished or was cut off at the end of the grace.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a listener did not stop cleanly");
            }
        }
    }
}

async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let told = || format!("the {name} listener cannot use `{address}`");
    TcpListener::bind(address).await.with_context(told)
}

fn state(parts: Parts, limits: Limits) -> State {
    let Parts {
        engine,
        vendors,
        stats,
        online,
        dispatch,
        audit,
        entropy,
        directory,
        queue,
        relayed,
        hooked,
        operators,
        clock,
    } = parts;
    let report: Arc<dyn Report> = stats.clone();
    State {
        directory,
        importer: Importer::new(Arc::clone(&engine.identities), Arc::clone(&report)),
        receipts: Inbox::new(
            vendors,
            receipt::Recorder::new(&engine, report, dispatch.dead_tokens(), Arc::clone(&clock)),
        ),
        identities: engine.identities,
        stats,
        online,
        dispatch,
        audience: Audience::new(Arc::clone(&engine.devices), Arc::clone(&engine.accounts)),
        registrar: Registrar::new(engine.devices, Arc::clone(&clock), Arc::clone(&entropy)),
        accounts: engine.accounts,
        forgettings: engine.forgettings,
        tasks: engine.tasks,
        audit,
        entropy,
        relays: queue,
        relayed,
        hooked,
        quotas: Quotas::default(),
        operators,
        turns: Turns::default(),
        throttles: Throttles::default(),
        clock,
        metrics: Arc::new(metrics()),
        // The ledger's own health is all there is: everything else fails the start.
        ready: Arc::new(|| Ok(())),
        limits,
    }
}

fn limits(config: &Config) -> Limits {
    let &crate::config::Limits {
        connections_max,
        sockets_max: _,
        handshake,
        idle,
        body_read,
        registrations_per_address,
    } = &config.limits;
    Limits {
        connections_max,
        handshake,
        idle,
        body_read,
        registrations_per_address,
        trusted_proxies: config.listen.trusted_proxies.clone(),
        forget_within_s: config.forget_within_s,
    }
}

/// What is counted; in a build for measurements, what is allocated, too.
fn metrics() -> Metrics {
    let metrics = Metrics::default();
    #[cfg(feature = "count-allocations")]
    let metrics = metrics.collecting(Box::new(crate::allocator::Allocations));
    metrics
}
