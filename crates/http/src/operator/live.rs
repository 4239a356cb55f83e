//! `GET /v1/apps/{app}/tasks/{id}/live`: a task's funnel as server-sent events.
//!
//! Each stream looks at the task's counts once a second and tells them when they have changed. It ends when the task is over
//! and nothing has come for a while, when the task is there no more, and when the server stops; its last event says why.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use pushtally_model::{AppId, TaskId};
use schemars::JsonSchema;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::as_of::refused;
use super::endpoint::{EVENT_STREAM, Endpoint, NOT_FOUND, Named, Parameter, READING};
use super::tasks::{no_task, task_id};
use super::{app, storage};
use crate::State;
use crate::limits::{LIVE_BEAT_TICKS, LIVE_QUIET_TICKS, LIVE_TICK};
use crate::listen::Stopping;
use crate::operations::{Numbers, TaskReport, TaskStatus, task_report};
use crate::problem::Problem;

pub(super) fn endpoint() -> Endpoint {
    let path = "/v1/apps/{app}/tasks/{id}/live";
    let what = "A task's counts each second that they change, as server-sent events. `counts` has the JSON of `showTask`; \
        `end` is the last event.";
    Endpoint::events::<Event, _>(path, "watchTask", what, handle)
        .with([Parameter::app(), Parameter::task()])
        .refusing(&[NOT_FOUND])
        .refusing(&READING)
}

/// An event of the stream.
#[derive(JsonSchema)]
#[expect(
    dead_code,
    reason = "it is written as text, and this tells readers how"
)]
struct Event {
    /// What it is.
    event: EventName,
    /// JSON: of `counts` what `showTask` answers, of `end` an object with `because`: `over`, `gone`, `stopping` or `failed`.
    #[schemars(extend("contentMediaType" = "application/json"))]
    data: String,
}

/// What an event is.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "as that of the event")]
enum EventName {
    /// The task's counts have changed.
    Counts,
    /// Nothing comes any more.
    End,
}

async fn handle(
    state: extract::State<Arc<State>>,
    Named((of, id)): Named<(String, String)>,
    parts: Parts,
) -> Result<Response, Problem> {
    let app = app(&state, &of)?.id;
    let task = task_id(&id)?;
    let found = state.tasks.find_stored_task(app, &task).await;
    found.map_err(storage)?.ok_or_else(|| no_task(&id))?;
    let turn = state.turns.live()?;
    let mut ticks = interval(LIVE_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(respond(Watch {
        state: Arc::clone(&state),
        app,
        task,
        told: Told::default(),
        ticks,
        stopping: Stopping::of(&parts),
        has_ended: false,
        _turn: turn,
    }))
}

fn respond(watch: Watch) -> Response {
    let events = stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Somebody who looks at a task.
struct Watch {
    state: Arc<State>,
    app: AppId,
    task: TaskId,
    told: Told,
    ticks: Interval,
    stopping: CancellationToken,
    has_ended: bool,
    _turn: OwnedSemaphorePermit,
}

impl Watch {
    /// The next event; `None` after the last one.
    async fn next(&mut self) -> Option<Bytes> {
        if self.has_ended {
            return None;
        }
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Some(self.end("stopping")),
                _ = self.ticks.tick() => {}
            }
            let report = match self.look().await {
                Ok(Some(report)) => report,
                Ok(None) => return Some(self.end("gone")),
                Err(problem) => {
                    tracing::debug!(%problem.detail, "a task is watched no more");
                    return Some(self.end("failed"));
                }
            };
            match self.told.hear(&report) {
                Heard::News => return Some(counts(&report)),
                Heard::Nothing => {}
                // Keeps the connection from looking idle, and finds out whether anybody is there.
                Heard::NothingForLong => return Some(Bytes::from_static(b":\n\n")),
                Heard::Over => return Some(self.end("over")),
            }
        }
    }

    async fn look(&self) -> Result<Option<TaskReport>, Problem> {
        let State {
            tasks,
            identities,
            stats,
            ..
        } = &*self.state;
        let numbers = Numbers::Now(stats);
        task_report(&**tasks, &**identities, numbers, self.app, &self.task)
            .await
            .map_err(refused)
    }

    fn end(&mut self, because: &str) -> Bytes {
        self.has_ended = true;
        format!("event: end\ndata: {{\"because\":\"{because}\"}}\n\n").into()
    }
}

/// JSON has no line break, so it is one line of data.
fn counts(report: &TaskReport) -> Bytes {
    // A structure of texts and numbers: writing it cannot fail.
    let data = serde_json::to_string(report).unwrap_or_default();
    format!("event: counts\ndata: {data}\n\n").into()
}

/// What a watcher has heard last, and since how many looks.
#[derive(Debug, Default)]
struct Told {
    last: Option<TaskReport>,
    quiet: u32,
}

/// What a look is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    News,
    Nothing,
    NothingForLong,
    Over,
}

impl Told {
    fn hear(&mut self, report: &TaskReport) -> Heard {
        if self.last.as_ref() != Some(report) {
            self.last = Some(report.clone());
            self.quiet = 0;
            return Heard::News;
        }
        self.quiet += 1;
        if self.quiet >= LIVE_QUIET_TICKS && is_over(report) {
            Heard::Over
        } else if self.quiet.is_multiple_of(LIVE_BEAT_TICKS) {
            Heard::NothingForLong
        } else {
            Heard::Nothing
        }
    }
}

/// Whether only reports and receipts can still come.
fn is_over(report: &TaskReport) -> bool {
    let stopped = match report.task.status {
        TaskStatus::Running | TaskStatus::Paused => false,
        TaskStatus::Cancelled | TaskStatus::Revoked | TaskStatus::Done => true,
    };
    stopped && report.jobs_left == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{Counts, TaskRow};

    fn report(status: TaskStatus, clicked: u64) -> TaskReport {
        let task = TaskRow {
            place: 1,
            app: 1,
            id: "t".to_owned(),
            kind: "push".to_owned(),
            status,
            accounts: None,
            online_only: false,
            from: String::new(),
            data_id: String::new(),
            title: String::new(),
            accepted: 0,
            deadline: 0,
            done: None,
            forgotten: false,
        };
        TaskReport {
            task,
            app_paused: false,
            jobs_left: 0,
            as_of_ms: None,
            total: Counts {
                clicked,
                ..Counts::default()
            },
            routes: Vec::new(),
        }
    }

    #[test]
    fn changes_are_told_silence_is_kept_alive_and_what_is_over_ends() {
        let mut told = Told::default();
        let (running, done) = (report(TaskStatus::Running, 0), report(TaskStatus::Done, 0));
        assert_eq!(told.hear(&running), Heard::News);
        for look in 1..3 * LIVE_QUIET_TICKS {
            let expected = match look % LIVE_BEAT_TICKS {
                0 => Heard::NothingForLong,
                _ => Heard::Nothing,
            };
            assert_eq!(told.hear(&running), expected, "{look}");
        }
        assert_eq!(told.hear(&done), Heard::News);
        for _ in 1..LIVE_QUIET_TICKS {
            assert_ne!(told.hear(&done), Heard::Over);
        }
        assert_eq!(
            told.hear(&report(TaskStatus::Done, 1)),
            Heard::News,
            "a late click"
        );
        for _ in 1..LIVE_QUIET_TICKS {
            assert_ne!(told.hear(&report(TaskStatus::Done, 1)), Heard::Over);
        }
        assert_eq!(told.hear(&report(TaskStatus::Done, 1)), Heard::Over);
    }
}
