//! `GET /v1/apps/{app}/reach?task=…&task=…`: how many different devices several tasks reached together.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;
use serde_json::json;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::windowed::Windowed;
use super::{Answer, Answered, app, storage};
use crate::State;
use crate::limits::COUNTED_TASKS_MAX;
use crate::operations::{Reach, reach};
use crate::problem::Problem;

pub(super) fn endpoint() -> Endpoint {
    let what = "How many different devices several tasks reached together, by stage, route and channel, and the sum of the \
        tasks beside it. Own tasks reach devices, imported ones recipients (account, route, platform): these are told apart.";
    let tasks = json!({
        "type": "array",
        "items": { "type": "string", "minLength": 1 },
        "minItems": 1,
        "maxItems": COUNTED_TASKS_MAX,
    });
    let families = json!({ "type": "string", "enum": ["push", "message"] });
    Endpoint::get::<Reach, _>("/v1/apps/{app}/reach", "showReach", what, handle)
        .with([
            Parameter::app(),
            Parameter::query(
                "task",
                "A TaskId or PushID, repeated for several; one that is named twice counts once.",
                tasks,
            )
            .required(),
            Parameter::query(
                "family",
                "Tasks of this family only; else a push goes before a message push of the same name.",
                families,
            ),
        ])
        .refusing(&[NOT_FOUND])
        .refusing(&READING)
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
) -> Answered<Reach> {
    // Marks know no time, so there is no window to ask for.
    let Windowed { tasks, family, .. } = Windowed::parse(&parts)?;
    if tasks.is_empty() {
        return Err(Problem::bad_request("`task` must be given, once or several times").of("task"));
    }
    let app = app(&state, &of)?.id;
    let scopes = (tasks.as_slice(), family);
    let reach = reach(&*state.identities, &state.stats, app, scopes).await;
    reach.map(Answer).map_err(storage)
}
