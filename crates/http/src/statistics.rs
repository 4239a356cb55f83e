//! `POST /v4/timpush/all_member_push_statistics`: the funnel of at most five tasks, or of all, in a window.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{AppId, Kind, Scope};
use pushtally_wire::statistics::{Asked, StatisticsQuery, StatisticsReply, StatisticsResult};

use crate::call::{Call, look};
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(
        &state,
        Command::AllMemberPushStatistics,
        request,
        statistics,
    )
    .await
}

async fn statistics(call: Call) -> Result<Vec<u8>, Refusal> {
    let (state, app) = (&*call.state, &*call.caller.app);
    let StatisticsQuery { window, asked } =
        StatisticsQuery::parse(&call.body, app.statistics_span_s_max)?;
    let mut results = Vec::new();
    for (id, scope) in scopes(state, app.id, &asked).await? {
        results.push(match scope {
            Some(scope) => {
                let tally = state.stats.tally(app.id, scope, window).await?;
                StatisticsResult::new(id, tally.cells())
            }
            None => StatisticsResult::new(id, []),
        });
    }
    Ok(StatisticsReply::new(results).to_json())
}

/// What is asked for, by the id that its result has. A task that the app does not know has no scope and no counts, which is
/// not an error.
pub(crate) async fn scopes<'a>(
    state: &State,
    app: AppId,
    asked: &'a Asked,
) -> Result<Vec<(&'a str, Option<Scope>)>, Refusal> {
    let ids = match asked {
        Asked::Overall => return Ok(vec![("", Some(Scope::Overall(app, Kind::Push)))]),
        Asked::Tasks(ids) => ids,
    };
    let mut scopes = Vec::with_capacity(ids.len());
    for id in ids {
        let task = state.identities.find_task(app, Kind::Push, id).await?;
        scopes.push((id.as_str(), task.map(|task| Scope::Task(task.number))));
    }
    Ok(scopes)
}
