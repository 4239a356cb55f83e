//! What every handler may reach.

use std::fmt;
use std::sync::Arc;

use pushtally_audience::{Audience, Registrar};
use pushtally_dispatch::Dispatch;
use pushtally_model::{Clock, Entropy};
use pushtally_online::Online;
use pushtally_receipt::{Importer, Inbox};
use pushtally_stats::Stats;
use pushtally_store::{Accounts, Directory, Forgettings, Identities, RelayQueue, Tasks};
use pushtally_webhook::{HookCounters, RelayCounters};

use crate::audit::Recorder;
use crate::operations::Sources;
use crate::{Limits, Metrics, Operators, Quotas, Throttles, Turns};

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
    /// Takes vendors' receipts in.
    pub receipts: Inbox,
    /// Takes pushes and what operators want of them.
    pub dispatch: Arc<Dispatch>,
    /// Who can be addressed.
    pub audience: Audience,
    /// Accounts with their tags and attributes.
    pub accounts: Arc<dyn Accounts>,
    /// Forgets accounts.
    pub forgettings: Arc<dyn Forgettings>,
    /// Tasks as they are stored.
    pub tasks: Arc<dyn Tasks>,
    /// Who did what.
    pub audit: Arc<Recorder>,
    /// Randomness for what an operator sends.
    pub entropy: Arc<dyn Entropy>,
    /// Registers phones.
    pub registrar: Registrar,
    /// The socket gateway.
    pub online: Arc<Online>,
    /// Where calls wait to be passed on.
    pub relays: Arc<dyn RelayQueue>,
    /// What became of calls that were to be passed on.
    pub relayed: RelayCounters,
    /// What became of events that were to be sent.
    pub hooked: HookCounters,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Calls a second, by app and command.
    pub quotas: Quotas,
    /// Registrations a second, by address and by app.
    pub throttles: Throttles,
    /// Who may do what on the operator's listener.
    pub operators: Operators,
    /// What only so many may have done at a time.
    pub turns: Turns,
    /// Asked on top of the ledger's own health.
    pub ready: Readiness,
    /// Bounds.
    pub limits: Limits,
}

impl State {
    /// What traces are read from.
    pub(crate) fn trace_sources(&self) -> Sources<'_> {
        Sources {
            identities: &*self.identities,
            tasks: &*self.tasks,
            audience: &self.audience,
            stats: &self.stats,
            now: self.clock.now(),
        }
    }

    /// Whether the server can do its work, or why it cannot.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        let failed = self.stats.health().failed;
        match failed.or_else(|| self.dispatch.health().failed) {
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
