//! Every answer of the public endpoints: HTTP 200 with JSON, counted, timed and, when refused, told to the log.

use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use pushtally_store::StoreError;
use pushtally_wire::{Code, failure, push};

use crate::refusal::Refusal;
use crate::{Command, State};

/// Waits for a command's reply and turns it, or its refusal, into the answer.
pub(crate) async fn answer(
    state: &State,
    command: Command,
    reply: impl Future<Output = Result<Bytes, Refusal>>,
) -> Response {
    let start = Instant::now();
    let reply = reply.await;
    let (code, body) = match reply {
        Ok(body) => (Code::Ok, body),
        Err(refusal) => {
            let code = refusal.code();
            if let Refusal::Store(error) = &refusal {
                complain(state, command, error);
            }
            tracing::debug!(command = command.name(), code = code.number(), %refusal, "refused");
            (code, Bytes::from(refused(command, &refusal)))
        }
    };
    let took = start.elapsed();
    state.metrics.answered(command, code, took);
    tracing::debug!(
        command = command.name(),
        code = code.number(),
        us = took.as_micros() as u64,
        "answered"
    );
    json(StatusCode::OK, body)
}

/// A refusal's body: that of the sending commands has a TaskId, which is empty.
fn refused(command: Command, refusal: &Refusal) -> Vec<u8> {
    let (code, info) = (refusal.code(), refusal.to_string());
    match (command, refusal) {
        (Command::MessagePush, Refusal::NobodyKnown { names }) => {
            push::MessagePushReply::nobody(&info, names).to_json()
        }
        (_, Refusal::NobodyKnown { names }) => push::nobody(&info, names),
        (Command::Push | Command::Batch, _) => push::failure(code, &info),
        _ => failure(code, &info),
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A storage error refuses every request at once, so it is told at most once a second. Overload is no fault of
/// storage: it shows in the metrics.
fn complain(state: &State, command: Command, error: &StoreError) {
    if !matches!(error, StoreError::Busy { .. }) && state.metrics.may_complain(state.clock.now()) {
        tracing::error!(command = command.name(), %error, "storage refused a request");
    }
}
