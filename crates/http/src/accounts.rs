//! The commands on accounts, of `/v4/im_open_login_svc/`: import, look up, delete.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{Account, AccountKind};
use pushtally_store::AccountDeleted;
use pushtally_wire::account::{
    self, CheckRequest, DeleteRequest, ImportAllRequest, ImportRequest, Looked,
};

use crate::call::{Call, Done, change, look};
use crate::labels::{joined, possible};
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn import(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(
        &state,
        Command::AccountImport,
        request,
        async |call: Call, _| {
            let ImportRequest { account } = ImportRequest::parse(&call.body)?;
            make_known(&call, &[account]).await?;
            Ok(account::done().into())
        },
    )
    .await
}

pub(crate) async fn import_all(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(
        &state,
        Command::MultiaccountImport,
        request,
        async |call: Call, _| {
            let ImportAllRequest { accounts, failed } = ImportAllRequest::parse(&call.body)?;
            make_known(&call, &accounts).await?;
            Ok(account::imported(&failed).into())
        },
    )
    .await
}

async fn make_known(call: &Call, accounts: &[Account]) -> Result<(), Refusal> {
    let imported = call.state.accounts.import_accounts(call.app(), accounts);
    Ok(imported.await?)
}

pub(crate) async fn check(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(&state, Command::AccountCheck, request, look_up).await
}

/// An administrator is an account without having been imported.
async fn look_up(call: Call) -> Result<Vec<u8>, Refusal> {
    let CheckRequest { names } = CheckRequest::parse(&call.body)?;
    let names = || names.iter().map(String::as_str);
    let accounts = &call.state.accounts;
    let found = accounts.labels_of(call.app(), &possible(names())).await?;
    let administrators = &call.caller.app.administrators;
    let looked = joined(names(), found).map(|(name, found)| Looked {
        name,
        known: found
            .flatten()
            .is_some_and(|found| found.kind == AccountKind::User)
            || administrators
                .iter()
                .any(|administrator| administrator == name),
    });
    Ok(account::checked(&looked.collect::<Vec<_>>()))
}

pub(crate) async fn delete(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(&state, Command::AccountDelete, request, forget).await
}

/// The devices of a deleted account are registered no more, so their sessions end. Its traces go within the stated time.
async fn forget(call: Call, _: [u8; 32]) -> Result<Done, Refusal> {
    let DeleteRequest { names } = DeleteRequest::parse(&call.body)?;
    let names = || names.iter().map(String::as_str);
    let (forgettings, now) = (&call.state.forgettings, call.state.clock.now());
    let forgotten = forgettings
        .forget_accounts(call.app(), &possible(names()), now)
        .await?;
    let mut looked = Vec::new();
    for (name, deleted) in joined(names(), forgotten.accounts) {
        let gone = match deleted {
            Some(AccountDeleted::Done(numbers)) => Some(numbers),
            Some(AccountDeleted::Unknown) | None => None,
        };
        for number in gone.iter().flatten() {
            call.state.online.disconnect(call.app(), *number);
        }
        let known = gone.is_some();
        looked.push(Looked { name, known });
    }
    Ok(account::deleted(&looked).into())
}
