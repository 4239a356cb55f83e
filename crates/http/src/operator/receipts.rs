//! `GET /v1/apps/{app}/receipts`: of which channels it can be known what arrived.

use std::sync::Arc;

use axum::extract;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::{Answer, Answered, app, storage};
use crate::State;
use crate::operations::{Receipts, receipts};

pub(super) fn endpoint() -> Endpoint {
    let what =
        "Of every vendor whether its receipts are impossible, not configured, or have been seen.";
    Endpoint::get::<Receipts, _>("/v1/apps/{app}/receipts", "showReceipts", what, handle)
        .with([Parameter::app()])
        .refusing(&[NOT_FOUND])
        .refusing(&READING)
}

async fn handle(state: extract::State<Arc<State>>, Named(of): Named<String>) -> Answered<Receipts> {
    let app = app(&state, &of)?;
    let shown = receipts(&state.receipts, &state.stats, &app).await;
    shown.map(Answer).map_err(storage)
}
