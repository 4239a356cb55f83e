//! `get_attr` and `get_tag`: what accounts are labelled with. Names that nobody has are listed apart.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::Labels;
use pushtally_wire::AccountError;
use pushtally_wire::label::{self, AccountsRequest};

use super::{joined, possible};
use crate::call::{self, Call};
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn get_attr(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    call::look(&state, Command::GetAttr, request, attributes).await
}

pub(crate) async fn get_tag(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    call::look(&state, Command::GetTag, request, tags).await
}

async fn attributes(call: Call) -> Result<Vec<u8>, Refusal> {
    let AccountsRequest { names } = AccountsRequest::parse(&call.body)?;
    let named = call.state.accounts.attribute_names(call.app()).await?;
    let (known, errors) = labels(&call, &names).await?;
    Ok(label::attributes_of(&known, &named, &errors))
}

async fn tags(call: Call) -> Result<Vec<u8>, Refusal> {
    let AccountsRequest { names } = AccountsRequest::parse(&call.body)?;
    let (known, errors) = labels(&call, &names).await?;
    Ok(label::tags_of(&known, &errors))
}

type Found<'a> = (Vec<(&'a str, Labels)>, Vec<AccountError<'a>>);

async fn labels<'a>(call: &Call, names: &'a [String]) -> Result<Found<'a>, Refusal> {
    let names = || names.iter().map(String::as_str);
    let accounts = possible(names());
    let found = call.state.accounts.labels_of(call.app(), &accounts).await?;
    let (mut known, mut errors) = (Vec::new(), Vec::new());
    for (name, labelled) in joined(names(), found) {
        match labelled.flatten() {
            Some(labelled) => known.push((name, labelled.labels)),
            None => errors.push(AccountError::unknown(name)),
        }
    }
    Ok((known, errors))
}
