//! What the metrics page says of webhooks.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use pushtally_webhook::HookReport;

use super::scrape::{AppLabels, Unsigned};

/// A metric's name, what it says, and its value of an app.
type Row = (&'static str, &'static str, fn(&HookReport) -> u64);

/// Also of apps whose webhook was taken away: a counter does not vanish before the process ends.
pub(super) fn webhooks(reports: &[HookReport], registry: &mut Registry) {
    let counters: [Row; 4] = [
        (
            "webhook_events",
            "Events in webhook calls that were answered with status 200",
            |report| report.sent,
        ),
        (
            "webhook_calls",
            "Webhook calls that were answered with status 200",
            |report| report.calls,
        ),
        (
            "webhook_failed_tries",
            "Tries to make a webhook call that failed",
            |report| report.failed,
        ),
        (
            "webhook_nameless_events",
            "Events not sent because their device or task has no name any more",
            |report| report.nameless,
        ),
    ];
    for (name, help, value) in counters {
        let family = Family::<AppLabels, Counter>::default();
        for report in reports {
            let labels = AppLabels { app: report.app.0 };
            family.get_or_create(&labels).inc_by(value(report));
        }
        registry.register(name, help, family);
    }
    let gauges: [Row; 5] = [
        (
            "webhook_lag_seconds",
            "Seconds since the oldest event was recorded that is not sent yet",
            |report| report.lag_s.into(),
        ),
        (
            "webhook_behind",
            "1 when more waits than is kept in memory",
            |report| report.behind.into(),
        ),
        (
            "webhook_failing",
            "1 when the newest try failed",
            |report| report.failing.into(),
        ),
        (
            "webhook_dead_letters",
            "Ranges of events that were given up",
            |report| report.letters,
        ),
        (
            "webhook_dead_events",
            "Events in dead letters, as far as they were counted",
            |report| report.dead,
        ),
    ];
    for (name, help, value) in gauges {
        let family = Family::<AppLabels, Unsigned>::default();
        for report in reports {
            let labels = AppLabels { app: report.app.0 };
            family.get_or_create(&labels).set(value(report));
        }
        registry.register(name, help, family);
    }
}
