//! Which path goes where, on each listener.
//!
//! Routes take any method and refuse the wrong one themselves, so that the router never answers on its own.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::any;

use crate::operators::guard;
use crate::{
    State, accounts, batch, devices, events, health, labels, losses, message_push, messages,
    metrics, operator, push, receipts, reports, revoke, socket, statistics, traces, unknown,
};

/// The public listener: backends, devices, and health without reasons.
pub fn public_router(state: Arc<State>) -> Router {
    Router::new()
        .route("/v4/timpush/push", any(push::handle))
        .route("/v4/all_member_push/im_push", any(push::handle))
        .route("/v4/timpush/batch", any(batch::handle))
        .merge(labels_router("/v4/timpush/", "clear_all_tags"))
        .merge(labels_router("/v4/all_member_push/im_", "remove_all_tags"))
        .merge(accounts_router())
        .route("/v4/timpush/revoke", any(revoke::handle))
        .route(
            "/v4/timpush/all_member_push_statistics",
            any(statistics::handle),
        )
        .route("/v4/timpush/all_member_push_loss", any(losses::handle))
        .route(
            "/v4/timpush/normal_push_statistics",
            any(messages::handle_statistics),
        )
        .route("/v4/timpush/normal_push_loss", any(messages::handle_losses))
        .route(
            "/v4/timpush/all_member_push_trace",
            any(traces::handle_task),
        )
        .route("/v4/timpush/normal_push_trace", any(traces::handle_push))
        .route(receipts::PATH, any(receipts::handle))
        .route(receipts::OTHER_PATHS, any(receipts::refuse))
        .route("/v1/message-push", any(message_push::handle))
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

/// Tags and attributes: under the documented names, and under those of the service that was before.
fn labels_router(prefix: &str, clear: &str) -> Router<Arc<State>> {
    let path = |command: &str| format!("{prefix}{command}");
    Router::new()
        .route(&path("set_attr_name"), any(labels::set_attr_name))
        .route(&path("get_attr_name"), any(labels::get_attr_name))
        .route(&path("set_attr"), any(labels::set_attr))
        .route(&path("get_attr"), any(labels::get_attr))
        .route(&path("remove_attr"), any(labels::remove_attr))
        .route(&path("add_tag"), any(labels::add_tag))
        .route(&path("get_tag"), any(labels::get_tag))
        .route(&path("remove_tag"), any(labels::remove_tag))
        .route(&path(clear), any(labels::clear_all_tags))
}

fn accounts_router() -> Router<Arc<State>> {
    let path = |command: &str| format!("/v4/im_open_login_svc/{command}");
    Router::new()
        .route(&path("account_import"), any(accounts::import))
        .route(&path("multiaccount_import"), any(accounts::import_all))
        .route(&path("account_check"), any(accounts::check))
        .route(&path("account_delete"), any(accounts::delete))
}

/// The operator listener: tasks, the audit, health with reasons, and metrics. Not to be reachable from outside.
pub fn operator_router(state: Arc<State>) -> Router {
    let mut router = Router::new()
        .route("/health/live", any(health::live))
        .route("/health/ready", any(health::ready_operator))
        .route("/metrics", any(metrics::handle));
    for endpoint in operator::endpoints() {
        let fit = from_fn_with_state(operator::Fit::of(&endpoint), operator::fit);
        let guard = from_fn_with_state((state.operators.clone(), endpoint.role), guard);
        router = router.route(endpoint.path, endpoint.route.layer(fit).layer(guard));
    }
    router.fallback(unknown::handle_operator).with_state(state)
}
