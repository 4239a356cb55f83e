//! What is counted, and `GET /metrics`.
//!
//! Requests and events are counted as they come; what the ledger, the apps and the relays know is read when asked.

mod dispatch;
mod relays;
mod scrape;
mod webhooks;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use pushtally_model::{AppId, Channel, Second, Source};
use pushtally_receipt::{Recorded, Taken};
use pushtally_wire::Code;

use crate::Command;

pub(crate) use scrape::handle;

/// Upper bounds of the latency histogram, in seconds: a query's floor is 0.2 ms, a group commit's 10 ms.
const LATENCY_BUCKETS_S: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    command: &'static str,
    code: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    call: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    source: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceiptLabels {
    channel: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PushLabels {
    app: u32,
    command: &'static str,
    result: &'static str,
}

/// What is counted as it happens.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<CommandLabels, Histogram, fn() -> Histogram>,
    events: Family<EventLabels, Counter>,
    receipts: Family<ReceiptLabels, Counter>,
    pushes: Family<PushLabels, Counter>,
    device_calls: Family<DeviceLabels, Counter>,
    device_latency: Family<CallLabels, Histogram, fn() -> Histogram>,
    /// The second of the last complaint, so that a storage error floods no log.
    complained: AtomicU32,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::default();
        let latency = Family::new_with_constructor(
            (|| Histogram::new(LATENCY_BUCKETS_S)) as fn() -> Histogram,
        );
        let events = Family::default();
        let receipts = Family::default();
        let pushes = Family::default();
        let device_calls = Family::default();
        let device_latency = Family::new_with_constructor(
            (|| Histogram::new(LATENCY_BUCKETS_S)) as fn() -> Histogram,
        );
        let mut registry = Registry::with_prefix("pushtally");
        registry.register(
            "requests",
            "Requests answered, by command and ErrorCode",
            Family::clone(&requests),
        );
        registry.register(
            "request_seconds",
            "Time from request head to answer, by command",
            Family::clone(&latency),
        );
        registry.register(
            "events",
            "Events received, by source and result",
            Family::clone(&events),
        );
        registry.register(
            "receipts",
            "Entries of vendors' receipts, by channel and result",
            Family::clone(&receipts),
        );
        registry.register(
            "pushes",
            "Pushes of known callers, by app, command and result",
            Family::clone(&pushes),
        );
        registry.register(
            "device_calls",
            "Calls of /v1/devices, by call and result",
            Family::clone(&device_calls),
        );
        registry.register(
            "device_call_seconds",
            "Time from request head to answer, by call of /v1/devices",
            Family::clone(&device_latency),
        );
        Self {
            registry,
            requests,
            latency,
            events,
            receipts,
            pushes,
            device_calls,
            device_latency,
            complained: AtomicU32::default(),
        }
    }
}

impl Metrics {
    /// The same with what somebody else counts.
    #[must_use]
    pub fn collecting(mut self, other: Box<dyn Collector>) -> Self {
        self.registry.register_collector(other);
        self
    }

    pub(crate) fn answered(&self, command: Command, code: Code, took: Duration) {
        let command = command.name();
        self.requests
            .get_or_create(&RequestLabels {
                command,
                code: code.number(),
            })
            .inc();
        self.latency
            .get_or_create(&CommandLabels { command })
            .observe(took.as_secs_f64());
    }

    /// A call of `/v1/devices`; the result is what was done, or the code of the problem.
    pub(crate) fn device_call(&self, call: &'static str, result: &'static str, took: Duration) {
        self.device_calls
            .get_or_create(&DeviceLabels { call, result })
            .inc();
        self.device_latency
            .get_or_create(&CallLabels { call })
            .observe(took.as_secs_f64());
    }

    pub(crate) fn imported(&self, accepted: usize, refused: usize) {
        let source = Source::Import.name();
        for (result, count) in [("accepted", accepted), ("refused", refused)] {
            if count > 0 {
                self.events
                    .get_or_create(&EventLabels { source, result })
                    .inc_by(count as u64);
            }
        }
    }

    /// What became of a vendor's receipts.
    pub(crate) fn receipted(&self, channel: Channel, taken: &Taken) {
        let Recorded {
            events,
            unmatched,
            foreign: _,
            ignored,
            clamped,
            dropped,
            replaced,
        } = taken.recorded;
        for (result, count) in [
            ("recorded", events),
            ("unmatched", unmatched),
            ("ignored", ignored),
            ("clamped", clamped),
            ("bad", taken.bad),
            ("token_dropped", dropped),
            ("token_replaced", replaced),
        ] {
            if count > 0 {
                let channel = channel.name();
                self.receipts
                    .get_or_create(&ReceiptLabels { channel, result })
                    .inc_by(count);
            }
        }
    }

    /// Counts a vendor's body that only another system may be able to read.
    pub(crate) fn receipt_unread(&self, channel: Channel) {
        let (channel, result) = (channel.name(), "unread");
        self.receipts
            .get_or_create(&ReceiptLabels { channel, result })
            .inc();
    }

    /// Counts a push of a caller that was admitted.
    pub(crate) fn pushed(&self, app: AppId, command: &'static str, accepted: bool) {
        let result = if accepted { "accepted" } else { "refused" };
        let labels = PushLabels {
            app: app.0,
            command,
            result,
        };
        self.pushes.get_or_create(&labels).inc();
    }

    /// Whether a complaint may be logged now: the first of each second may.
    pub(crate) fn may_complain(&self, now: Second) -> bool {
        self.complained.fetch_max(now.0, Ordering::Relaxed) < now.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_complaint_a_second() {
        let metrics = Metrics::default();
        let may: Vec<bool> = [5, 5, 4, 6, 6]
            .map(|s| metrics.may_complain(Second(s)))
            .into();
        assert_eq!(may, [true, false, false, true, false]);
    }
}
