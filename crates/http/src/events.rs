//! `POST /v1/events`: the push webhooks of another installation, imported and, if the app wants it, relayed.
//!
//! Answers after the events are durable and the relay's copy is queued. Bad events are named, the good ones count.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use pushtally_model::{App, Second};
use pushtally_receipt::ImportedEvent;
use pushtally_store::StoreError;
use pushtally_webhook::Call;
use pushtally_wire::webhook::{ACCEPTED, EventBatch, WebhookEvent, describe_refused};

use crate::admission::{admit_webhook, query};
use crate::body::read;
use crate::limits::EVENTS_BODY_LEN_MAX;
use crate::refusal::Refusal;
use crate::reply::answer;
use crate::{Command, State};

const COMMAND: Command = Command::Events;

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    answer(&state, COMMAND, events(&state, request)).await
}

async fn events(state: &State, request: extract::Request) -> Result<Bytes, Refusal> {
    let (parts, body) = request.into_parts();
    let app = admit_webhook(state, COMMAND, &parts)?;
    let body = read(body, EVENTS_BODY_LEN_MAX, state.limits.body_read).await?;
    let batch = EventBatch::parse(&body)?;
    let Sorted {
        good,
        places,
        mut refused,
    } = Sorted::new(&batch, state.clock.now());
    let (imported, relayed) = tokio::join!(
        state.importer.import(app.id, &good),
        relay(state, &app, &parts, &body)
    );
    let imported = imported?;
    relayed?;
    for (index, refusal) in imported.refused {
        if let Some(place) = places.get(index) {
            refused.push((*place, refusal.to_string()));
        }
    }
    state
        .metrics
        .imported(batch.len() - refused.len(), refused.len());
    if refused.is_empty() {
        return Ok(Bytes::from_static(ACCEPTED.as_bytes()));
    }
    refused.sort_unstable_by_key(|(index, _)| *index);
    Err(Refusal::Events {
        what: describe_refused(&refused, batch.len()),
    })
}

/// A body's events, the sound ones apart from the others.
struct Sorted<'a> {
    good: Vec<ImportedEvent<'a>>,
    /// Where each good one stands in the body.
    places: Vec<usize>,
    /// Where each bad one stands, and why it is bad.
    refused: Vec<(usize, String)>,
}

impl<'a> Sorted<'a> {
    fn new(batch: &'a EventBatch<'a>, now: Second) -> Self {
        let len = batch.len();
        let mut sorted = Self {
            good: Vec::with_capacity(len),
            places: Vec::with_capacity(len),
            refused: Vec::new(),
        };
        for (index, event) in batch.check(now).enumerate() {
            match event {
                Ok(event) => {
                    sorted.good.push(neutral(event));
                    sorted.places.push(index);
                }
                Err(error) => sorted.refused.push((index, error.to_string())),
            }
        }
        sorted
    }
}

fn neutral(event: WebhookEvent<'_>) -> ImportedEvent<'_> {
    let WebhookEvent {
        kind,
        task,
        account,
        route,
        channel,
        stage,
        err_code,
        err_info,
        at,
    } = event;
    ImportedEvent {
        kind,
        task_id: task,
        account,
        route,
        channel,
        stage,
        err_code,
        err_info,
        at,
    }
}

/// Queues the call, byte for byte, for the app that wants it passed on.
async fn relay(state: &State, app: &App, parts: &Parts, body: &Bytes) -> Result<(), StoreError> {
    if app.relay_to.is_none() {
        return Ok(());
    }
    let call = Call {
        query: query(&parts.uri).to_owned(),
        content_type: content_type(parts),
        headers: Vec::new(),
        body: body.clone(),
    };
    state.relays.push(app.id.into(), call.encode()).await?;
    Ok(())
}

/// What a call says that its body is, to be said again.
pub(crate) fn content_type(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(CONTENT_TYPE)?;
    value.to_str().ok().map(str::to_owned)
}
