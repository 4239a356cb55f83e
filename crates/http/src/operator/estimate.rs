//! `POST /v1/apps/{app}/estimate`: what a push would come to, by route and channel. Changes and sends nothing.

use std::sync::Arc;

use axum::body::Body;
use axum::extract;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::{Answer, Answered, app, read_json, storage};
use crate::State;
use crate::operations::{Asked, ConditionError, EstimateError, Estimated, estimate};
use crate::operators::Role;
use crate::problem::Problem;

pub(super) fn endpoint() -> Endpoint {
    let what = "What a push to everyone, to accounts or to whom a condition fits would come to at this moment, by route and channel. Sends nothing.";
    Endpoint::post::<Estimated, _>("/v1/apps/{app}/estimate", "estimate", what, handle)
        .for_role(Role::Read)
        .carrying::<Asked>()
        .with([Parameter::app()])
        .refusing(&[NOT_FOUND, (413, "too-large")])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    body: Body,
) -> Answered<Estimated> {
    let app = app(&state, &of)?;
    let asked: Asked = read_json(&state, body, "audience").await?;
    let _turn = state.turns.estimate()?;
    let (dispatch, audience, accounts) = (&state.dispatch, &state.audience, &*state.accounts);
    let estimated = estimate(dispatch, audience, accounts, app.id, asked).await;
    estimated.map(Answer).map_err(refused)
}

fn refused(error: EstimateError) -> Problem {
    let refused = Problem::bad_request(error.to_string());
    match error {
        EstimateError::To { len } => refused.at("to", &len.to_string()),
        EstimateError::Condition(ConditionError::Part { field, value, .. }) => {
            refused.at(format!("condition.{field}"), &value)
        }
        EstimateError::Both | EstimateError::Condition(ConditionError::Kinds) => {
            refused.of("condition")
        }
        EstimateError::Condition(ConditionError::Store(error)) | EstimateError::Store(error) => {
            storage(error)
        }
    }
}
