//! `GET /v1/apps/{app}/receipts`: of which channels it can be known what arrived.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::{answer, app, storage};
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

async fn handle(state: extract::State<Arc<State>>, Named(of): Named<String>) -> Response {
    answer(shown(&state, &of).await)
}

async fn shown(state: &State, of: &str) -> Result<Receipts, Problem> {
    let app = app(state, of)?;
    receipts(&state.receipts, &state.stats, &app)
        .await
        .map_err(storage)
}
