//! `GET /v1/apps/{app}/losses?start=&end=&task=&family=&as_of=`: how many were lost, by stage, route, channel and code.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;

use super::as_of::{self, OUT_OF_REACH, numbers, refused};
use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::windowed::Windowed;
use super::{Answer, Answered, app};
use crate::State;
use crate::operations::{Losses, losses};

pub(super) fn endpoint() -> Endpoint {
    let what = "How many devices were lost, by stage, route, channel and code.";
    Endpoint::get::<Losses, _>("/v1/apps/{app}/losses", "showLosses", what, handle)
        .with([Parameter::app()])
        .with(Windowed::parameters())
        .with([as_of::parameter()])
        .refusing(&[NOT_FOUND, OUT_OF_REACH])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
) -> Answered<Losses> {
    let asked = Windowed::parse(&parts)?;
    let window = asked.window()?;
    let app = app(&state, &of)?;
    let numbers = numbers(&state, &app, asked.as_of_ms)?;
    let scopes = (asked.tasks.as_slice(), asked.family);
    let lost = losses(&*state.identities, numbers, app.id, scopes, window).await;
    lost.map(Answer).map_err(refused)
}
