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
use super::{app, given, span, storage};
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
    parts: Parts,
) -> Result<Response, Problem> {
    let columns = columns(&parts)?;
    let app = app(&state, &of)?;
    let export = export(state.trace_sources(), &app, &id, columns).await;
    let export = export.map_err(|error| match error {
        ExportError::NoTask => no_task(&id),
        ExportError::OutOfReach { .. } => Problem::new(
            StatusCode::GONE,
            "out-of-reach",
            "Single events are kept no more",
            error.to_string(),
        ),
        ExportError::Store(error) => storage(error),
    })?;
    Ok(respond(Arc::clone(&state), columns, export))
}

/// The one parameter.
fn columns(parts: &Parts) -> Result<Columns, Problem> {
    let mut columns = Columns::Csv;
    for (name, value) in given(&parts.uri) {
        columns = match value.as_ref() {
            "csv" => Columns::Csv,
            "ndjson" => Columns::Ndjson,
            "parquet" => Columns::Parquet,
            _ => return Err(span::wrong(&name, &value, "csv, ndjson or parquet")),
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
