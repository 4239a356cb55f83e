//! `POST /v4/timpush/all_member_push_trace` and `normal_push_trace`: what happened to a user's devices in a task, and to all
//! devices of a message push. The only answers that hold tokens: for administrators of the app.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use pushtally_model::Kind;
use pushtally_store::LossText;
use pushtally_wire::trace::{Family, PushTraceQuery, Said, TaskTraceQuery, Traced, reply};

use crate::call::{Call, look};
use crate::operations::trace::{Gathered, gather};
use crate::refusal::Refusal;
use crate::{Command, State};

pub(crate) async fn handle_task(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(&state, Command::AllMemberPushTrace, request, of_task).await
}

pub(crate) async fn handle_push(
    state: extract::State<Arc<State>>,
    request: extract::Request,
) -> Response {
    look(&state, Command::NormalPushTrace, request, of_push).await
}

async fn of_task(call: Call) -> Result<Vec<u8>, Refusal> {
    let TaskTraceQuery { task, user } = TaskTraceQuery::parse(&call.body)?;
    trace(&call, Family::AllMember, &task, Some(&user)).await
}

async fn of_push(call: Call) -> Result<Vec<u8>, Refusal> {
    let PushTraceQuery { push } = PushTraceQuery::parse(&call.body)?;
    trace(&call, Family::Normal, &push, None).await
}

/// A task that the app does not know has no rows, as one that did not reach the user has none.
async fn trace(
    call: &Call,
    family: Family,
    id: &str,
    user: Option<&str>,
) -> Result<Vec<u8>, Refusal> {
    let (state, app) = (&*call.state, &*call.caller.app);
    let kind = match family {
        Family::AllMember => Kind::Push,
        Family::Normal => Kind::Message,
    };
    let offset_s = state.dispatch.quota_day_offset_s();
    match state.identities.find_task(app.id, kind, id).await? {
        Some(task) => {
            let gathered = gather(state.trace_sources(), app, (task, id), user).await?;
            Ok(reply(family, &traced(&gathered), offset_s))
        }
        None => Ok(reply(family, &[], offset_s)),
    }
}

fn traced(gathered: &Gathered) -> Vec<Traced<'_>> {
    let ways = gathered.ways().map(|(way, device)| {
        let steps = way.steps().map(|(lane, step)| {
            let LossText { code, text } = gathered
                .reason(lane, step.loss)
                .unwrap_or_else(|| LossText::new(0, ""));
            let at = step.at;
            (lane, Said { at, code, text })
        });
        let registered = device.map(|device| device.registration_id.to_string());
        Traced {
            id: registered.unwrap_or_else(|| way.number.0.to_string()),
            device,
            route: way.route,
            channel: way.channel,
            steps: steps.collect(),
        }
    });
    ways.collect()
}
