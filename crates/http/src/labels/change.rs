//! `set_attr`, `remove_attr`, `add_tag`, `remove_tag` and `clear_all_tags`: each account's change is done or not; those
//! that are not are listed with their reasons.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{Account, AccountKind, AttributeName, Labels};
use pushtally_store::{LabelChange, LabelsChanged};
use pushtally_wire::label::{
    self, AccountsRequest, AddTags, RemoveAttributes, RemoveTags, SetAttributes,
};
use pushtally_wire::{AccountError, Code};

use super::joined;
use crate::call::{Call, Done, change};
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn set_attr(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(&state, Command::SetAttr, request, async |call: Call, _| {
        let SetAttributes { entries } = SetAttributes::parse(&call.body)?;
        let names = entries.iter().flat_map(|(_, attributes)| attributes.keys());
        require_attributes(&call, names).await?;
        apply(&call, entries, LabelChange::SetAttributes).await
    })
    .await
}

pub(crate) async fn remove_attr(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(
        &state,
        Command::RemoveAttr,
        request,
        async |call: Call, _| {
            let RemoveAttributes { entries } = RemoveAttributes::parse(&call.body)?;
            let names = entries.iter().flat_map(|(_, names)| names);
            require_attributes(&call, names).await?;
            apply(&call, entries, LabelChange::RemoveAttributes).await
        },
    )
    .await
}

pub(crate) async fn add_tag(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(&state, Command::AddTag, request, async |call: Call, _| {
        let AddTags { replace, entries } = AddTags::parse(&call.body)?;
        let change = match replace {
            true => LabelChange::ReplaceTags,
            false => LabelChange::AddTags,
        };
        apply(&call, entries, change).await
    })
    .await
}

pub(crate) async fn remove_tag(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(
        &state,
        Command::RemoveTag,
        request,
        async |call: Call, _| {
            let RemoveTags { entries } = RemoveTags::parse(&call.body)?;
            apply(&call, entries, LabelChange::RemoveTags).await
        },
    )
    .await
}

pub(crate) async fn clear_all_tags(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(
        &state,
        Command::ClearAllTags,
        request,
        async |call: Call, _| {
            let AccountsRequest { names } = AccountsRequest::parse(&call.body)?;
            let entries = names.into_iter().map(|name| (name, ()));
            apply(&call, entries.collect(), |()| LabelChange::ClearTags).await
        },
    )
    .await
}

/// An attribute that the app has not named is a mistake of the whole call, before anything of it is done.
async fn require_attributes(
    call: &Call,
    names: impl Iterator<Item = &AttributeName>,
) -> Result<(), Refusal> {
    let known = call.state.accounts.attribute_names(call.app()).await?;
    for name in names {
        label::attribute_index(name, &known)?;
    }
    Ok(())
}

/// Does each account's change, in the order of the call.
async fn apply<T>(
    call: &Call,
    entries: Vec<(String, T)>,
    change: impl Fn(T) -> LabelChange,
) -> Result<Done, Refusal> {
    let (mut names, mut changes) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        if let Ok(account) = Account::new(name.as_str()) {
            changes.push((account, change(content)));
        }
        names.push(name);
    }
    let changed = call
        .state
        .accounts
        .change_labels(call.app(), &changes)
        .await?;
    let answers = joined(names.iter().map(String::as_str), changed);
    let errors: Vec<_> = answers
        .filter_map(|(name, changed)| error(name, changed))
        .collect();
    Ok(label::done(&errors).into())
}

fn error(account: &str, changed: Option<LabelsChanged>) -> Option<AccountError<'_>> {
    let (code, info) = match changed {
        Some(LabelsChanged::Done) => return None,
        None | Some(LabelsChanged::UnknownAccount) => return Some(AccountError::unknown(account)),
        Some(LabelsChanged::UnknownAttribute(name)) => (
            Code::AttributeBad,
            format!("the app has no attribute `{name}`"),
        ),
        Some(LabelsChanged::OtherKind { label, kind }) => {
            let kind = match kind {
                AccountKind::User => "0, UserID",
                AccountKind::Phone => "1, RegistrationID",
            };
            let info = format!("`{label}` fits accounts of type {kind}, only");
            (Code::OtherKind, info)
        }
        Some(LabelsChanged::TooManyTags { count }) => {
            let max = Labels::TAGS_MAX;
            let info = format!("the account would have `{count}` tags, more than `{max}`");
            (Code::TooManyTags, info)
        }
        Some(LabelsChanged::TooManyTagsOfApp) => {
            let max = Labels::TAGS_OF_APP_MAX;
            let info = format!("the app would have more than `{max}` different tags");
            (Code::TooManyTags, info)
        }
    };
    Some(AccountError {
        account,
        code,
        info: info.into(),
    })
}
