//! Which path goes where, on each listener.
//!
//! Routes take any method and refuse the wrong one themselves, so that the router never answers on its own.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;

use crate::{
    State, batch, devices, events, health, metrics, operator, push, reports, revoke, socket,
    statistics, unknown,
};

/// The public listener: backends, devices, and health without reasons.
pub fn public_router(state: Arc<State>) -> Router {
    Router::new()
        .route("/v4/timpush/push", any(push::handle))
        .route("/v4/all_member_push/im_push", any(push::handle))
        .route("/v4/timpush/batch", any(batch::handle))
        .route("/v4/timpush/revoke", any(revoke::handle))
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

/// The operator listener: tasks, the audit, health with reasons, and metrics. Not to be reachable from outside.
pub fn operator_router(state: Arc<State>) -> Router {
    Router::new()
        .route("/health/live", any(health::live))
        .route("/health/ready", any(health::ready_operator))
        .route("/metrics", any(metrics::handle))
        .route("/v1/audit", any(operator::audit::list))
        .route("/v1/apps/{app}/push", any(operator::push::handle))
        .route("/v1/apps/{app}/pause", any(operator::pause::pause))
        .route("/v1/apps/{app}/resume", any(operator::pause::resume))
        .route("/v1/apps/{app}/tasks", any(operator::tasks::list))
        .route("/v1/apps/{app}/tasks/{id}", any(operator::tasks::show))
        .route(
            "/v1/apps/{app}/tasks/{id}/pause",
            any(operator::tasks::pause),
        )
        .route(
            "/v1/apps/{app}/tasks/{id}/resume",
            any(operator::tasks::resume),
        )
        .route(
            "/v1/apps/{app}/tasks/{id}/cancel",
            any(operator::tasks::cancel),
        )
        .fallback(unknown::handle_operator)
        .with_state(state)
}
