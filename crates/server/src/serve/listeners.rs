//! The two HTTP listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pushtally_model::Clock;
use pushtally_stats::Stats;
use pushtally_store::{Directory, Engine};
use pushtally_webhook::{Doorbell, Relays};

use crate::config::Config;

/// What the listeners serve from.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) stats: Arc<Stats>,
    pub(super) directory: Arc<Directory>,
    pub(super) engine: Engine,
    pub(super) queue: Arc<Doorbell>,
    pub(super) relays: Arc<Relays>,
    pub(super) clock: Arc<dyn Clock>,
}

#[derive(Debug)]
pub(super) struct Listeners {
    public: SocketAddr,
    operator: SocketAddr,
}

impl Listeners {
    pub(super) async fn start(config: &Config, _parts: Parts) -> anyhow::Result<Self> {
        Ok(Self {
            public: config.listen.public,
            operator: config.listen.operator,
        })
    }

    pub(super) fn public(&self) -> SocketAddr {
        self.public
    }

    pub(super) fn operator(&self) -> SocketAddr {
        self.operator
    }

    pub(super) async fn stop(&self, _grace: Duration) {}
}
