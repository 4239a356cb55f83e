//! `PATCH` and `DELETE` of `/v1/devices/{registration_id}`: what a phone that shows its secret does to its device.

use std::sync::Arc;

use axum::extract;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use pushtally_audience::DeviceSecret;
use pushtally_model::{App, AppId, RegistrationId};
use pushtally_store::{Unregistered, Updated};

use super::json::Fields;
use super::{Answer, refused};
use crate::State;
use crate::device_call::{app_of, body_of, secret_of};
use crate::problem::Problem;

pub(super) async fn change(
    state: &State,
    phone: &RegistrationId,
    request: extract::Request,
) -> Result<Answer, Problem> {
    let (parts, body) = request.into_parts();
    let (app, secret) = (app_of(&parts.uri)?, shown(&parts)?);
    let body = body_of(state, body).await?;
    let change = Fields::parse(&body)?.facts()?.change()?;
    let app = admit(state, app, phone, &secret).await?;
    let updated = state.registrar.change(app.id, phone, &secret, &change);
    match updated.await.map_err(|error| refused(state, &error))? {
        Updated::Changed(_) => Ok(done(true)),
        Updated::Same(_) => Ok(done(false)),
        Updated::Nothing => Err(Problem::unregistered()),
        Updated::OtherSecret => Err(Problem::unauthorized()),
    }
}

pub(super) async fn unregister(
    state: &State,
    phone: &RegistrationId,
    request: extract::Request,
) -> Result<Answer, Problem> {
    let (parts, _) = request.into_parts();
    let (app, secret) = (app_of(&parts.uri)?, shown(&parts)?);
    let app = admit(state, app, phone, &secret).await?;
    let unregistered = state.registrar.unregister(app.id, phone, &secret);
    match unregistered.await.map_err(|error| refused(state, &error))? {
        Unregistered::Done(number) => {
            state.online.disconnect(app.id, number);
            Ok(done(true))
        }
        Unregistered::Nothing => Ok(done(false)),
        Unregistered::OtherSecret => Err(Problem::unauthorized()),
    }
}

fn shown(parts: &Parts) -> Result<DeviceSecret, Problem> {
    let secret = secret_of(&parts.headers)?;
    DeviceSecret::parse(secret.expose()).ok_or_else(Problem::unauthorized)
}

/// The app that is called. That its service is off is told only to a phone that it knows; whether the secret is right
/// is otherwise found out by the act itself.
async fn admit(
    state: &State,
    app: AppId,
    phone: &RegistrationId,
    secret: &DeviceSecret,
) -> Result<Arc<App>, Problem> {
    let app = state.directory.get(app).ok_or_else(Problem::unauthorized)?;
    if app.enabled {
        return Ok(app);
    }
    let known = state.registrar.is_secret_of(app.id, phone, secret).await;
    if known.map_err(|error| refused(state, &error))? {
        Err(Problem::disabled())
    } else {
        Err(Problem::unauthorized())
    }
}

fn done(changed: bool) -> Answer {
    let (body, result) = if changed {
        (&br#"{"changed":true}"#[..], "changed")
    } else {
        (&br#"{"changed":false}"#[..], "same")
    };
    Answer {
        status: StatusCode::OK,
        body: Bytes::from_static(body),
        result,
    }
}
