//! What `push` and `batch` have in common: who sends, writing the audit, the reply.

use bytes::Bytes;
use http::request::Parts;
use pushtally_dispatch::Push;
use pushtally_model::{App, Audience, TaskId, TaskKind};
use pushtally_wire::push::{PushReply, PushRequest};

use crate::admission::Administrator;
use crate::audit::Deed;
use crate::listen::Peer;
use crate::refusal::Refusal;
use crate::{Command, State};

/// What a sending command did.
pub(crate) struct Sent {
    /// The task.
    pub(crate) task: TaskId,
    /// The accounts that do not exist.
    pub(crate) unknown: Vec<String>,
}

/// Where a backend's call came from, as the audit names it: whom a trusted proxy names, else the peer.
fn origin(state: &State, parts: &Parts) -> String {
    if parts.extensions.get::<Peer>().is_none() {
        return Deed::UNKNOWN.to_owned();
    }
    let proxies = &state.limits.trusted_proxies;
    proxies
        .client(&parts.headers, &parts.extensions)
        .to_string()
}

/// The deed of an admitted call, still without an end.
pub(crate) fn deed(state: &State, caller: &Administrator, command: Command, parts: &Parts) -> Deed {
    Deed {
        who: caller.identifier.clone(),
        ..Deed::of_operator(origin(state, parts), caller.app.id, command.name())
    }
}

/// Goes on to the end when the caller hangs up: whatever is accepted is in the audit.
pub(crate) async fn to_the_end(
    work: impl Future<Output = Result<Bytes, Refusal>> + Send + 'static,
) -> Result<Bytes, Refusal> {
    match tokio::spawn(work).await {
        Ok(reply) => reply,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and this answer with it.
            Err(_) => Err(Refusal::BodyIncomplete),
        },
    }
}

/// Hands a push over.
pub(crate) async fn accept(
    state: &State,
    app: &App,
    push: Push,
    unknown: Vec<String>,
) -> Result<Sent, Refusal> {
    let accepted = state.dispatch.accept(app, push).await;
    let task = accepted.map_err(|error| Refusal::of_push(app.id, error))?;
    Ok(Sent {
        task: task.draft.id,
        unknown,
    })
}

/// A request as dispatch takes it. Who calls is who sends, unless the request says otherwise.
pub(crate) fn push(
    request: PushRequest,
    kind: TaskKind,
    audience: Audience,
    caller: &Administrator,
    body_hash: [u8; 32],
) -> Push {
    let PushRequest {
        sender,
        random,
        data_id,
        notification,
        life_time_s,
    } = request;
    Push {
        kind,
        sender: sender.unwrap_or_else(|| caller.identifier.clone()),
        random,
        body_hash,
        data_id,
        audience,
        notification,
        life_time_s,
    }
}

/// Writes the deed and counts it; then the reply.
pub(crate) async fn end(
    state: &State,
    caller: &Administrator,
    mut deed: Deed,
    sent: Result<Sent, Refusal>,
) -> Result<Bytes, Refusal> {
    state.metrics.pushed(caller.app.id, deed.what, sent.is_ok());
    match &sent {
        Ok(sent) => deed.target = sent.task.as_str().to_owned(),
        Err(refusal) => deed.code = refusal.code().number(),
    }
    state.audit.record_call(deed).await;
    let Sent { task, unknown } = sent?;
    Ok(PushReply::accepted(&task, &unknown).to_json().into())
}
