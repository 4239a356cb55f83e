//! `POST /v1/message-push`: a chat backend's message to the devices of at most 500 accounts. It counts in the `normal_*`
//! family, and is idempotent by its PushID. Answers after the task and its job are durable.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{Audience, TaskKind};
use pushtally_wire::push::{MessagePushReply, MessagePushRequest};

use crate::batch::{Sorted, sort};
use crate::call::{Call, Done, change};
use crate::refusal::Refusal;
use crate::{Command, State, sending};

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(&state, Command::MessagePush, request, message_push).await
}

async fn message_push(call: Call, body_hash: [u8; 32]) -> Result<Done, Refusal> {
    let MessagePushRequest {
        push,
        names,
        id,
        message,
    } = MessagePushRequest::parse(&call.body)?;
    let Sorted { known, unknown } = sort(&call.state.audience, call.app(), names).await?;
    if known.is_empty() {
        return Err(Refusal::NobodyKnown { names: unknown });
    }
    let audience = Audience::Accounts(known);
    let mut push = sending::push(&call, push, TaskKind::Message, audience, body_hash);
    push.id = id;
    push.message = Some(Box::new(message));
    let task = sending::hand_over(&call, push).await?;
    let id = &task.draft.id;
    Ok(Done {
        reply: Ok(MessagePushReply::accepted(id, &unknown).to_json().into()),
        target: id.as_str().to_owned(),
    })
}
