//! `POST /v1/devices`: a phone registers, or says again what it is.
//!
//! App and client key come first, then the fields, then the account's proof. An app that does not exist, a wrong
//! client key, a wrong secret and a wrong UserSig are one and the same answer.

use std::sync::Arc;

use axum::extract;
use http::StatusCode;
use pushtally_audience::{Enrolled, Enrolment};
use pushtally_model::{Account, App, AppId, RegistrationId, Secret};
use pushtally_usersig as usersig;
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use super::json::{Fields, Names, hidden, missing};
use super::{Answer, not_tried};
use crate::State;
use crate::device_call::{app_of, body_of};
use crate::problem::Problem;

#[derive(Serialize)]
struct Reply<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    new: bool,
}

pub(super) async fn register(state: &State, request: extract::Request) -> Result<Answer, Problem> {
    let app = app_of(request.uri())?;
    let body = body_of(state, request.into_body()).await?;
    let fields = Fields::parse(&body)?;
    let app = admit(state, app, &fields)?;
    let enrolment = enrolment(state, &app, &fields)?;
    let enrolled = state.registrar.register(&app, enrolment).await;
    match enrolled.map_err(|error| not_tried(state, &error))? {
        Enrolled::New {
            registration_id,
            secret,
            replaced,
            ..
        } => {
            if let Some(replaced) = replaced {
                state.online.disconnect(app.id, replaced);
            }
            let secret = secret.as_ref().map(Secret::expose);
            Ok(reply(&registration_id, secret, "new"))
        }
        Enrolled::Known {
            registration_id,
            changed,
            secret,
            ..
        } => {
            let result = if changed { "changed" } else { "same" };
            let secret = secret.as_ref().map(Secret::expose);
            Ok(reply(&registration_id, secret, result))
        }
        Enrolled::OtherSecret => Err(Problem::unauthorized()),
        Enrolled::Full => Err(Problem::full()),
    }
}

fn reply(registration_id: &RegistrationId, secret: Option<&str>, result: &'static str) -> Answer {
    let new = result == "new";
    let reply = Reply {
        registration_id: registration_id.as_str(),
        secret,
        new,
    };
    Answer {
        status: if new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        },
        // Texts into memory: nothing of it can fail.
        body: serde_json::to_vec(&reply).unwrap_or_default().into(),
        result,
    }
}

/// The app, if the caller has its client key and it may register phones now.
fn admit(state: &State, app: AppId, fields: &Fields<'_>) -> Result<Arc<App>, Problem> {
    let shown = hidden(|| "client_key".to_owned(), fields.client_key)?
        .ok_or_else(|| missing("client_key"))?;
    let app = state.directory.get(app);
    let key = app.as_ref().and_then(|app| app.client_key.as_ref());
    let expected = key.map(Secret::expose).unwrap_or_default();
    let equal = bool::from(expected.as_bytes().ct_eq(shown.expose().as_bytes()));
    match app {
        // An empty key is a gap in the settings: everybody would have it.
        Some(app) if equal && !expected.is_empty() => {
            if !app.enabled {
                return Err(Problem::disabled());
            }
            let taken = state.throttles.take_app(&app);
            taken.map_err(|wait_s| {
                Problem::too_many("too many registrations of this app", wait_s)
            })?;
            Ok(app)
        }
        _ => Err(Problem::unauthorized()),
    }
}

/// What is asked for, with the account only if it is proved.
fn enrolment(state: &State, app: &App, fields: &Fields<'_>) -> Result<Enrolment, Problem> {
    let names = Names::read(fields)?;
    let proof = hidden(|| "usersig".to_owned(), fields.usersig)?;
    let enrolment = Enrolment {
        registration_id: names.registration_id,
        secret: names.secret,
        account: names.account,
        facts: fields.facts()?.facts()?,
    };
    match (&enrolment.account, &proof) {
        (Some(account), Some(proof)) => require_signed(state, app, account, proof)?,
        (Some(_), None) => return Err(missing("usersig")),
        (None, Some(_)) => return Err(missing("account")),
        (None, None) => {}
    }
    Ok(enrolment)
}

fn require_signed(
    state: &State,
    app: &App,
    account: &Account,
    proof: &Secret,
) -> Result<(), Problem> {
    let keys: Vec<&str> = app.keys.iter().map(Secret::expose).collect();
    let request = usersig::Request {
        sdkappid: app.id.0,
        identifier: account.as_str(),
        now_s: state.clock.now().0.into(),
    };
    match usersig::check(proof.expose(), &keys, &request) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::unauthorized()),
    }
}
