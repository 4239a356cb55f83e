//! `POST /v4/timpush/push`: to every registered device. Answers after the task and its jobs are durable.
//!
//! The same under its older name `/v4/all_member_push/im_push`. Conditions come with a later release.

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use pushtally_model::{Audience, TaskKind};
use pushtally_wire::push::PushRequest;

use crate::admission::{Administrator, admit};
use crate::audit::Deed;
use crate::body::read;
use crate::limits::PUSH_BODY_LEN_MAX;
use crate::refusal::Refusal;
use crate::reply::answer;
use crate::sending::{self, Sent};
use crate::{Command, State};

const COMMAND: Command = Command::Push;

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    let work = push(Arc::clone(&state), request);
    answer(&state, COMMAND, sending::to_the_end(work)).await
}

async fn push(state: Arc<State>, request: extract::Request) -> Result<Bytes, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = admit(&state, COMMAND, &parts)?;
    let mut deed = sending::deed(&state, &caller, COMMAND, &parts);
    let sent = send(&state, &caller, body, &mut deed).await;
    sending::end(&state, &caller, deed, sent).await
}

async fn send(
    state: &State,
    caller: &Administrator,
    body: Body,
    deed: &mut Deed,
) -> Result<Sent, Refusal> {
    let body = read(body, PUSH_BODY_LEN_MAX, state.limits.body_read).await;
    let body = body.map_err(too_long)?;
    let hash = deed.hash(&body);
    let request = PushRequest::parse(&body)?;
    let push = sending::push(
        request,
        TaskKind::Broadcast,
        Audience::Everyone,
        caller,
        hash,
    );
    sending::accept(state, &caller.app, push, Vec::new()).await
}

/// The length of this command's body has a code of its own.
fn too_long(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::BodyTooLong { len_max } => Refusal::PushTooLong { len_max },
        other => other,
    }
}
