//! `GET /metrics`: the counters of the process, and gauges read now from the ledger, dispatch, the apps, the relays
//! and the webhooks.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::body::Body;
use axum::extract;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use pushtally_ledger::Counters;
use pushtally_model::{AppId, Kind};

use super::dispatch::dispatch;
use super::relays::relays;
use super::webhooks::webhooks;
use crate::State;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(super) type Unsigned = Gauge<u64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AppLabels {
    pub(super) app: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    app: u32,
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReportLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    code: u16,
}

pub(crate) async fn handle(state: extract::State<Arc<State>>) -> Response {
    let mut now = Registry::with_prefix("pushtally");
    ledger(&state, &mut now);
    dispatch(&state.dispatch.health(), &mut now);
    online(&state, &mut now);
    apps(&state, &mut now).await;
    relays(&state, &mut now).await;
    webhooks(&state.hooked.report(), &mut now);
    let mut page = String::new();
    let written = text::encode_registry(&mut page, &state.metrics.registry)
        .and_then(|()| text::encode_registry(&mut page, &now))
        .and_then(|()| text::encode_eof(&mut page));
    let mut response = Response::new(Body::from(page));
    if written.is_err() {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    response
}

fn ledger(state: &State, registry: &mut Registry) {
    let health = state.stats.health();
    let gauges = [
        (
            "ready",
            "1 when the server can do its work",
            u64::from(state.readiness().is_ok()),
        ),
        (
            "ledger_failed",
            "1 when the ledger accepts nothing more",
            u64::from(health.failed.is_some()),
        ),
        (
            "ledger_events_recorded",
            "Events recorded since the start, repeats included",
            health.events_recorded,
        ),
        (
            "ledger_commits",
            "Group commits since the start",
            health.commits,
        ),
        (
            "ledger_waiting_events",
            "Events waiting for a commit",
            health.waiting_events,
        ),
        (
            "ledger_page_bytes",
            "Bytes of pages in memory",
            health.page_bytes,
        ),
        ("ledger_pages", "Pages in memory", health.pages),
        (
            "ledger_cold_loads",
            "Pages read back from snapshots since the start",
            health.cold_loads,
        ),
        (
            "ledger_snapshots",
            "Snapshots since the start",
            health.snapshots,
        ),
    ];
    for (name, help, value) in gauges {
        let gauge = Unsigned::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
}

fn online(state: &State, registry: &mut Registry) {
    let health = state.online.health();
    let gauges = [
        ("sockets", "Open sockets", health.sockets),
        ("online_devices", "Connected devices", health.devices),
        (
            "socket_frames",
            "Frames that devices sent since the start",
            health.frames,
        ),
        (
            "socket_pushes",
            "Pushes that sockets took since the start",
            health.pushes,
        ),
        (
            "socket_redelivered",
            "Pushes sent again on connecting since the start",
            health.redelivered,
        ),
        (
            "socket_revocations",
            "Revocations handed to sockets since the start",
            health.revocations,
        ),
    ];
    for (name, help, value) in gauges {
        let gauge = Unsigned::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    let reports = Family::<ReportLabels, Unsigned>::default();
    for (result, count) in [
        ("recorded", health.reports_recorded),
        ("unknown", health.reports_unknown),
        ("clamped", health.reports_clamped),
        ("busy", health.reports_busy),
    ] {
        reports.get_or_create(&ReportLabels { result }).set(count);
    }
    registry.register(
        "reports",
        "Reports of devices since the start, by result; clamped ones are recorded too",
        reports,
    );
    let closes = Family::<CloseLabels, Unsigned>::default();
    for (code, count) in health.closes {
        closes.get_or_create(&CloseLabels { code }).set(count);
    }
    registry.register(
        "socket_closes",
        "Sockets closed since the start, by close code; 0 is those that the device closed",
        closes,
    );
}

/// What storage cannot tell at the moment is left out rather than shown as 0.
async fn apps(state: &State, registry: &mut Registry) {
    let outcomes = Family::<OutcomeLabels, Unsigned>::default();
    let devices = Family::<AppLabels, Unsigned>::default();
    for id in state.directory.all().keys() {
        for kind in Kind::ALL {
            if let Ok(counters) = state.stats.counters(*id, kind).await {
                outcome(&outcomes, *id, kind, &counters);
            }
        }
        if let Ok(count) = state.registrar.count(*id).await {
            devices.get_or_create(&AppLabels { app: id.0 }).set(count);
        }
    }
    registry.register(
        "app_events",
        "What became of recorded events, by app, kind and outcome",
        outcomes,
    );
    registry.register("app_devices", "Devices registered now, by app", devices);
}

fn outcome(
    outcomes: &Family<OutcomeLabels, Unsigned>,
    app: AppId,
    kind: Kind,
    counters: &Counters,
) {
    let &Counters {
        fresh,
        duplicate,
        too_late,
        unmatched,
        ended_before,
    } = counters;
    let kind = match kind {
        Kind::Push => "push",
        Kind::Message => "message",
    };
    for (outcome, count) in [
        ("fresh", fresh),
        ("duplicate", duplicate),
        ("too_late", too_late),
        ("unmatched", unmatched),
        ("ended_before", ended_before),
    ] {
        outcomes
            .get_or_create(&OutcomeLabels {
                app: app.0,
                kind,
                outcome,
            })
            .set(count);
    }
}
