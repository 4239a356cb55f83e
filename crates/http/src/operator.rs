//! The operator's calls under `/v1`: what they have in common. Who may call is `operators'`.
//!
//! Answers are JSON with real statuses, refusals `application/problem+json`.

mod as_of;
mod audit;
mod brakes;
mod endpoint;
mod estimate;
mod export;
mod forget;
mod history;
mod latencies;
mod live;
mod losses;
pub(crate) mod openapi;
mod pause;
mod push;
mod reach;
mod receipts;
mod search;
mod series;
mod span;
mod tagged;
mod tasks;
mod trace;
mod windowed;

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
use pushtally_model::{App, AppId};
use pushtally_store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::State;
use crate::audit::Deed;
use crate::body::read;
use crate::limits::{OPERATOR_BODY_LEN_MAX, ROWS};
use crate::listen::Peer;
use crate::operators::Known;
use crate::problem::{Methods, Problem};
use crate::refusal::Refusal;
use crate::reply::json;
use endpoint::Endpoint;

/// Every endpoint, in the order of the document.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        openapi::endpoint(),
        audit::endpoint(),
        push::endpoint(),
        estimate::endpoint(),
        trace::endpoint(),
        live::endpoint(),
        export::endpoint(),
        series::endpoint(),
        losses::endpoint(),
        reach::endpoint(),
        latencies::endpoint(),
        receipts::endpoint(),
    ];
    endpoints.extend(brakes::endpoints());
    endpoints.extend(pause::endpoints());
    endpoints.extend(tasks::endpoints());
    endpoints.extend(forget::endpoints());
    endpoints.extend(history::endpoints());
    endpoints
}

/// What is answered as JSON.
struct Answer<T>(T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        // Structures of numbers and texts: writing them cannot fail.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        json(StatusCode::OK, body.into())
    }
}

/// A JSON answer, or the problem.
type Answered<T> = Result<Answer<T>, Problem>;

/// Goes on to the end when the operator hangs up: whatever is done is in the audit.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and this answer with it.
            Err(_) => Err(Problem::overloaded(1)),
        },
    }
}

/// What fits an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    method: Method,
    /// The names that a query may have.
    known: Arc<[&'static str]>,
}

impl Fit {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let of_query = endpoint.parameters.iter().filter(|known| !known.in_path);
        Self {
            method: endpoint.method.clone(),
            known: of_query.map(|known| known.name).collect(),
        }
    }
}

/// Stands before an endpoint, behind whoever asks who is calling: another method goes no further, nor what acts and comes from
/// elsewhere than a program, nor a parameter that is not known, so that a misspelt one does not change what is answered.
pub(crate) async fn fit(
    extract::State(fit): extract::State<Fit>,
    request: extract::Request,
    next: Next,
) -> Response {
    let fits = if fit.method == Method::GET {
        require_get(request.method())
    } else {
        require_post(request.method(), request.headers())
    };
    match fits.and_then(|()| require_known(request.uri(), &fit.known)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn require_known(uri: &Uri, known: &[&str]) -> Result<(), Problem> {
    match given(uri).find(|(name, _)| !known.contains(&name.as_ref())) {
        None => Ok(()),
        Some((name, value)) => Err(span::wrong(&name, &value, "left out, it is not known")),
    }
}

/// The parameters of a query, as they come. Behind `fit` there are none but the endpoint's own, and who reads them need not ask
/// for others.
fn given(uri: &Uri) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

fn require_get(method: &Method) -> Result<(), Problem> {
    if method == Method::GET {
        Ok(())
    } else {
        Err(Problem::method(Methods::Get))
    }
}

/// A page that an operator's browser shows must not be able to act here. A browser says where a page is from, and asks
/// before it sends JSON elsewhere; nobody answers it.
fn require_post(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method != Method::POST {
        return Err(Problem::method(Methods::Post));
    }
    if headers.contains_key(ORIGIN) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "browser",
            "Pages may not act here",
            "the request has an `Origin`, so a page in a browser made it",
        ));
    }
    let media = headers.get(CONTENT_TYPE);
    let media = media
        .and_then(|media| media.to_str().ok())
        .unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "media-type",
        "The body is no JSON",
        "`Content-Type` must be `application/json`, also without a body",
    ))
}

/// A body of JSON; `what` is what it is to be, in a word.
async fn read_json<T: DeserializeOwned>(
    state: &State,
    body: Body,
    what: &str,
) -> Result<T, Problem> {
    let body = read(body, OPERATOR_BODY_LEN_MAX, state.limits.body_read).await;
    let body = body.map_err(|refusal| match refusal {
        Refusal::BodyTooLong { len_max } => Problem::too_large(len_max),
        other => Problem::bad_request(other.to_string()),
    })?;
    // Fields would be read from an array, too, by their place.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let detail = format!("the body is no {what}: it must be an object, not an array");
        return Err(Problem::bad_request(detail));
    }
    serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the body is no {what}: {error}")))
}

fn app(state: &State, text: &str) -> Result<Arc<App>, Problem> {
    let app = text
        .parse()
        .ok()
        .and_then(|id| state.directory.get(AppId(id)));
    app.ok_or_else(|| not_found("there is no such app").at("app", text))
}

fn not_found(detail: &'static str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "There is no such thing",
        detail,
    )
}

/// What storage says of itself is for the log.
fn storage(error: StoreError) -> Problem {
    if !matches!(error, StoreError::Busy { .. }) {
        tracing::error!(%error, "storage refused an operator's call");
    }
    Problem::from(&error)
}

fn deed(parts: &Parts, app: AppId, what: &'static str) -> Deed {
    let peer = parts.extensions.get::<Peer>();
    let from = peer.map_or_else(
        || Deed::UNKNOWN.to_owned(),
        |Peer(address)| address.to_string(),
    );
    let deed = Deed::of_operator(from, app, what);
    match parts.extensions.get::<Known>() {
        Some(Known(name)) => Deed {
            who: name.to_string(),
            ..deed
        },
        None => deed,
    }
}

/// What a list is asked with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listed {
    app: Option<u32>,
    before: Option<u64>,
    limit: usize,
}

impl Listed {
    fn parse(parts: &Parts) -> Result<Self, Problem> {
        let mut listed = Self {
            limit: ROWS,
            ..Self::default()
        };
        for (name, value) in given(&parts.uri) {
            let refuse = |wanted: &str| span::wrong(&name, &value, wanted);
            match name.as_ref() {
                "app" => listed.app = Some(value.parse().map_err(|_| refuse("an SDKAppID"))?),
                "before" => {
                    listed.before = Some(value.parse().map_err(|_| refuse("a place in the list"))?);
                }
                span::LIMIT => listed.limit = span::limit(&value)?,
                _ => {}
            }
        }
        Ok(listed)
    }
}
