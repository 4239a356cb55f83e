//! `GET /v1/apps/{app}/reach?task=…&task=…`: how many different devices several tasks reached together.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use http::request::Parts;
use pushtally_model::Kind;
use serde_json::json;

use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::{answer, app, storage};
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
) -> Response {
    answer(count(&state, &of, &parts).await)
}

async fn count(state: &State, of: &str, parts: &Parts) -> Result<Reach, Problem> {
    let (tasks, family) = parse(parts)?;
    let app = app(state, of)?.id;
    let scopes = (tasks.as_slice(), family);
    reach(&*state.identities, &state.stats, app, scopes)
        .await
        .map_err(storage)
}

/// Marks know no time, so there is no window to ask for.
fn parse(parts: &Parts) -> Result<(Vec<String>, Option<Kind>), Problem> {
    let (mut tasks, mut family) = (Vec::new(), None);
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let refuse = |wanted: &str| {
            let detail = format!("`{name}` must be {wanted}");
            Problem::bad_request(detail).at(name.clone().into_owned(), &value)
        };
        match (name.as_ref(), value.as_ref()) {
            ("task", "") => return Err(refuse("a TaskId or a PushID")),
            ("task", _) if tasks.len() == COUNTED_TASKS_MAX => {
                return Err(refuse("given at most 50 times"));
            }
            ("task", id) => tasks.push(id.to_owned()),
            ("family", "push") => family = Some(Kind::Push),
            ("family", "message") => family = Some(Kind::Message),
            ("family", _) => return Err(refuse("push or message")),
            _ => return Err(refuse("left out, it is not known")),
        }
    }
    if tasks.is_empty() {
        return Err(Problem::bad_request("`task` must be given, once or several times").of("task"));
    }
    Ok((tasks, family))
}
