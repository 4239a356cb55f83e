//! `POST /v4/timpush/batch`: to the devices of at most 500 accounts. Answers after the task and its job are durable.
//!
//! Accounts that do not exist are named in the answer; the others get the push.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use pushtally_model::{Account, AppId, Audience, TaskKind};
use pushtally_store::StoreError;
use pushtally_wire::push::BatchRequest;

use crate::admission::{Administrator, admit};
use crate::audit::Deed;
use crate::body::read;
use crate::limits::BATCH_BODY_LEN_MAX;
use crate::refusal::Refusal;
use crate::reply::answer;
use crate::sending::{self, Sent};
use crate::{Command, State};

const COMMAND: Command = Command::Batch;

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    let work = batch(Arc::clone(&state), request);
    answer(&state, COMMAND, sending::to_the_end(work)).await
}

async fn batch(state: Arc<State>, request: extract::Request) -> Result<Bytes, Refusal> {
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
    let body = read(body, BATCH_BODY_LEN_MAX, state.limits.body_read).await?;
    let hash = deed.hash(&body);
    let BatchRequest { push, names } = BatchRequest::parse(&body)?;
    let Sorted { known, unknown } = sort(&state.audience, caller.app.id, names).await?;
    if known.is_empty() {
        return Err(Refusal::NobodyKnown { names: unknown });
    }
    let audience = Audience::Accounts(known);
    let push = sending::push(push, TaskKind::Batch, audience, caller, hash);
    sending::accept(state, &caller.app, push, unknown).await
}

/// Names, those of somebody apart from those of nobody, each in their order.
pub(crate) struct Sorted {
    pub(crate) known: Vec<Account>,
    pub(crate) unknown: Vec<String>,
}

/// A name that no account can have is as unknown as one that none has.
pub(crate) async fn sort(
    audience: &pushtally_audience::Audience,
    app: AppId,
    names: Vec<String>,
) -> Result<Sorted, StoreError> {
    let possible = |name: &String| Account::new(name.as_str()).ok();
    let accounts: Vec<Account> = names.iter().filter_map(possible).collect();
    let nobody = audience.unknown(app, &accounts).await?;
    let nobody: HashSet<&str> = nobody.iter().map(Account::as_str).collect();
    let is_known = |name: &str| !nobody.contains(name);
    let unknown = names
        .iter()
        .filter(|name| possible(name).is_none() || !is_known(name))
        .cloned()
        .collect();
    let known = accounts
        .into_iter()
        .filter(|account| is_known(account.as_str()))
        .collect();
    Ok(Sorted { known, unknown })
}
