//! `POST /v4/timpush/revoke`: a push, or a batch, is taken back. Answers after that is durable and nothing more is sent.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::TaskId;
use pushtally_store::Revoked;
use pushtally_wire::done;
use pushtally_wire::push::RevokeRequest;

use crate::call::{Call, Done, change};
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    let work = |call, _| take_back(call);
    change(&state, Command::Revoke, request, work).await
}

async fn take_back(call: Call) -> Result<Done, Refusal> {
    let RevokeRequest { task, instead } = RevokeRequest::parse(&call.body)?;
    let app = call.app();
    let task = TaskId::new(task).map_err(|_| Refusal::TaskUnknown { app })?;
    match call.state.dispatch.revoke(app, &task, instead).await? {
        Revoked::Now(_) => Ok(Done {
            reply: done().into(),
            target: task.as_str().to_owned(),
        }),
        Revoked::Before => Err(Refusal::RevokedBefore),
        Revoked::TooOld => Err(Refusal::TaskTooOld),
        Revoked::Unknown => Err(Refusal::TaskUnknown { app }),
    }
}
