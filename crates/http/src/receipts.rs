//! `POST /v3/offline_push_report/{vendor}/{sdkappid}/{key}`: vendors' receipts.
//!
//! The key in the path is the app's: a vendor proves itself by nothing else, but Huawei and Meizu, whose signatures are checked
//! besides. Whoever has not got it learns nothing of what is here. Answers after what counts is durable, with what the
//! vendor wants to hear.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{self, Path};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use pushtally_model::{App, AppId, Channel};
use pushtally_receipt::InboxError;
use subtle::ConstantTimeEq as _;

use crate::State;
use crate::body::read;
use crate::limits::RECEIPTS_BODY_LEN_MAX;
use crate::problem::Problem;
use crate::refusal::Refusal;

/// The route, and what logs call it.
pub(crate) const PATH: &str = "/v3/offline_push_report/{vendor}/{sdkappid}/{key}";

/// Addresses that are nearly ones of receipts. A key may stand in them, so that nobody logs or repeats them.
pub(crate) const OTHER_PATHS: &str = "/v3/{*other}";

/// Apple and Google send none: what their phones got is known from the app's reports only.
const WITHOUT_RECEIPTS: [Channel; 2] = [Channel::Apns, Channel::Fcm];

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
        return Err(Problem::method("POST"));
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
        .await
        .map_err(|error| refusal(state, channel, &error))?;
    state.metrics.receipted(channel, &taken);
    let (status, text) = taken.answer;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if text.starts_with('{') {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    Ok(response)
}

/// The vendor and the app of a path, if the app has this key.
fn addressed(state: &State, path: (&str, &str, &str)) -> Option<(Channel, Arc<App>)> {
    let (vendor, sdkappid, key) = path;
    let known = Channel::vendor(vendor).filter(|known| !WITHOUT_RECEIPTS.contains(known));
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
            if state.metrics.may_complain(state.clock.now()) {
                let channel = channel.name();
                tracing::warn!(channel, %error, "a receipt was refused");
            }
            Problem::bad_request(error.to_string())
        }
        InboxError::Store(error) => Problem::from(error),
    }
}
