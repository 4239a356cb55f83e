//! Acts on tasks and on whole apps: list, show, pause, resume, cancel; and reading the audit.
//!
//! With no server running they work on the opened directory: what is paused or cancelled there is so when one starts.

use std::sync::Arc;

use pushtally_audience::Audience;
use pushtally_http::operations::{
    Numbers, Sources, TaskRow, audit_page, is_as_wanted, latencies, reach, tallies, task_page,
    task_report, task_trace,
};
use pushtally_model::{App, AppId, Second, TaskId, TaskState, Window};
use pushtally_stats::Stats;
use serde::{Deserialize, Serialize};

use super::{ActError, Acts, Done, Ledger, Listing};

/// What an operator wants of a task.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    Paused,
    Running,
    Cancelled,
}

impl Wanted {
    const fn state(self) -> TaskState {
        match self {
            Self::Paused => TaskState::Paused,
            Self::Running => TaskState::Running,
            Self::Cancelled => TaskState::Cancelled,
        }
    }

    /// The act, as the audit names it.
    const fn what(self) -> &'static str {
        match self {
            Self::Paused => "task pause",
            Self::Running => "task resume",
            Self::Cancelled => "task cancel",
        }
    }
}

impl Acts {
    pub(super) async fn list_tasks(&self, listing: Listing) -> Result<Done, ActError> {
        let Listing {
            sdkappid,
            before,
            limit,
        } = listing;
        let app = sdkappid.map(AppId);
        if let Some(app) = app {
            self.require(app)?;
        }
        let page = task_page(&*self.opened.engine.tasks, app, before, limit).await?;
        Ok(Done::Tasks(page))
    }

    /// The counts are the ledger's: with no server running it is opened for them and closed again.
    pub(super) async fn show_task(&self, app: AppId, id: &str) -> Result<Done, ActError> {
        self.require(app)?;
        let task = task_id(app, id)?;
        let engine = &self.opened.engine;
        let report = async |stats: &Stats| {
            let numbers = Numbers::Now(stats);
            task_report(&*engine.tasks, &*engine.identities, numbers, app, &task).await
        };
        let report = self.with_ledger(report).await?;
        let report = report.ok_or_else(|| no_task(app, id))?;
        Ok(Done::Task {
            report: Box::new(report),
        })
    }

    pub(super) async fn trace(&self, app: AppId, id: &str, user: &str) -> Result<Done, ActError> {
        let found = self.app(app)?;
        let audience = self.audience();
        let trace = async |stats: &Stats| {
            task_trace(self.sources(&audience, stats), &found, id, user).await
        };
        let trace = self.with_ledger(trace).await?;
        Ok(Done::Traced(trace.ok_or_else(|| no_task(app, id))?))
    }

    pub(super) async fn tally(
        &self,
        app: AppId,
        tasks: &[String],
        (from, to): (u32, u32),
        as_of_ms: Option<i64>,
    ) -> Result<Done, ActError> {
        let found = self.app(app)?;
        let window = Window::new(Second(from), Second(to)).unwrap_or(Window::all());
        let (identities, audience) = (&*self.opened.engine.identities, self.audience());
        let now_ms = self.clock.now_ms();
        if let Some(as_of_ms) = as_of_ms.filter(|as_of_ms| *as_of_ms > now_ms) {
            return Err(ActError::Future { as_of_ms, now_ms });
        }
        let tally = async |stats: &Stats| {
            let numbers = match as_of_ms {
                None => Numbers::Now(stats),
                Some(as_of_ms) => Numbers::Then {
                    sources: self.sources(&audience, stats),
                    app: &found,
                    as_of_ms,
                },
            };
            tallies(identities, numbers, app, tasks, window).await
        };
        Ok(Done::Tallied(self.with_ledger(tally).await?))
    }

    pub(super) async fn reach(&self, app: AppId, tasks: &[String]) -> Result<Done, ActError> {
        self.require(app)?;
        let identities = &*self.opened.engine.identities;
        let count = async |stats: &Stats| reach(identities, stats, app, (tasks, None)).await;
        Ok(Done::Reached(self.with_ledger(count).await?))
    }

    pub(super) async fn latencies(
        &self,
        app: AppId,
        tasks: &[String],
        (from, to): (u32, u32),
    ) -> Result<Done, ActError> {
        let found = self.app(app)?;
        let window = Window::new(Second(from), Second(to)).unwrap_or(Window::all());
        let audience = self.audience();
        let tell = async |stats: &Stats| {
            latencies(self.sources(&audience, stats), &found, tasks, window).await
        };
        Ok(Done::Latencies(self.with_ledger(tell).await?))
    }

    fn app(&self, app: AppId) -> Result<Arc<App>, ActError> {
        self.directory.get(app).ok_or(ActError::Missing { app })
    }

    /// Of devices, with the index over them.
    pub(super) fn audience(&self) -> Audience {
        let engine = &self.opened.engine;
        Audience::new(engine.devices.clone(), engine.accounts.clone())
    }

    /// What single events are told from.
    pub(super) fn sources<'a>(&'a self, audience: &'a Audience, stats: &'a Stats) -> Sources<'a> {
        let engine = &self.opened.engine;
        Sources {
            identities: &*engine.identities,
            tasks: &*engine.tasks,
            audience,
            stats,
            now: self.clock.now(),
        }
    }

    /// Asks the ledger: the running one, or with no server running one that is opened for it and closed again.
    pub(super) async fn with_ledger<T, E: Into<ActError>>(
        &self,
        ask: impl AsyncFnOnce(&Stats) -> Result<T, E>,
    ) -> Result<T, ActError> {
        match &self.ledger {
            Ledger::Open(stats) => ask(stats).await.map_err(Into::into),
            Ledger::Closed(options) => {
                let engine = self.opened.engine.clone();
                let stats = Stats::open(engine, self.clock.clone(), options.clone()).await?;
                let answer = ask(&stats).await;
                stats.close().await?;
                answer.map_err(Into::into)
            }
        }
    }

    pub(super) async fn set_task(
        &self,
        app: AppId,
        id: &str,
        wanted: Wanted,
    ) -> Result<Done, ActError> {
        self.require(app)?;
        let (task, state) = (task_id(app, id)?, wanted.state());
        let set = match self.running()? {
            Some(dispatch) => dispatch.set_task_state(app, &task, state).await?,
            None => {
                let tasks = &self.opened.engine.tasks;
                tasks.set_task_state(app, &task, state).await?
            }
        };
        let row = TaskRow::from(&set.ok_or_else(|| no_task(app, id))?);
        if !is_as_wanted(&row, state) {
            let (id, status) = (row.id, row.status);
            return Err(ActError::TaskOver { id, status });
        }
        self.note(app, wanted.what(), id).await;
        Ok(Done::TaskSet { row })
    }

    pub(super) async fn pause_app(&self, app: AppId, paused: bool) -> Result<Done, ActError> {
        self.require(app)?;
        match self.running()? {
            Some(dispatch) => dispatch.set_app_paused(app, paused).await?,
            None => self.opened.engine.tasks.set_app_paused(app, paused).await?,
        }
        let what = if paused { "app pause" } else { "app resume" };
        self.note(app, what, "").await;
        Ok(Done::AppPaused { paused })
    }

    pub(super) async fn list_audit(&self, listing: Listing) -> Result<Done, ActError> {
        let Listing {
            sdkappid,
            before,
            limit,
        } = listing;
        let page = audit_page(&self.audit, sdkappid.map(AppId), before, limit).await?;
        Ok(Done::Audited(page))
    }

    pub(super) fn require(&self, app: AppId) -> Result<(), ActError> {
        match self.directory.get(app) {
            Some(_) => Ok(()),
            None => Err(ActError::Missing { app }),
        }
    }
}

/// What cannot be a TaskId names no task.
fn task_id(app: AppId, id: &str) -> Result<TaskId, ActError> {
    TaskId::new(id).map_err(|_| no_task(app, id))
}

fn no_task(app: AppId, id: &str) -> ActError {
    let id = id.to_owned();
    ActError::NoTask { app, id }
}
