//! `GET /v1/apps/{app}/tasks/{id}/trace?user=…`: what happened to a user's devices in a task. Never with tokens.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;
use serde_json::json;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::tasks::no_task;
use super::{Answer, Answered, app, given, storage};
use crate::State;
use crate::operations::{TaskTrace, task_trace};
use crate::problem::Problem;

pub(super) fn endpoint() -> Endpoint {
    let path = "/v1/apps/{app}/tasks/{id}/trace";
    let what = "What happened to a user's devices in a task, step by step.";
    let user = json!({ "type": "string", "minLength": 1 });
    Endpoint::get::<TaskTrace, _>(path, "traceTask", what, handle)
        .with([
            Parameter::app(),
            Parameter::task(),
            Parameter::query("user", "An account or a RegistrationID.", user).required(),
        ])
        .refusing(&[NOT_FOUND])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named((of, id)): Named<(String, String)>,
    parts: Parts,
) -> Answered<TaskTrace> {
    let user = user(&parts)?;
    let app = app(&state, &of)?;
    let trace = task_trace(state.trace_sources(), &app, &id, &user).await;
    let trace = trace.map_err(storage)?.ok_or_else(|| no_task(&id))?;
    Ok(Answer(trace))
}

/// The one parameter, once.
fn user(parts: &Parts) -> Result<String, Problem> {
    let users: Vec<_> = given(&parts.uri)
        .map(|(_, user)| user.into_owned())
        .collect();
    match <[String; 1]>::try_from(users) {
        Ok([user]) if !user.is_empty() => Ok(user),
        _ => {
            let detail = "`user` must be given once, and name an account or a RegistrationID";
            Err(Problem::bad_request(detail.to_owned()))
        }
    }
}
