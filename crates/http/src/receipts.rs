//! `POST /v3/offline_push_report/{vendor}/{sdkappid}/{key}`: vendors' receipts.
//!
//! The key in the path is the app's: a vendor proves itself by nothing else, but Huawei and Meizu, whose signatures are checked
//! besides. Whoever has not got it learns nothing of what is here. Answers after what counts is durable and what is not ours
//! is queued for the system that it is of, with what the vendor wants to hear.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{self, Path};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use pushtally_model::{App, AppId, Channel};
use pushtally_receipt::{InboxError, RECEIPT_HEADERS, ReceiptError};
use pushtally_store::RelayLine;
use pushtally_webhook::Call;
use subtle::ConstantTimeEq as _;

use crate::State;
use crate::admission::query;
use crate::body::read;
use crate::events::content_type;
use crate::limits::RECEIPTS_BODY_LEN_MAX;
use crate::problem::{Methods, Problem};
use crate::refusal::Refusal;

/// The route, and what logs call it.
pub(crate) const PATH: &str = "/v3/offline_push_report/{vendor}/{sdkappid}/{key}";

/// Addresses that are nearly ones of receipts. A key may stand in them, so that nobody logs or repeats them.
pub(crate) const OTHER_PATHS: &str = "/v3/{*other}";

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    Path((vendor, sdkappid, key)): Path<(String, String, String)>,
    request: extract::Request,
) -> Response {
    match receipts(&state, (&vendor, &sdkappid, &key), request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// Whatever else begins as an address of receipts does.
pub(crate) async fn refuse() -> Response {
    nothing_here().into_response()
}

async fn receipts(
    state: &State,
    path: (&str, &str, &str),
    request: extract::Request,
) -> Result<Response, Problem> {
    let (channel, app) = addressed(state, path).ok_or_else(nothing_here)?;
    if request.method() != Method::POST {
        return Err(Problem::method(Methods::Post));
    }
    let (parts, body) = request.into_parts();
    let body = read(body, RECEIPTS_BODY_LEN_MAX, state.limits.body_read).await;
    let body = body.map_err(|refusal| match refusal {
        Refusal::BodyTooLong { len_max } => Problem::too_large(len_max),
        refusal => Problem::bad_request(refusal.to_string()),
    })?;
    let taken = state
        .receipts
        .take(&app, channel, &parts.headers, &body)
        .await;
    let relayed = state.receipts.relay_answer(app.id, channel);
    let (status, text) = match (taken, relayed) {
        (Ok(taken), relayed) => {
            state.metrics.receipted(channel, &taken);
            if relayed.is_some() && taken.has_foreign() {
                relay(state, RelayLine::Receipts(app.id, channel), &parts, &body).await?;
            }
            taken.answer
        }
        // It may be the other system's form, or signed for it: that system reads and checks as it always did.
        (Err(InboxError::Unreadable(error)), Some(answer)) => {
            complain(
                state,
                channel,
                &error,
                "a receipt cannot be read, it is passed on only",
            );
            state.metrics.receipt_unread(channel);
            relay(state, RelayLine::Receipts(app.id, channel), &parts, &body).await?;
            answer
        }
        (Err(error), _) => return Err(refusal(state, channel, &error)),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if text.starts_with('{') {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    Ok(response)
}

/// Queues the call, byte for byte, for the system that shares the vendor's address with us. What we count is durable by now,
/// and counts once however often the vendor repeats it.
async fn relay(state: &State, line: RelayLine, parts: &Parts, body: &Bytes) -> Result<(), Problem> {
    let header = |name: &&str| {
        let value = parts.headers.get(*name)?;
        Some(((*name).to_owned(), value.as_bytes().to_vec()))
    };
    let call = Call {
        query: query(&parts.uri).to_owned(),
        content_type: content_type(parts),
        headers: RECEIPT_HEADERS.iter().filter_map(header).collect(),
        body: body.clone(),
    };
    let pushed = state.relays.push(line, call.encode()).await;
    pushed.map_err(|error| Problem::from(&error))?;
    Ok(())
}

/// The vendor and the app of a path, if the app has this key.
fn addressed(state: &State, path: (&str, &str, &str)) -> Option<(Channel, Arc<App>)> {
    let (vendor, sdkappid, key) = path;
    let known = Channel::vendor(vendor).filter(|known| known.sends_receipts());
    let app = state.directory.get(AppId(sdkappid.parse().ok()?))?;
    let expected = app.receipts_key.as_ref()?.expose().as_bytes();
    let same = !expected.is_empty() && bool::from(expected.ct_eq(key.as_bytes()));
    known.filter(|_| same).map(|channel| (channel, app))
}

fn nothing_here() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "There is nothing here",
        "no such address of receipts",
    )
}

fn refusal(state: &State, channel: Channel, error: &InboxError) -> Problem {
    match error {
        InboxError::NoAccount => nothing_here(),
        InboxError::Unreadable(error) => {
            complain(state, channel, error, "a receipt was refused");
            Problem::bad_request(error.to_string())
        }
        InboxError::Store(error) => Problem::from(error),
    }
}

/// To the operator, and not with every call.
fn complain(state: &State, channel: Channel, error: &ReceiptError, what: &'static str) {
    if state.metrics.may_complain(state.clock.now()) {
        let channel = channel.name();
        tracing::warn!(channel, %error, "{what}");
    }
}
