//! `POST /v4/timpush/all_member_push_loss`: why devices of at most five tasks, or of all, were lost in a window.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::{AppId, Scope, Window};
use pushtally_wire::statistics::{LossReply, LossResult, Lost, StatisticsQuery};

use crate::call::{Call, look};
use crate::reasons::Reasons;
use crate::refusal::Refusal;
use crate::statistics::scopes;
use crate::{Command, State};

pub(crate) async fn handle(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(&state, Command::AllMemberPushLoss, request, losses).await
}

async fn losses(call: Call) -> Result<Vec<u8>, Refusal> {
    let (state, app) = (&*call.state, &*call.caller.app);
    let StatisticsQuery { window, asked } =
        StatisticsQuery::parse(&call.body, app.losses_span_s_max)?;
    let mut results = Vec::new();
    for (id, scope) in scopes(state, app.id, &asked).await? {
        results.push(match scope {
            Some(scope) => LossResult::new(id, lost(state, app.id, scope, window).await?),
            None => LossResult::new(id, []),
        });
    }
    Ok(LossReply::new(results).to_json())
}

/// What was lost, with its reasons.
pub(crate) async fn lost(
    state: &State,
    app: AppId,
    scope: Scope,
    window: Window,
) -> Result<Vec<Lost>, Refusal> {
    let tally = state.stats.tally(app, scope, window).await?;
    let reasons = Reasons::of_tally(&*state.identities, app, &tally).await?;
    let lost = |(cell, loss, count)| {
        let reason = reasons.of(loss);
        Lost {
            cell,
            code: reason.code,
            text: reason.text,
            count,
        }
    };
    Ok(tally.losses().map(lost).collect())
}
