//! What is told of relays: of webhook calls by app, of receipts by app and vendor.

use std::fmt::Debug;
use std::hash::Hash;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use pushtally_model::Channel;
use pushtally_store::{RelayBacklog, RelayLine};
use pushtally_webhook::RelayReport;

use super::scrape::{AppLabels, Unsigned};
use crate::State;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    app: u32,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VendorLabels {
    app: u32,
    channel: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VendorCallLabels {
    app: u32,
    channel: &'static str,
    result: &'static str,
}

/// The metrics of one kind of line.
struct Families<L, C> {
    waiting_calls: Family<L, Unsigned>,
    waiting_bytes: Family<L, Unsigned>,
    calls: Family<C, Counter>,
    failed: Family<L, Counter>,
    failing: Family<L, Unsigned>,
}

impl<L, C> Families<L, C>
where
    L: EncodeLabelSet + Clone + Debug + Hash + Eq + Send + Sync + 'static,
    C: EncodeLabelSet + Clone + Debug + Hash + Eq + Send + Sync + 'static,
{
    fn new() -> Self {
        Self {
            waiting_calls: Family::default(),
            waiting_bytes: Family::default(),
            calls: Family::default(),
            failed: Family::default(),
            failing: Family::default(),
        }
    }

    fn waits(&self, labels: &L, backlog: RelayBacklog) {
        self.waiting_calls.get_or_create(labels).set(backlog.calls);
        self.waiting_bytes.get_or_create(labels).set(backlog.bytes);
    }

    fn done(&self, report: &RelayReport, labels: &L, with_result: impl Fn(&'static str) -> C) {
        for (result, count) in [("passed_on", report.passed_on), ("dropped", report.dropped)] {
            self.calls.get_or_create(&with_result(result)).inc_by(count);
        }
        self.failed.get_or_create(labels).inc_by(report.failed);
        self.failing
            .get_or_create(labels)
            .set(report.failing.into());
    }

    /// With names that begin so, and the word for what is passed on.
    fn register(self, registry: &mut Registry, prefix: &str, what: &str) {
        let name = |rest: &str| format!("{prefix}_{rest}");
        registry.register(
            name("waiting_calls"),
            format!("{what} waiting to be passed on"),
            self.waiting_calls,
        );
        registry.register(
            name("waiting_bytes"),
            format!("Bytes of {what} waiting to be passed on"),
            self.waiting_bytes,
        );
        registry.register(
            name("calls"),
            format!("{what} that left a relay queue, by result"),
            self.calls,
        );
        registry.register(
            name("failed_tries"),
            format!("Tries to pass {what} on that failed"),
            self.failed,
        );
        registry.register(
            name("failing"),
            "1 when the newest try failed",
            self.failing,
        );
    }
}

/// Also of lines whose address was taken away: a counter does not vanish before the process ends. What storage cannot tell
/// at the moment is left out rather than shown as 0.
pub(super) async fn relays(state: &State, registry: &mut Registry) {
    let webhooks = Families::<AppLabels, CallLabels>::new();
    let receipts = Families::<VendorLabels, VendorCallLabels>::new();
    for (id, app) in state.directory.all().iter() {
        if app.relay_to.is_some()
            && let Ok(backlog) = state.relays.backlog(RelayLine::Webhooks(*id)).await
        {
            webhooks.waits(&AppLabels { app: id.0 }, backlog);
        }
        for vendor in Channel::VENDORS {
            if state.receipts.relay_answer(*id, vendor).is_some()
                && let Ok(backlog) = state.relays.backlog(RelayLine::Receipts(*id, vendor)).await
            {
                receipts.waits(&vendor_labels(id.0, vendor), backlog);
            }
        }
    }
    for report in state.relayed.report() {
        match report.line {
            RelayLine::Webhooks(app) => {
                let app = app.0;
                webhooks.done(&report, &AppLabels { app }, |result| CallLabels {
                    app,
                    result,
                });
            }
            RelayLine::Receipts(app, vendor) => {
                let labels = vendor_labels(app.0, vendor);
                receipts.done(&report, &labels, |result| VendorCallLabels {
                    app: app.0,
                    channel: vendor.name(),
                    result,
                });
            }
        }
    }
    webhooks.register(registry, "relay", "Calls");
    receipts.register(registry, "receipt_relay", "Calls with receipts");
}

const fn vendor_labels(app: u32, vendor: Channel) -> VendorLabels {
    VendorLabels {
        app,
        channel: vendor.name(),
    }
}
