//! What dispatch says of itself, as metrics.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use pushtally_dispatch::Health;

use super::scrape::Unsigned;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabels {
    channel: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    channel: &'static str,
    loss: &'static str,
}

/// Registers the gauges of one moment.
pub(super) fn dispatch(health: &Health, registry: &mut Registry) {
    ends(health, registry);
    for (name, help, value) in [
        (
            "dispatch_failed",
            "1 when dispatch takes no job any more",
            u64::from(health.failed.is_some()),
        ),
        (
            "dispatch_tasks_open",
            "Tasks that have jobs left",
            health.tasks_open,
        ),
        ("dispatch_jobs_open", "Jobs that are left", health.jobs_open),
        (
            "dispatch_oldest_task_seconds",
            "Age of the oldest task that has jobs left",
            u64::from(health.oldest_job_age_s),
        ),
        (
            "dispatch_reopened",
            "Tasks that were done and had something pending at the start",
            health.reopened,
        ),
        (
            "dispatch_tokens_dropped",
            "Tokens dropped since the start because their vendor called them dead",
            health.dropped,
        ),
        (
            "dispatch_tokens_spared",
            "Tokens not dropped since the start although called dead, because too many were",
            health.spared,
        ),
        (
            "dispatch_unrecorded",
            "Sends since the start whose outcome could not be recorded",
            health.unrecorded,
        ),
    ] {
        let gauge = Unsigned::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
}

fn ends(health: &Health, registry: &mut Registry) {
    let planned = Family::<ChannelLabels, Unsigned>::default();
    let sent = Family::<ChannelLabels, Unsigned>::default();
    let lost = Family::<LossLabels, Unsigned>::default();
    let braked = Family::<ChannelLabels, Unsigned>::default();
    for (family, counts) in [
        (&planned, &health.planned),
        (&sent, &health.sent),
        (&braked, &health.braked),
    ] {
        for (channel, count) in counts {
            let channel = channel.name();
            family.get_or_create(&ChannelLabels { channel }).set(*count);
        }
    }
    for ((loss, channel), count) in &health.losses {
        let channel = channel.name();
        lost.get_or_create(&LossLabels { channel, loss })
            .set(*count);
    }
    registry.register(
        "dispatch_planned",
        "Devices planned since the start, by channel",
        planned,
    );
    registry.register(
        "dispatch_sent",
        "Devices sent to since the start, by channel",
        sent,
    );
    registry.register(
        "dispatch_brakes",
        "Lines (app, CertId) whose dead tokens are not dropped because too many die, by channel",
        braked,
    );
    registry.register(
        "dispatch_lost",
        "Devices lost before sending since the start, by channel and loss",
        lost,
    );
}
