//! `/v1/devices`: phones register, change and unregister. `docs/DEVICE-PROTOCOL.md` is the contract.
//!
//! Here is what the three calls share: the address is counted first, then the call is answered, counted and timed.

mod change;
mod json;
mod register;
mod row;

use std::sync::Arc;
use std::time::Instant;

use axum::extract;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use pushtally_audience::RegisterError;
use pushtally_model::RegistrationId;
use pushtally_store::StoreError;

pub use row::{RowError, read_device_row, write_device_row};

use crate::State;
use crate::cors::{open, preflight};
use crate::problem::{Methods, Problem};
use crate::reply::json;

/// What was done: its status, its body, and its name in the metrics.
struct Answer {
    status: StatusCode,
    body: Bytes,
    result: &'static str,
}

/// `POST /v1/devices`.
pub(crate) async fn handle_all(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    match *request.method() {
        Method::OPTIONS => preflight("POST"),
        Method::POST => {
            let reply = async {
                count_address(&state, &request)?;
                register::register(&state, request).await
            };
            answer(&state, "register", reply).await
        }
        _ => open(Problem::method(Methods::Post).into_response()),
    }
}

/// `PATCH` and `DELETE` of `/v1/devices/{registration_id}`.
pub(crate) async fn handle_one(
    state: extract::State<Arc<State>>,
    phone: Result<extract::Path<String>, PathRejection>,
    request: extract::Request,
) -> Response {
    match *request.method() {
        Method::OPTIONS => preflight("PATCH, DELETE"),
        Method::PATCH => {
            let reply = async {
                count_address(&state, &request)?;
                change::change(&state, &phone_of(phone)?, request).await
            };
            answer(&state, "change", reply).await
        }
        Method::DELETE => {
            let reply = async {
                count_address(&state, &request)?;
                change::unregister(&state, &phone_of(phone)?, request).await
            };
            answer(&state, "unregister", reply).await
        }
        _ => open(Problem::method(Methods::PatchOrDelete).into_response()),
    }
}

/// Before anything else is looked at: whoever guesses keys and secrets is counted too.
fn count_address(state: &State, request: &extract::Request) -> Result<(), Problem> {
    let limits = &state.limits;
    let client = limits
        .trusted_proxies
        .client(request.headers(), request.extensions());
    let taken = state
        .throttles
        .take_address(client, limits.registrations_per_address);
    taken.map_err(|wait_s| Problem::too_many("too many calls from this address", wait_s))
}

fn phone_of(
    phone: Result<extract::Path<String>, PathRejection>,
) -> Result<RegistrationId, Problem> {
    let wrong = |error: String| Problem::bad_request(error);
    let extract::Path(phone) = phone
        .map_err(|_| wrong("`registration_id` must be UTF-8".to_owned()).of("registration_id"))?;
    RegistrationId::new(phone.as_str())
        .map_err(|error| wrong(format!("`registration_id` {error}")).at("registration_id", &phone))
}

async fn answer(
    state: &State,
    call: &'static str,
    reply: impl Future<Output = Result<Answer, Problem>>,
) -> Response {
    let start = Instant::now();
    let reply = reply.await;
    let (result, response) = match reply {
        Ok(Answer {
            status,
            body,
            result,
        }) => (result, json(status, body)),
        Err(problem) => {
            tracing::debug!(call, code = problem.code, detail = %problem.detail, "refused");
            (problem.code, problem.into_response())
        }
    };
    state.metrics.device_call(call, result, start.elapsed());
    open(response)
}

/// A refusal by storage, told to the log unless it is overload, which shows in the metrics.
fn refused(state: &State, error: &StoreError) -> Problem {
    if !matches!(error, StoreError::Busy { .. }) && state.metrics.may_complain(state.clock.now()) {
        tracing::error!(%error, "storage refused a device's call");
    }
    Problem::from(error)
}

fn not_tried(state: &State, error: &RegisterError) -> Problem {
    match error {
        RegisterError::Store(error) => refused(state, error),
        RegisterError::Entropy(_) => {
            if state.metrics.may_complain(state.clock.now()) {
                tracing::error!(%error, "a phone could not be registered");
            }
            Problem::internal()
        }
    }
}
