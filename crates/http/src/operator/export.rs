//! `GET /v1/apps/{app}/tasks/{id}/export?format=csv|ndjson|parquet`: every counted event of a task, streamed from the log.

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use axum::response::Response;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use pushtally_store::StoreError;
use serde_json::json;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::tasks::no_task;
use super::{app, storage};
use crate::State;
use crate::operations::{Columns, Export, ExportError, export};
use crate::problem::Problem;

const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";
const PARQUET: &str = "application/vnd.apache.parquet";

pub(super) fn endpoint() -> Endpoint {
    let path = "/v1/apps/{app}/tasks/{id}/export";
    let what = "Every event of a task that counted, a row each, in the order of recording: device, registration_id, account, \
        route, channel, step, before, code, text, at, recorded_ms, source. An answer that is cut off is not all.";
    let formats =
        json!({ "type": "string", "enum": ["csv", "ndjson", "parquet"], "default": "csv" });
    Endpoint::stream(path, "exportTask", what, &[CSV, NDJSON, PARQUET], handle)
        .with([
            Parameter::app(),
            Parameter::task(),
            Parameter::query("format", "How it is written.", formats),
        ])
        .refusing(&[NOT_FOUND, (410, "out-of-reach")])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named((of, id)): Named<(String, String)>,
    request: extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    match begin(&state, &of, &id, &parts).await {
        Ok((columns, export)) => respond(Arc::clone(&state), columns, export),
        Err(problem) => problem.into_response(),
    }
}

async fn begin(
    state: &State,
    of: &str,
    id: &str,
    parts: &Parts,
) -> Result<(Columns, Export), Problem> {
    let columns = columns(parts)?;
    let app = app(state, of)?;
    let export = export(state.trace_sources(), &app, id, columns).await;
    let export = export.map_err(|error| match error {
        ExportError::NoTask => no_task(id),
        ExportError::OutOfReach { .. } => Problem::new(
            StatusCode::GONE,
            "out-of-reach",
            "Single events are kept no more",
            error.to_string(),
        ),
        ExportError::Store(error) => storage(error),
    })?;
    Ok((columns, export))
}

/// The one parameter.
fn columns(parts: &Parts) -> Result<Columns, Problem> {
    let query = parts.uri.query().unwrap_or_default();
    let mut columns = Columns::Csv;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let refuse = |wanted: &str| {
            let detail = format!("`{name}` must be {wanted}");
            Problem::bad_request(detail).at(name.clone().into_owned(), &value)
        };
        columns = match (name.as_ref(), value.as_ref()) {
            ("format", "csv") => Columns::Csv,
            ("format", "ndjson") => Columns::Ndjson,
            ("format", "parquet") => Columns::Parquet,
            ("format", _) => return Err(refuse("csv, ndjson or parquet")),
            _ => return Err(refuse("left out, it is not known")),
        };
    }
    Ok(columns)
}

/// What fails on the way cuts the answer off, so that nobody takes it for all.
fn respond(state: Arc<State>, columns: Columns, export: Export) -> Response {
    let parts = stream::try_unfold((state, export), |(state, mut export)| async {
        let part = export.next(&*state.identities, &state.audience).await;
        let part = part.inspect_err(|error| tracing::error!(%error, "an export was cut off"))?;
        Ok::<_, StoreError>(part.map(|part| (part, (state, export))))
    });
    let (media, disposition) = match columns {
        Columns::Csv => (CSV, "attachment; filename=\"task.csv\""),
        Columns::Ndjson => (NDJSON, "attachment; filename=\"task.ndjson\""),
        Columns::Parquet => (PARQUET, "attachment; filename=\"task.parquet\""),
    };
    let mut response = Response::new(Body::from_stream(parts));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
