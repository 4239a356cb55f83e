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
    let revoked = call.state.dispatch.revoke(app, &task, instead).await;
    let reply = match revoked.map_err(Refusal::from) {
        Ok(Revoked::Now(_)) => Ok(done().into()),
        Ok(Revoked::Before) => Err(Refusal::RevokedBefore),
        Ok(Revoked::TooOld) => Err(Refusal::TaskTooOld),
        Ok(Revoked::Unknown) => Err(Refusal::TaskUnknown { app }),
        Err(refusal) => Err(refusal),
    };
    Ok(Done {
        reply,
        target: task.as_str().to_owned(),
    })
}
