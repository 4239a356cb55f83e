//! `POST /v4/timpush/batch`: to the devices of at most 500 accounts. Answers after the task and its job are durable.
//!
//! Accounts that do not exist are named in the answer; the others get the push.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{Account, AppId, Audience, TaskKind};
use pushtally_store::StoreError;
use pushtally_wire::push::BatchRequest;

use crate::call::{Call, Done, change};
use crate::refusal::Refusal;
use crate::{Command, State, sending};

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(&state, Command::Batch, request, batch).await
}

async fn batch(call: Call, body_hash: [u8; 32]) -> Result<Done, Refusal> {
    let BatchRequest { push, names } = BatchRequest::parse(&call.body)?;
    let Sorted { known, unknown } = sort(&call.state.audience, call.app(), names).await?;
    if known.is_empty() {
        return Err(Refusal::NobodyKnown { names: unknown });
    }
    let audience = Audience::Accounts(known);
    sending::send(&call, push, TaskKind::Batch, audience, body_hash, &unknown).await
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
