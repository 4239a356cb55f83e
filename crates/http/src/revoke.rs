//! `POST /v4/timpush/revoke`: a push, or a batch, is taken back. Answers after that is durable and nothing more is sent.

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use pushtally_model::TaskId;
use pushtally_store::Revoked;
use pushtally_wire::done;
use pushtally_wire::push::RevokeRequest;

use crate::admission::{Administrator, admit};
use crate::audit::Deed;
use crate::body::read;
use crate::limits::REVOKE_BODY_LEN_MAX;
use crate::refusal::Refusal;
use crate::reply::answer;
use crate::sending;
use crate::{Command, State};

const COMMAND: Command = Command::Revoke;

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    let work = revoke(Arc::clone(&state), request);
    answer(&state, COMMAND, sending::to_the_end(work)).await
}

async fn revoke(state: Arc<State>, request: extract::Request) -> Result<Bytes, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = admit(&state, COMMAND, &parts)?;
    let mut deed = sending::deed(&state, &caller, COMMAND, &parts);
    let revoked = take_back(&state, &caller, body, &mut deed).await;
    if let Err(refusal) = &revoked {
        deed.code = refusal.code().number();
    }
    state.audit.record_call(deed).await;
    revoked.map(|()| done().into())
}

async fn take_back(
    state: &State,
    caller: &Administrator,
    body: Body,
    deed: &mut Deed,
) -> Result<(), Refusal> {
    let body = read(body, REVOKE_BODY_LEN_MAX, state.limits.body_read).await?;
    deed.hash(&body);
    let RevokeRequest { task, instead } = RevokeRequest::parse(&body)?;
    let app = caller.app.id;
    // What cannot be a TaskId names no task, and is nothing to write down.
    let task = TaskId::new(task).map_err(|_| Refusal::TaskUnknown { app })?;
    deed.target = task.as_str().to_owned();
    match state.dispatch.revoke(app, &task, instead).await? {
        Revoked::Now(_) => Ok(()),
        Revoked::Before => Err(Refusal::RevokedBefore),
        Revoked::TooOld => Err(Refusal::TaskTooOld),
        Revoked::Unknown => Err(Refusal::TaskUnknown { app }),
    }
}
