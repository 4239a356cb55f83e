//! `GET /v1/apps/{app}/receipts`: of which channels it can be known what arrived.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use http::request::Parts;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::{answer, app, require_get, storage};
use crate::State;
use crate::operations::{Receipts, receipts};
use crate::problem::Problem;

pub(super) fn endpoint() -> Endpoint {
    let what =
        "Of every vendor whether its receipts are impossible, not configured, or have been seen.";
    Endpoint::get::<Receipts, _>("/v1/apps/{app}/receipts", "showReceipts", what, handle)
        .with([Parameter::app()])
        .refusing(&[NOT_FOUND])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    request: extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    answer(shown(&state, &of, &parts).await)
}

async fn shown(state: &State, of: &str, parts: &Parts) -> Result<Receipts, Problem> {
    require_get(parts)?;
    let app = app(state, of)?;
    receipts(&state.receipts, &state.stats, &app)
        .await
        .map_err(storage)
}
