//! `POST /v1/apps/{app}/pause` and `resume`: all tasks of an app, present and future ones.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, WRITING};
use super::{answer, app, deed, storage, to_the_end};
use crate::State;
use crate::problem::Problem;

/// How an app is now.
#[derive(Debug, Serialize, JsonSchema)]
struct Paused {
    /// The SDKAppID.
    app: u32,
    /// Whether its tasks wait.
    paused: bool,
}

pub(super) fn endpoints() -> [Endpoint; 2] {
    let paused = "Holds all tasks of an app, those to come, too.";
    let resumed = "Lets them go on.";
    [
        Endpoint::post::<Paused, _>("/v1/apps/{app}/pause", "pauseApp", paused, pause),
        Endpoint::post::<Paused, _>("/v1/apps/{app}/resume", "resumeApp", resumed, resume),
    ]
    .map(|endpoint| {
        endpoint
            .with([Parameter::app()])
            .refusing(&[NOT_FOUND])
            .refusing(&WRITING)
    })
}

async fn pause(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    request: extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let work = set(Arc::clone(&state), of, parts, true, "app pause");
    answer(to_the_end(work).await)
}

async fn resume(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    request: extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let work = set(Arc::clone(&state), of, parts, false, "app resume");
    answer(to_the_end(work).await)
}

async fn set(
    state: Arc<State>,
    of: String,
    parts: Parts,
    paused: bool,
    what: &'static str,
) -> Result<Paused, Problem> {
    let app = app(&state, &of)?.id;
    let done = state.dispatch.set_app_paused(app, paused).await;
    done.map_err(storage)?;
    state.audit.record(deed(&parts, app, what)).await;
    Ok(Paused { app: app.0, paused })
}
