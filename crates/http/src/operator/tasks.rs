//! `/v1/apps/{app}/tasks`: a list, a task with its counts, and `POST …/pause`, `resume`, `cancel`.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use pushtally_model::{TaskId, TaskState};

use super::as_of::{self, OUT_OF_REACH, numbers, refused};
use super::endpoint::{Endpoint, NOT_FOUND, Named, Parameter, READING, WRITING};
use super::search::Search;
use super::tagged::tagged;
use super::{Answer, Answered, app, deed, given, not_found, storage, to_the_end};
use crate::State;
use crate::operations::{TaskPage, TaskReport, TaskRow, is_as_wanted, search_tasks, task_report};
use crate::operators::Role;
use crate::problem::Problem;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let listed = "An app's tasks, newest first. A search looks at 5,000 tasks a call: a page may be short, and still have a `next`.";
    let list =
        Endpoint::get_tagged::<TaskPage, _>("/v1/apps/{app}/tasks", "listTasks", listed, list)
            .with([Parameter::app()])
            .with(Search::parameters())
            .refusing(&[NOT_FOUND])
            .refusing(&READING);
    let shown = "A task, its jobs, and its counts by route and channel. With `as_of` these are as they were known then, the task and \
        its jobs as they are.";
    let path = "/v1/apps/{app}/tasks/{id}";
    let show = Endpoint::get_tagged::<TaskReport, _>(path, "showTask", shown, show)
        .with([Parameter::app(), Parameter::task(), as_of::parameter()])
        .refusing(&[NOT_FOUND, OUT_OF_REACH])
        .refusing(&READING);
    let mut endpoints = vec![list, show];
    endpoints.extend(steering());
    endpoints
}

fn steering() -> [Endpoint; 3] {
    let path = "/v1/apps/{app}/tasks/{id}/pause";
    let pause = Endpoint::post::<TaskRow, _>(path, "pauseTask", "Holds a task.", pause);
    let path = "/v1/apps/{app}/tasks/{id}/resume";
    let resume = Endpoint::post::<TaskRow, _>(path, "resumeTask", "Lets it go on.", resume);
    let path = "/v1/apps/{app}/tasks/{id}/cancel";
    let what = "Ends a task: what is not being sent is never sent.";
    let cancel = Endpoint::post::<TaskRow, _>(path, "cancelTask", what, cancel);
    [pause, resume, cancel].map(|endpoint| {
        endpoint
            .for_role(Role::Send)
            .with([Parameter::app(), Parameter::task()])
            .refusing(&[NOT_FOUND, (409, "over")])
            .refusing(&WRITING)
    })
}

async fn list(
    state: extract::State<Arc<State>>,
    Named(of): Named<String>,
    parts: Parts,
) -> Response {
    tagged(&parts.headers, page(&state, &of, &parts).await)
}

async fn page(state: &State, of: &str, parts: &Parts) -> Result<TaskPage, Problem> {
    let Search {
        filter,
        before,
        limit,
    } = Search::parse(parts)?;
    let app = app(state, of)?.id;
    search_tasks(&*state.tasks, app, &filter, before, limit)
        .await
        .map_err(storage)
}

async fn show(
    state: extract::State<Arc<State>>,
    Named((of, id)): Named<(String, String)>,
    parts: Parts,
) -> Response {
    tagged(&parts.headers, report(&state, &of, &id, &parts).await)
}

async fn report(state: &State, of: &str, id: &str, parts: &Parts) -> Result<TaskReport, Problem> {
    let as_of_ms = as_of_ms(parts)?;
    let app = app(state, of)?;
    let task = task_id(id)?;
    let numbers = numbers(state, &app, as_of_ms)?;
    task_report(&*state.tasks, &*state.identities, numbers, app.id, &task)
        .await
        .map_err(refused)?
        .ok_or_else(|| no_task(id))
}

/// The one parameter of a task that is shown.
fn as_of_ms(parts: &Parts) -> Result<Option<i64>, Problem> {
    let mut moments = given(&parts.uri).map(|(_, moment)| as_of::parse(&moment));
    moments.try_fold(None, |_, moment| moment.map(Some))
}

async fn pause(
    state: extract::State<Arc<State>>,
    of: Named<(String, String)>,
    parts: Parts,
) -> Answered<TaskRow> {
    steer(state, of, parts, TaskState::Paused, "task pause").await
}

async fn resume(
    state: extract::State<Arc<State>>,
    of: Named<(String, String)>,
    parts: Parts,
) -> Answered<TaskRow> {
    steer(state, of, parts, TaskState::Running, "task resume").await
}

async fn cancel(
    state: extract::State<Arc<State>>,
    of: Named<(String, String)>,
    parts: Parts,
) -> Answered<TaskRow> {
    steer(state, of, parts, TaskState::Cancelled, "task cancel").await
}

/// Sets what is wanted of a task; `what` is the act as the audit names it.
async fn steer(
    state: extract::State<Arc<State>>,
    Named(of): Named<(String, String)>,
    parts: Parts,
    wanted: TaskState,
    what: &'static str,
) -> Answered<TaskRow> {
    to_the_end(set(Arc::clone(&state), of, parts, wanted, what)).await
}

async fn set(
    state: Arc<State>,
    (of, id): (String, String),
    parts: Parts,
    wanted: TaskState,
    what: &'static str,
) -> Answered<TaskRow> {
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
    Ok(Answer(row))
}

/// What cannot be a TaskId names no task.
pub(super) fn task_id(id: &str) -> Result<TaskId, Problem> {
    TaskId::new(id).map_err(|_| no_task(id))
}

pub(super) fn no_task(id: &str) -> Problem {
    not_found("the app has no such task").at("id", id)
}
