//! `GET /v1/apps/{app}/brakes`: which brakes are on. `POST …/release`: has dead tokens dropped again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use http::request::Parts;
use pushtally_model::{AppId, Channel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter};
use super::{Answer, Answered, app, deed, read_json, to_the_end};
use crate::State;
use crate::audit::Deed;
use crate::operations::{Brakes, brakes, whole};
use crate::problem::Problem;

/// Which brakes to release.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of this channel.
    #[schemars(extend("enum" = Channel::VENDORS.map(Channel::name)))]
    channel: String,
    /// Of this CertId; of all when it is left out.
    #[serde(default, deserialize_with = "whole")]
    cert_id: Option<u32>,
}

/// What was released.
#[derive(Debug, Serialize, JsonSchema)]
struct Released {
    /// The SDKAppID.
    app: u32,
    /// How many brakes were on.
    released: usize,
}

pub(super) fn endpoints() -> [Endpoint; 2] {
    let what = "The brakes that are on: lines of which no token is dropped, because an unusual share of them was called dead.";
    let path = "/v1/apps/{app}/brakes";
    let list = Endpoint::get::<Brakes, _>(path, "listBrakes", what, list)
        .with([Parameter::app()])
        .refusing(&[NOT_FOUND]);
    let what = "Has dead tokens dropped on the lines of a channel whose brake is on, whatever their share, for as long as is configured.";
    let path = "/v1/apps/{app}/brakes/release";
    let release = Endpoint::post::<Released, _>(path, "releaseBrakes", what, release)
        .carrying::<Wanted>()
        .with([Parameter::app()])
        .refusing(&[NOT_FOUND, (413, "too-large")])
        .refusing(&[(503, "overloaded")]);
    [list, release]
}

async fn list(state: extract::State<Arc<State>>, Named(of): Named<String>) -> Answered<Brakes> {
    let app = app(&state, &of)?.id;
    Ok(Answer(brakes(&state.dispatch, app)))
}

async fn release(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
    body: Body,
) -> Answered<Released> {
    let app = app(&state, &of)?.id;
    let Wanted { channel, cert_id } = read_json(&state, body, "choice of brakes").await?;
    let vendor = Channel::vendor(&channel).ok_or_else(|| {
        let names = Channel::VENDORS.map(Channel::name).join(", ");
        Problem::bad_request(format!("`channel` must be one of {names}")).at("channel", &channel)
    })?;
    let mut deed = deed(&parts, app, "devices release");
    deed.target = channel;
    to_the_end(run(Arc::clone(&state), app, (vendor, cert_id), deed)).await
}

async fn run(
    state: Arc<State>,
    app: AppId,
    (channel, cert_id): (Channel, Option<u32>),
    deed: Deed,
) -> Answered<Released> {
    let released = state.dispatch.release_brakes(app, channel, cert_id);
    state.audit.record(deed).await;
    Ok(Answer(Released {
        app: app.0,
        released,
    }))
}
