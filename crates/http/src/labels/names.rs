//! `set_attr_name` and `get_attr_name`: what the app calls its attributes, and whom each fits.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_store::{AttributeNaming, NamesChanged};
use pushtally_wire::label::{self, SetNames};

use crate::call::{Call, Done, change, look};
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn set_attr_name(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    change(&state, Command::SetAttrName, request, set).await
}

async fn set(call: Call, _: [u8; 32]) -> Result<Done, Refusal> {
    let SetNames { names, kinds } = SetNames::parse(&call.body)?;
    let naming = AttributeNaming { names, kinds };
    let changed = call.state.accounts.name_attributes(call.app(), &naming);
    match changed.await? {
        NamesChanged::Done => Ok(label::done(&[]).into()),
        NamesChanged::Taken { name, by } => Err(Refusal::AttributeTaken { name, by }),
        NamesChanged::OtherKind { index, kind } => Err(Refusal::AttributeKind { index, kind }),
    }
}

pub(crate) async fn get_attr_name(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(&state, Command::GetAttrName, request, get).await
}

async fn get(call: Call) -> Result<Vec<u8>, Refusal> {
    label::check_empty(&call.body)?;
    let names = call.state.accounts.attribute_names(call.app()).await?;
    Ok(label::names(&names))
}
