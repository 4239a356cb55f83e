//! Which path goes where, on each listener.
//!
//! Routes take any method and refuse the wrong one themselves, so that the router never answers on its own.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;

use crate::{State, devices, events, health, metrics, reports, socket, statistics, unknown};

/// The public listener: backends, devices, and health without reasons.
pub fn public_router(state: Arc<State>) -> Router {
    Router::new()
        .route(
            "/v4/timpush/all_member_push_statistics",
            any(statistics::handle),
        )
        .route("/v1/events", any(events::handle))
        .route("/v1/devices", any(devices::handle_all))
        .route("/v1/devices/{registration_id}", any(devices::handle_one))
        .route("/v1/online", any(socket::handle))
        .route("/v1/reports", any(reports::handle))
        .route("/health/live", any(health::live))
        .route("/health/ready", any(health::ready))
        .fallback(unknown::handle)
        .with_state(state)
}

/// The operator listener: health with reasons, and metrics. Not to be reachable from outside.
pub fn operator_router(state: Arc<State>) -> Router {
    Router::new()
        .route("/health/live", any(health::live))
        .route("/health/ready", any(health::ready_operator))
        .route("/metrics", any(metrics::handle))
        .fallback(unknown::handle_operator)
        .with_state(state)
}
