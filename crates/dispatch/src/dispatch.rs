//! The running dispatch: starts its workers, takes pushes and wishes in, stops.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_channel::{Missed, Redeliver};
use pushtally_model::{
    App, AppId, Audience, Cell, Channel, Lane, Notification, Number, Route, TaskId, TaskState,
    Urgency,
};
use pushtally_store::{Claim, DeadTokens, Revoked, StoreError, StoredTask};
use tokio::task::JoinSet;

use crate::accept::Push;
use crate::brakes::Braked;
use crate::error::AcceptError;
use crate::estimate::Estimate;
use crate::fanout::{Fanout, Parts};
use crate::health::Health;
use crate::live::Kept;
use crate::revoke::may_show;
use crate::settings::{LIVE_TASKS_MAX, Settings, URGENT_SHARE, WORKERS_MAX};
use crate::worker::{Turn, run};

/// The running dispatch. Dropping it ends its workers where they stand; what they had sent without recording it is
/// sent again by the next one.
#[derive(Debug)]
pub struct Dispatch {
    fanout: Arc<Fanout>,
    workers: Mutex<JoinSet<()>>,
}

impl Dispatch {
    /// Puts right what a crash left, and starts the workers. Must be called within a runtime. With no workers, jobs are
    /// worked by `turn` alone.
    pub async fn start(parts: Parts, settings: Settings) -> Result<Arc<Self>, StoreError> {
        let count = settings.workers.min(WORKERS_MAX);
        let fanout = Arc::new(Fanout::new(parts, settings));
        fanout.await_returns().await?;
        fanout.look_back().await?;
        let urgent = match count {
            0 | 1 => 0,
            count => (count / URGENT_SHARE).max(1),
        };
        let mut workers = JoinSet::new();
        for worker in 0..count {
            let claim = if worker < urgent {
                Claim::Urgent
            } else {
                Claim::Any
            };
            workers.spawn(keep_running(Arc::clone(&fanout), claim));
        }
        Ok(Arc::new(Self {
            fanout,
            workers: Mutex::new(workers),
        }))
    }

    /// Accepts a push. The answer comes after it is stored with its jobs; an equal push (sender, random, body) of the same
    /// second is answered with the task of the first.
    pub async fn accept(&self, app: &App, push: Push) -> Result<StoredTask, AcceptError> {
        self.fanout.accept(app, push).await
    }

    /// Estimates a push of alerts to an audience, by the same rules by which it would be planned at this moment. Reads every
    /// device that is addressed, and keeps none.
    pub async fn estimate(
        &self,
        app: AppId,
        audience: &Audience,
        online_only: bool,
        urgency: Urgency,
    ) -> Result<Estimate, StoreError> {
        self.fanout
            .estimate(app, audience, online_only, urgency)
            .await
    }

    /// Sets what the operator wants of a task, unless it is cancelled, revoked or done. After the answer no channel is called
    /// for a task that was stopped or paused; calls in flight finish and count. Answers the task as it is then; `None` when
    /// the app has no such task.
    pub async fn set_task_state(
        &self,
        app: AppId,
        id: &TaskId,
        state: TaskState,
    ) -> Result<Option<StoredTask>, StoreError> {
        let tasks = &self.fanout.parts.tasks;
        let task = tasks.set_task_state(app, id, state).await?;
        if let Some(task) = &task {
            self.fanout.gates.wait_through(task.seq).await;
            if task.state.is_over() {
                self.fanout.live.remove(app, task.seq);
            }
        }
        self.fanout.ring();
        Ok(task)
    }

    /// Takes a push back, once. After the answer it is so for good and no channel is called for it; calls in flight finish and
    /// count, all else that is planned ends as `revoked`. Phones that may show it are told over the socket, those that are
    /// not connected when they are, within a day: to take it away and to show `instead`, if given. Nothing of that is counted.
    pub async fn revoke(
        &self,
        app: AppId,
        id: &TaskId,
        instead: Option<Notification>,
    ) -> Result<Revoked, StoreError> {
        self.fanout.revoke(app, id, instead).await
    }

    /// Pauses or resumes all tasks of an app, present and future ones. Deadlines hold.
    pub async fn set_app_paused(&self, app: AppId, paused: bool) -> Result<(), StoreError> {
        self.fanout.parts.tasks.set_app_paused(app, paused).await?;
        self.fanout.ring();
        Ok(())
    }

    /// Takes one job that may run now, and works it until it ends or must wait: what each worker does over and over.
    pub async fn turn(&self, claim: Claim) -> Turn {
        self.fanout.turn(claim).await
    }

    /// How far ahead of UTC the clock is that the app's days are counted by, in seconds.
    #[must_use]
    pub fn quota_day_offset_s(&self) -> i32 {
        self.fanout.settings.quota_day_offset_s
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        let now = self.fanout.parts.clock.now();
        self.fanout.counters.health(&self.fanout.brakes, now)
    }

    /// Where dead tokens go that somebody else hears of.
    #[must_use]
    pub fn dead_tokens(&self) -> Arc<dyn DeadTokens> {
        Arc::clone(&self.fanout.brakes) as Arc<dyn DeadTokens>
    }

    /// The app's lines whose dead tokens are not dropped, because too many die.
    #[must_use]
    pub fn braked(&self, app: AppId) -> Vec<Braked> {
        self.fanout.brakes.braked(app)
    }

    /// Has dead tokens of a channel dropped freely for a day, of one CertId or all whose brake is on; answers how many were.
    #[must_use]
    pub fn release_brakes(&self, app: AppId, channel: Channel, cert_id: Option<u32>) -> usize {
        self.fanout.brakes.release(app, channel, cert_id)
    }

    /// Takes no further job; waits, within the grace, until what is being sent is recorded. A second call does nothing.
    pub async fn stop(&self) {
        self.fanout.stopping.send_replace(true);
        let mut workers = std::mem::take(&mut *self.workers.lock());
        let all = async { while workers.join_next().await.is_some() {} };
        let grace = self.fanout.settings.stop_grace;
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!(
                ?grace,
                "workers did not end in time: what they were sending is sent again"
            );
            workers.shutdown().await;
        }
    }
}

/// A worker that panics is a bug, but the others' work and its own next job go on.
async fn keep_running(fanout: Arc<Fanout>, claim: Claim) {
    let mut one = JoinSet::new();
    loop {
        one.spawn(run(Arc::clone(&fanout), claim));
        match one.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                tracing::error!(%error, "a worker panicked; its job waits for a restart");
            }
            Some(_) | None => return,
        }
    }
}

#[async_trait]
impl Redeliver for Dispatch {
    async fn missed(&self, app: AppId, number: Number) -> Vec<Missed> {
        let fanout = &self.fanout;
        let mut may_be = Vec::new();
        for (seq, key) in fanout.live.of(app, number, fanout.parts.clock.now()) {
            match fanout.parts.stats.marks_of(key, number).await {
                Ok(marks) if may_show(&marks) => may_be.push((seq, marks)),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "what a device missed is not known now");
                    break;
                }
            }
        }
        // Looked at again: who was revoked meanwhile told the connected ones already, this device perhaps among them.
        let (mut missed, mut pushes) = (Vec::new(), 0);
        for (seq, marks) in may_be.into_iter().rev() {
            match fanout.live.get(app, seq) {
                Some(Kept::Live(task)) if is_missed(&marks) && pushes < LIVE_TASKS_MAX => {
                    pushes += 1;
                    missed.push(Missed::Push((*task.message).clone()));
                }
                Some(Kept::Revoked(task)) => missed.push(Missed::Revoked((*task.told).clone())),
                Some(Kept::Live(_)) | None => {}
            }
        }
        missed.reverse();
        missed
    }
}

/// Sent over the socket, and not acknowledged.
fn is_missed(marks: &[Cell]) -> bool {
    let online = |lane| marks.contains(&Cell::new(Route::Online, Channel::Online, lane));
    online(Lane::Sent) && !online(Lane::Delivered)
}
