//! `GET /v1/apps/{app}/latencies?task=&start=&end=`: percentiles of sent → delivered and delivered → clicked.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;

use super::as_of::{OUT_OF_REACH, refused};
use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::windowed::Windowed;
use super::{Answer, Answered, app};
use crate::State;
use crate::operations::{LatencyReport, latencies};

pub(super) fn endpoint() -> Endpoint {
    let what = "How long devices took from sent to delivered and from delivered to clicked: percentiles of tasks and of all of \
        them together, by route and channel. The window is of the later event's time.";
    let path = "/v1/apps/{app}/latencies";
    Endpoint::get::<LatencyReport, _>(path, "showLatencies", what, handle)
        .with([Parameter::app()])
        .with(Windowed::of_tasks())
        .refusing(&[NOT_FOUND, OUT_OF_REACH, (422, "too-many-devices")])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
) -> Answered<LatencyReport> {
    let asked = Windowed::parse_tasks(&parts)?;
    let window = asked.window()?;
    let app = app(&state, &of)?;
    let told = latencies(state.trace_sources(), &app, &asked.tasks, window).await;
    told.map(Answer).map_err(refused)
}
