//! `POST /v4/timpush/all_member_push_statistics`: the funnel of at most five tasks, or of all, in a window.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{AppId, Kind, Scope, Window};
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
    let results = match &asked {
        Asked::Overall => vec![
            tally(
                state,
                app.id,
                "",
                Scope::Overall(app.id, Kind::Push),
                window,
            )
            .await?,
        ],
        Asked::Tasks(ids) => {
            let mut results = Vec::with_capacity(ids.len());
            for id in ids {
                results.push(task(state, app.id, id, window).await?);
            }
            results
        }
    };
    Ok(StatisticsReply::new(results).to_json())
}

/// A task that the app does not know has no counts, which is not an error.
async fn task<'a>(
    state: &State,
    app: AppId,
    id: &'a str,
    window: Window,
) -> Result<StatisticsResult<'a>, Refusal> {
    match state.identities.find_task(app, Kind::Push, id).await? {
        Some(task) => tally(state, app, id, Scope::Task(task.number), window).await,
        None => Ok(StatisticsResult::new(id, [])),
    }
}

async fn tally<'a>(
    state: &State,
    app: AppId,
    id: &'a str,
    scope: Scope,
    window: Window,
) -> Result<StatisticsResult<'a>, Refusal> {
    let tally = state.stats.tally(app, scope, window).await?;
    Ok(StatisticsResult::new(id, tally.cells()))
}
