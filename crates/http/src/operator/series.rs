//! `GET /v1/apps/{app}/series?start=&end=&step=&task=&family=&as_of=`: what happened from step to step, by route and channel.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;

use super::as_of::{self, OUT_OF_REACH, numbers, refused};
use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::windowed::Windowed;
use super::{Answer, Answered, app};
use crate::State;
use crate::limits::POINTS_MAX;
use crate::operations::{Series, series};
use crate::problem::Problem;

pub(super) fn endpoint() -> Endpoint {
    let what = "How many devices came how far from step to step, by route and channel. The series of an answer have at \
        most 1,500 points together, those without counts included.";
    Endpoint::get::<Series, _>("/v1/apps/{app}/series", "showSeries", what, handle)
        .with([Parameter::app(), Windowed::step_parameter()])
        .with(Windowed::parameters())
        .with([as_of::parameter()])
        .refusing(&[NOT_FOUND, OUT_OF_REACH])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
) -> Answered<Series> {
    let asked = Windowed::parse(&parts)?;
    let step = asked.step.ok_or_else(|| {
        Problem::bad_request("`step` must be given, in seconds from point to point").of("step")
    })?;
    let window = asked.window()?;
    let seconds = window.end().0 - window.start().0;
    let points = u64::from(seconds.div_ceil(step)) * asked.scopes() as u64;
    if points > POINTS_MAX {
        let detail = format!("that is {points} points, more than {POINTS_MAX}");
        return Err(Problem::bad_request(detail).at("step", &step.to_string()));
    }
    let app = app(&state, &of)?;
    let numbers = numbers(&state, &app, asked.as_of_ms)?;
    let scopes = (asked.tasks.as_slice(), asked.family);
    let counts = series(&*state.identities, numbers, app.id, scopes, (window, step)).await;
    counts.map(Answer).map_err(refused)
}
