//! What every handler may reach.

use std::fmt;
use std::sync::Arc;

use pushtally_model::Clock;
use pushtally_receipt::Importer;
use pushtally_stats::Stats;
use pushtally_store::{Directory, Identities, RelayQueue};
use pushtally_webhook::RelayCounters;

use crate::{Limits, Metrics, Quotas};

/// Tells whether the server can do its work, or why it cannot.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What every handler may reach. One for both listeners.
pub struct State {
    /// The apps.
    pub directory: Arc<Directory>,
    /// Names and numbers.
    pub identities: Arc<dyn Identities>,
    /// The ledger.
    pub stats: Arc<Stats>,
    /// Takes imported webhooks in.
    pub importer: Importer,
    /// Where calls wait to be passed on.
    pub relays: Arc<dyn RelayQueue>,
    /// What became of calls that were to be passed on.
    pub relayed: RelayCounters,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Calls a second, by app and command.
    pub quotas: Quotas,
    /// Asked on top of the ledger's own health.
    pub ready: Readiness,
    /// Bounds.
    pub limits: Limits,
}

impl State {
    /// Whether the server can do its work, or why it cannot.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        match self.stats.health().failed {
            Some(why) => Err(why),
            None => (self.ready)(),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}
