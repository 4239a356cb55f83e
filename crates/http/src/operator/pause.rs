//! `POST /v1/apps/{app}/pause` and `resume`: all tasks of an app, present and future ones.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, WRITING};
use super::{Answer, Answered, app, deed, storage, to_the_end};
use crate::State;

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
    parts: Parts,
) -> Answered<Paused> {
    to_the_end(set(Arc::clone(&state), of, parts, true, "app pause")).await
}

async fn resume(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
) -> Answered<Paused> {
    to_the_end(set(Arc::clone(&state), of, parts, false, "app resume")).await
}

async fn set(
    state: Arc<State>,
    of: String,
    parts: Parts,
    paused: bool,
    what: &'static str,
) -> Answered<Paused> {
    let app = app(&state, &of)?.id;
    let done = state.dispatch.set_app_paused(app, paused).await;
    done.map_err(storage)?;
    state.audit.record(deed(&parts, app, what)).await;
    Ok(Answer(Paused { app: app.0, paused }))
}
