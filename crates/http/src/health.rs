//! `GET /health/live` and `/health/ready`: for whatever watches the process. Real HTTP statuses.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;

use crate::State;
use crate::reply::json;

/// The process answers.
pub(crate) async fn live() -> Response {
    json(StatusCode::OK, Bytes::from_static(br#"{"live":true}"#))
}

/// The server can do its work. On the public listener nobody is told why it cannot.
pub(crate) async fn ready(state: extract::State<Arc<State>>) -> Response {
    match state.readiness() {
        Ok(()) => json(StatusCode::OK, Bytes::from_static(br#"{"ready":true}"#)),
        Err(_) => json(
            StatusCode::SERVICE_UNAVAILABLE,
            Bytes::from_static(br#"{"ready":false}"#),
        ),
    }
}

/// The same for the operator, with the reason.
pub(crate) async fn ready_operator(state: extract::State<Arc<State>>) -> Response {
    match state.readiness() {
        Ok(()) => json(StatusCode::OK, Bytes::from_static(br#"{"ready":true}"#)),
        Err(reason) => {
            let body = serde_json::json!({ "ready": false, "reason": reason });
            json(StatusCode::SERVICE_UNAVAILABLE, body.to_string().into())
        }
    }
}
