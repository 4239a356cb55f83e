//! `/v1/apps/{app}/tasks`: a list, a task with its counts, and `POST …/pause`, `resume`, `cancel`.

use std::sync::Arc;

use axum::extract::{self, Path};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use pushtally_model::{TaskId, TaskState};

use super::{Listed, answer, app, deed, not_found, require_get, require_post, storage, to_the_end};
use crate::State;
use crate::operations::{TaskPage, TaskReport, TaskRow, is_as_wanted, task_page, task_report};
use crate::problem::Problem;

pub(crate) async fn list(
    state: extract::State<Arc<State>>,
    Path(of): Path<String>,
    request: extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    answer(page(&state, &of, &parts).await)
}

async fn page(state: &State, of: &str, parts: &Parts) -> Result<TaskPage, Problem> {
    require_get(parts)?;
    let Listed { before, limit, .. } = Listed::parse(parts, &["before", "limit"])?;
    let app = app(state, of)?.id;
    task_page(&*state.tasks, Some(app), before, limit)
        .await
        .map_err(storage)
}

pub(crate) async fn show(
    state: extract::State<Arc<State>>,
    Path((of, id)): Path<(String, String)>,
    request: extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    answer(report(&state, &of, &id, &parts).await)
}

async fn report(state: &State, of: &str, id: &str, parts: &Parts) -> Result<TaskReport, Problem> {
    require_get(parts)?;
    let app = app(state, of)?.id;
    let task = task_id(id)?;
    task_report(&*state.tasks, &*state.identities, &state.stats, app, &task)
        .await
        .map_err(storage)?
        .ok_or_else(|| no_task(id))
}

pub(crate) async fn pause(
    state: extract::State<Arc<State>>,
    of: Path<(String, String)>,
    request: extract::Request,
) -> Response {
    steer(state, of, request, TaskState::Paused, "task pause").await
}

pub(crate) async fn resume(
    state: extract::State<Arc<State>>,
    of: Path<(String, String)>,
    request: extract::Request,
) -> Response {
    steer(state, of, request, TaskState::Running, "task resume").await
}

pub(crate) async fn cancel(
    state: extract::State<Arc<State>>,
    of: Path<(String, String)>,
    request: extract::Request,
) -> Response {
    steer(state, of, request, TaskState::Cancelled, "task cancel").await
}

/// Sets what is wanted of a task; `what` is the act as the audit names it.
async fn steer(
    state: extract::State<Arc<State>>,
    Path(of): Path<(String, String)>,
    request: extract::Request,
    wanted: TaskState,
    what: &'static str,
) -> Response {
    let (parts, _) = request.into_parts();
    let work = set(Arc::clone(&state), of, parts, wanted, what);
    answer(to_the_end(work).await)
}

async fn set(
    state: Arc<State>,
    (of, id): (String, String),
    parts: Parts,
    wanted: TaskState,
    what: &'static str,
) -> Result<TaskRow, Problem> {
    require_post(&parts)?;
    let app = app(&state, &of)?.id;
    let task = task_id(&id)?;
    let set = state.dispatch.set_task_state(app, &task, wanted).await;
    let row = TaskRow::from(&set.map_err(storage)?.ok_or_else(|| no_task(&id))?);
    if !is_as_wanted(&row, wanted) {
        let detail = format!("the task is {}", row.status.name());
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "over",
            "The task is over",
            detail,
        ));
    }
    let mut deed = deed(&parts, app, what);
    deed.target = id;
    state.audit.record(deed).await;
    Ok(row)
}

/// What cannot be a TaskId names no task.
fn task_id(id: &str) -> Result<TaskId, Problem> {
    TaskId::new(id).map_err(|_| no_task(id))
}

fn no_task(id: &str) -> Problem {
    not_found("the app has no such task").at("id", id)
}
