//! `POST /v1/reports`: what became of pushes, from a device without a socket.
//!
//! Answers after the reports are durable. The phone is named in the body, so the body is read before the caller is known.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use pushtally_model::TaskId;
use pushtally_online::{Proof, parse_reports};
use serde::Serialize;

use crate::State;
use crate::cors::{open, preflight};
use crate::device_call::{app_of, body_of, secret_of};
use crate::problem::{Methods, Problem};
use crate::reply::json;

#[derive(Serialize)]
struct Reply<'a> {
    unknown: Vec<&'a str>,
}

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    if request.method() == Method::OPTIONS {
        return preflight("POST");
    }
    open(match reports(&state, request).await {
        Ok(body) => json(StatusCode::OK, body),
        Err(problem) => problem.into_response(),
    })
}

async fn reports(state: &State, request: extract::Request) -> Result<Bytes, Problem> {
    if request.method() != Method::POST {
        return Err(Problem::method(Methods::Post));
    }
    let app = app_of(request.uri())?;
    let proof = Proof::Secret(secret_of(request.headers())?);
    let body = body_of(state, request.into_body()).await?;
    let body = parse_reports(&body)?;
    let number = state.online.admit(app, &body.registration_id, &proof);
    let number = number.await?;
    let unknown = state.online.report(app, number, &body.reports);
    let unknown = unknown.await.map_err(|error| Problem::from(&error))?;
    let reply = Reply {
        unknown: unknown.iter().map(TaskId::as_str).collect(),
    };
    // Texts into memory: nothing of it can fail.
    Ok(serde_json::to_vec(&reply).unwrap_or_default().into())
}
