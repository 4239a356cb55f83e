//! What `push` and `batch` have in common: who sends, handing over, the reply.

use pushtally_dispatch::Push;
use pushtally_model::{Audience, TaskKind};
use pushtally_store::StoredTask;
use pushtally_wire::push::{PushReply, PushRequest};

use crate::call::{Call, Done};
use crate::refusal::Refusal;

/// Hands a push over; `unknown` are the accounts that do not exist.
pub(crate) async fn send(
    call: &Call,
    request: PushRequest,
    kind: TaskKind,
    audience: Audience,
    body_hash: [u8; 32],
    unknown: &[String],
) -> Result<Done, Refusal> {
    let task = hand_over(call, push(call, request, kind, audience, body_hash)).await?;
    let id = &task.draft.id;
    Ok(Done {
        reply: Ok(PushReply::accepted(id, unknown).to_json().into()),
        target: id.as_str().to_owned(),
    })
}

/// Gives a push to dispatch.
pub(crate) async fn hand_over(call: &Call, push: Push) -> Result<StoredTask, Refusal> {
    let accepted = call.state.dispatch.accept(&call.caller.app, push).await;
    accepted.map_err(|error| Refusal::of_push(call.app(), error))
}

/// What a request asks for. Who calls is who sends, unless the request says otherwise.
pub(crate) fn push(
    call: &Call,
    request: PushRequest,
    kind: TaskKind,
    audience: Audience,
    body_hash: [u8; 32],
) -> Push {
    let PushRequest {
        selection: _,
        sender,
        random,
        data_id,
        notification,
        life_time_s,
    } = request;
    Push {
        kind,
        sender: sender.unwrap_or_else(|| call.caller.identifier.clone()),
        random,
        body_hash,
        data_id,
        audience,
        notification,
        life_time_s,
        on_unknown: None,
        id: None,
        message: None,
    }
}
