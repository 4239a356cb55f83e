//! What every `/v4` command does: admit the caller, read the body, do its work, write the audit, answer.
//!
//! A command that changes something goes on to its end when the caller hangs up, and is in the audit before it is
//! answered; one that only looks ends with its caller.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use pushtally_model::AppId;

use crate::admission::{Administrator, admit};
use crate::audit::Deed;
use crate::body::read;
use crate::listen::Peer;
use crate::refusal::Refusal;
use crate::reply::answer;
use crate::{Command, State};

/// An admitted call with its body.
pub(crate) struct Call {
    /// What it may reach.
    pub(crate) state: Arc<State>,
    /// Who calls.
    pub(crate) caller: Administrator,
    /// The body, within the command's bound.
    pub(crate) body: Bytes,
}

impl Call {
    /// The app that is called.
    pub(crate) fn app(&self) -> AppId {
        self.caller.app.id
    }
}

/// What a call that changes something did.
pub(crate) struct Done {
    /// The reply, or why there is none although it is known what was asked for.
    pub(crate) reply: Result<Bytes, Refusal>,
    /// What the audit names: a TaskId, or nothing.
    pub(crate) target: String,
}

impl From<Vec<u8>> for Done {
    fn from(reply: Vec<u8>) -> Self {
        Self {
            reply: Ok(reply.into()),
            target: String::new(),
        }
    }
}

/// Serves a command that only looks.
pub(crate) async fn look<F>(
    state: &Arc<State>,
    command: Command,
    request: Request,
    work: impl FnOnce(Call) -> F,
) -> Response
where
    F: Future<Output = Result<Vec<u8>, Refusal>>,
{
    let reply = async {
        let (parts, body) = request.into_parts();
        let caller = admit(state, command, &parts)?;
        let body = read_body(state, command, body).await?;
        let state = Arc::clone(state);
        let call = Call {
            state,
            caller,
            body,
        };
        work(call).await.map(Bytes::from)
    };
    answer(state, command, reply).await
}

/// Serves a command that changes something. The work gets the body's SHA-256, which the audit has, too.
pub(crate) async fn change<F>(
    state: &Arc<State>,
    command: Command,
    request: Request,
    work: impl FnOnce(Call, [u8; 32]) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = Result<Done, Refusal>> + Send + 'static,
{
    let changed = act(Arc::clone(state), command, request, work);
    answer(state, command, to_the_end(changed)).await
}

async fn act<F>(
    state: Arc<State>,
    command: Command,
    request: Request,
    work: impl FnOnce(Call, [u8; 32]) -> F + Send,
) -> Result<Bytes, Refusal>
where
    F: Future<Output = Result<Done, Refusal>> + Send,
{
    let (parts, body) = request.into_parts();
    let caller = admit(&state, command, &parts)?;
    let app = caller.app.id;
    let mut deed = deed(&state, &caller, command, &parts);
    let done = match read_body(&state, command, body).await {
        Ok(body) => {
            let hash = deed.hash(&body);
            let call = Call {
                state: Arc::clone(&state),
                caller,
                body,
            };
            work(call, hash).await
        }
        Err(refusal) => Err(refusal),
    };
    let reply = done.and_then(|done| {
        deed.target = done.target;
        done.reply
    });
    if let Err(refusal) = &reply {
        deed.code = refusal.code().number();
    }
    if command.sends() {
        state.metrics.pushed(app, deed.what, reply.is_ok());
    }
    state.audit.record_call(deed).await;
    reply
}

/// The length of a push's body has a code of its own.
async fn read_body(state: &State, command: Command, body: Body) -> Result<Bytes, Refusal> {
    let read = read(body, command.body_len_max(), state.limits.body_read).await;
    read.map_err(|refusal| match (command, refusal) {
        (Command::Push, Refusal::BodyTooLong { len_max }) => Refusal::PushTooLong { len_max },
        (_, refusal) => refusal,
    })
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
fn deed(state: &State, caller: &Administrator, command: Command, parts: &Parts) -> Deed {
    Deed {
        who: caller.identifier.clone(),
        ..Deed::of_operator(origin(state, parts), caller.app.id, command.name())
    }
}

/// Goes on to the end when the caller hangs up: whatever is done is in the audit.
async fn to_the_end(
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
