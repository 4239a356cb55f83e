//! `POST /v4/timpush/normal_push_statistics` and `normal_push_loss`: the funnel of all message pushes in a window, and why
//! their devices were lost. Both are overall: the documented requests name no push.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{Kind, Scope};
use pushtally_wire::statistics::{
    Losses, NormalLossReply, NormalStatistics, NormalStatisticsReply, parse_window,
};

use crate::call::{Call, look};
use crate::losses::lost;
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn handle_statistics(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(&state, Command::NormalPushStatistics, request, statistics).await
}

pub(crate) async fn handle_losses(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(&state, Command::NormalPushLoss, request, losses).await
}

async fn statistics(call: Call) -> Result<Vec<u8>, Refusal> {
    let app = &*call.caller.app;
    let window = parse_window(&call.body, app.statistics_span_s_max)?;
    let scope = Scope::Overall(app.id, Kind::Message);
    let tally = call.state.stats.tally(app.id, scope, window).await?;
    let content = NormalStatistics::new(tally.cells());
    Ok(NormalStatisticsReply::of(content).to_json())
}

async fn losses(call: Call) -> Result<Vec<u8>, Refusal> {
    let app = &*call.caller.app;
    let window = parse_window(&call.body, app.losses_span_s_max)?;
    let scope = Scope::Overall(app.id, Kind::Message);
    let content = Losses::of_messages(lost(&call.state, app.id, scope, window).await?);
    Ok(NormalLossReply::of(content).to_json())
}
