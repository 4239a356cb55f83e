//! `GET /v1/apps/{app}/devices/{registration_id}/history` and `…/accounts/{account}/history`: what counted of a device, or of
//! all of an account's, over all tasks, newest first. Never with tokens.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;
use pushtally_ledger::HistoryPlace;
use pushtally_model::{Account, RegistrationId};
use serde_json::json;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::span::{self, Span};
use super::{Answer, Answered, app, given, storage};
use crate::State;
use crate::limits::ROWS;
use crate::operations::{HistoryAsked, HistoryPage, Whose, history, read_place};
use crate::problem::Problem;

pub(super) fn endpoints() -> [Endpoint; 2] {
    let path = "/v1/apps/{app}/devices/{registration_id}/history";
    let what = "What counted of the device that is registered on a phone, over all tasks, newest first by its own time. Nothing of \
        whom the app does not know.";
    let of_device = Endpoint::get::<HistoryPage, _>(path, "showDeviceHistory", what, of_device)
        .with([named("registration_id", "The phone's RegistrationID.")]);
    let path = "/v1/apps/{app}/accounts/{account}/history";
    let what = "What counted of the devices that are signed in to an account and of its recipients in imported tasks, over all \
        tasks, newest first by its own time. Nothing of whom the app does not know.";
    let of_account = Endpoint::get::<HistoryPage, _>(path, "showAccountHistory", what, of_account)
        .with([named("account", "The account.")]);
    [of_device, of_account].map(|endpoint| {
        endpoint
            .with([Parameter::app()])
            .with(parameters())
            .refusing(&[NOT_FOUND])
            .refusing(&READING)
    })
}

/// A name in the path.
fn named(name: &'static str, description: &'static str) -> Parameter {
    let schema = json!({ "type": "string", "minLength": 1 });
    Parameter {
        in_path: true,
        ..Parameter::query(name, description, schema).required()
    }
}

fn parameters() -> [Parameter; 4] {
    let place = json!({ "type": "string", "minLength": 1 });
    let before = "Only what is before this place: `next` of the page before.";
    let [start, end] = Span::parameters(
        "The first Unix second of an event.",
        "The first one that is none any more: after `start`.",
    );
    [
        start,
        end,
        Parameter::query("before", before, place),
        Parameter::limit(),
    ]
}

async fn of_device(
    state: extract::State<Arc<State>>,
    Named((of, id)): Named<(String, String)>,
    parts: Parts,
) -> Answered<HistoryPage> {
    let whose = RegistrationId::new(id.clone()).map(Whose::Phone);
    let whose = whose.map_err(|_| no_name("registration_id", "a RegistrationID", &id))?;
    tell(&state, &of, &whose, &parts).await
}

async fn of_account(
    state: extract::State<Arc<State>>,
    Named((of, account)): Named<(String, String)>,
    parts: Parts,
) -> Answered<HistoryPage> {
    let whose = Account::new(account.as_str()).map(Whose::Account);
    let whose = whose.map_err(|_| no_name("account", "an account", &account))?;
    tell(&state, &of, &whose, &parts).await
}

fn no_name(field: &'static str, what: &str, value: &str) -> Problem {
    Problem::bad_request(format!("`{field}` must be {what}")).at(field, value)
}

async fn tell(state: &State, of: &str, whose: &Whose, parts: &Parts) -> Answered<HistoryPage> {
    let asked = parse(parts)?;
    let app = app(state, of)?;
    let page = history(state.trace_sources(), &app, whose, asked).await;
    page.map(Answer).map_err(storage)
}

fn parse(parts: &Parts) -> Result<HistoryAsked, Problem> {
    let mut span = Span::default();
    let (mut before, mut limit): (Option<HistoryPlace>, _) = (None, ROWS);
    for (name, value) in given(&parts.uri) {
        match name.as_ref() {
            _ if span.take(&name, &value)? => {}
            "before" => {
                let place = read_place(&value);
                let place =
                    place.map_err(|_| span::wrong(&name, &value, "`next` of the page before"));
                before = Some(place?);
            }
            span::LIMIT => limit = span::limit(&value)?,
            _ => {}
        }
    }
    Ok(HistoryAsked {
        window: span.window()?,
        before,
        limit,
    })
}
