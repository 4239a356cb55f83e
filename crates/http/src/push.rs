//! `POST /v4/timpush/push`: to every registered device, or to those that fit a condition. Answers after the task and its
//! jobs are durable.
//!
//! The same under its older name `/v4/all_member_push/im_push`.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{AttributeNames, Audience, TaskKind};
use pushtally_wire::push::{PushRequest, Selection};

use crate::call::{Call, Done, change};
use crate::refusal::Refusal;
use crate::{Command, State, sending};

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(&state, Command::Push, request, push).await
}

async fn push(call: Call, body_hash: [u8; 32]) -> Result<Done, Refusal> {
    let mut request = PushRequest::parse(&call.body)?;
    let audience = match request.selection.take() {
        None => Audience::Everyone,
        Some(selection) => fitting(&call, selection).await?,
    };
    sending::send(
        &call,
        request,
        TaskKind::Broadcast,
        audience,
        body_hash,
        &[],
    )
    .await
}

async fn fitting(call: &Call, selection: Selection) -> Result<Audience, Refusal> {
    let names = if selection.has_attributes() {
        call.state.accounts.attribute_names(call.app()).await?
    } else {
        AttributeNames::new()
    };
    let condition = selection.resolve(&names)?;
    Ok(Audience::Fitting(Box::new(condition)))
}
