//! `POST /v1/apps/{app}/push`: a push that the operator orders, to everyone or to accounts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use http::StatusCode;
use http::request::Parts;
use pushtally_dispatch::AcceptError;
use pushtally_model::App;
use pushtally_wire::Code;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, WRITING};
use super::{Answer, Answered, app, deed, read_json, storage, to_the_end};
use crate::State;
use crate::audit::Deed;
use crate::operations::{Order, OrderError, Ordered, order};
use crate::operators::Role;
use crate::problem::Problem;

const WHAT: &str = "push";

pub(super) fn endpoint() -> Endpoint {
    let what = "Pushes, to everyone or to accounts.";
    Endpoint::post::<Ordered, _>("/v1/apps/{app}/push", "push", what, handle)
        .for_role(Role::Send)
        .carrying::<Order>()
        .with([Parameter::app()])
        .refusing(&[
            (403, "disabled"),
            NOT_FOUND,
            (404, "nobody"),
            (413, "too-large"),
            (429, "too-many"),
            (429, "day-full"),
        ])
        .refusing(&WRITING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
    body: Body,
) -> Answered<Ordered> {
    let app = app(&state, &of)?;
    let wanted: Order = read_json(&state, body, "order").await?;
    let deed = deed(&parts, app.id, WHAT);
    to_the_end(send(Arc::clone(&state), app, wanted, deed)).await
}

async fn send(
    state: Arc<State>,
    app: Arc<App>,
    wanted: Order,
    mut deed: Deed,
) -> Answered<Ordered> {
    deed.body_hash = Some(wanted.hash());
    let sent = order(
        &state.dispatch,
        &state.audience,
        &*state.entropy,
        &app,
        wanted,
    )
    .await;
    state.metrics.pushed(app.id, "operator", sent.is_ok());
    match sent {
        Ok(ordered) => {
            deed.target = ordered.task.id.clone();
            state.audit.record(deed).await;
            Ok(Answer(ordered))
        }
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: OrderError) -> Problem {
    let told = error.to_string();
    match error {
        OrderError::Field { field, value, .. } => Problem::bad_request(told).at(field, &value),
        OrderError::TooLong { .. } => Problem::bad_request(told),
        OrderError::Disabled => Problem::disabled(),
        OrderError::NobodyKnown(_) => Problem::new(
            StatusCode::NOT_FOUND,
            "nobody",
            Code::AccountUnknown.text(),
            told,
        ),
        OrderError::Store(error) | OrderError::Accept(AcceptError::Store(error)) => storage(error),
        OrderError::Accept(AcceptError::TooSoon { gap_ms }) => {
            Problem::too_many(told, gap_ms.div_ceil(1000))
        }
        OrderError::Accept(AcceptError::Busy { .. }) => Problem::too_many(told, 1),
        OrderError::Accept(AcceptError::DayFull { .. }) => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "day-full",
            Code::DayFull.text(),
            told,
        ),
        // An operator's push is named here, by chance: a taken name is no more likely than none.
        OrderError::Accept(AcceptError::Entropy(_) | AcceptError::Id(_) | AcceptError::IdTaken)
        | OrderError::Entropy(_) => {
            tracing::error!(told, "an operator's push was refused");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The server has failed",
                "the server cannot make a TaskId, its log tells why",
            )
        }
    }
}
