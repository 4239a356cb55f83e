//! `POST /v1/apps/{app}/forget`: forgets accounts. `GET …/forgettings`: what became of it, newest first.

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use http::request::Parts;
use pushtally_model::{Account, AppId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING, WRITING};
use super::{Answer, Answered, Listed, app, deed, read_json, storage, to_the_end};
use crate::State;
use crate::audit::Deed;
use crate::operations::{
    FORGET_MAX, ForgetReport, ForgetSources, ForgettingPage, forget, forgetting_page,
};
use crate::problem::Problem;

/// Whom to forget.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Their names: UserIDs without control characters, counted in bytes.
    #[schemars(length(min = 1, max = FORGET_MAX), inner(length(min = 1, max = Account::LEN_MAX)))]
    accounts: Vec<String>,
    /// Erase everything before answering.
    #[serde(default)]
    now: bool,
}

pub(super) fn endpoints() -> [Endpoint; 2] {
    let what = "Forgets accounts: their names, devices, tokens, labels and texts. Counts stay.";
    let path = "/v1/apps/{app}/forget";
    let forget = Endpoint::post::<ForgetReport, _>(path, "forget", what, handle)
        .carrying::<Wanted>()
        .with([Parameter::app()])
        .refusing(&[NOT_FOUND, (413, "too-large")])
        .refusing(&WRITING);
    let what = "What became of forgetting, newest first.";
    let path = "/v1/apps/{app}/forgettings";
    let listed = Endpoint::get::<ForgettingPage, _>(path, "listForgettings", what, list)
        .with([Parameter::app(), Parameter::before(), Parameter::limit()])
        .refusing(&[NOT_FOUND])
        .refusing(&READING);
    [forget, listed]
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
    body: Body,
) -> Answered<ForgetReport> {
    let app = app(&state, &of)?.id;
    let wanted: Wanted = read_json(&state, body, "list of whom to forget").await?;
    let accounts = accounts(&wanted.accounts)?;
    // Neither names nor the hash of a body that holds nothing else: the audit outlives them.
    let deed = deed(&parts, app, "forget");
    to_the_end(run(Arc::clone(&state), app, accounts, wanted.now, deed)).await
}

async fn list(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
) -> Answered<ForgettingPage> {
    let Listed { before, limit, .. } = Listed::parse(&parts)?;
    let app = app(&state, &of)?.id;
    let page = forgetting_page(sources(&state), Some(app), before, limit).await;
    page.map(Answer).map_err(storage)
}

fn accounts(names: &[String]) -> Result<Vec<Account>, Problem> {
    let count = names.len();
    if !(1..=FORGET_MAX).contains(&count) {
        let detail = format!("`accounts` has `{count}` entries, it takes 1 to {FORGET_MAX}");
        return Err(Problem::bad_request(detail));
    }
    let read = names.iter().map(|name| {
        Account::new(name.as_str()).map_err(|error| {
            Problem::bad_request(format!("an entry of `accounts` is no account: {error}"))
                .at("accounts", name)
        })
    });
    read.collect()
}

async fn run(
    state: Arc<State>,
    app: AppId,
    accounts: Vec<Account>,
    now: bool,
    mut deed: Deed,
) -> Answered<ForgetReport> {
    let forgot = forget(sources(&state), app, &accounts, now).await;
    let (report, gone) = forgot.map_err(storage)?;
    for number in gone {
        state.online.disconnect(app, number);
    }
    let places = report.forgettings.iter().map(|row| row.place.to_string());
    deed.target = places.collect::<Vec<_>>().join(" ");
    state.audit.record(deed).await;
    Ok(Answer(report))
}

fn sources(state: &State) -> ForgetSources<'_> {
    ForgetSources {
        forgettings: &*state.forgettings,
        relays: &*state.relays,
        within_s: state.limits.forget_within_s,
        now: state.clock.now(),
    }
}
