//! A worker: takes a job, works it, gives back what must wait, and waits itself only when there is nothing to do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pushtally_store::{Claim, ClaimedJob, Job, Part, StoreError};

use crate::fanout::{Fanout, Fault, Worked};
use crate::settings::{IDLE_WAIT_MAX, IDLE_WAIT_MIN, RETRY_WAIT, SHARE_WAIT_MS};

/// What one turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A job was worked: to its end, or until it had to wait.
    Worked,
    /// No job may run at this millisecond.
    Idle {
        /// When that was.
        at_ms: i64,
    },
    /// The store did not answer; another turn may.
    Troubled,
    /// Nothing more is done until the process is restarted.
    Failed,
}

/// Takes turns until a stop, or a failure that does not pass.
pub(crate) async fn run(fanout: Arc<Fanout>, claim: Claim) {
    let mut stopping = fanout.stopping.subscribe();
    while !*stopping.borrow() {
        let wait = match fanout.turn(claim).await {
            Turn::Worked => continue,
            Turn::Idle { at_ms } => fanout.idle_wait(at_ms).await,
            Turn::Troubled => RETRY_WAIT,
            Turn::Failed => return,
        };
        tokio::select! {
            // Rung since the look, it rings at once.
            () = fanout.bell(claim).notified() => {}
            () = tokio::time::sleep(wait) => {}
            _ = stopping.changed() => {}
        }
    }
}

impl Fanout {
    /// Takes one job, if one may run now, and works it.
    pub(crate) async fn turn(&self, claim: Claim) -> Turn {
        if self.counters.has_failed() {
            return Turn::Failed;
        }
        let at_ms = self.parts.clock.now_ms();
        match self.parts.tasks.claim_job(claim, at_ms).await {
            Ok(None) => Turn::Idle { at_ms },
            Ok(Some(claimed)) => {
                self.bell(claim).notify_one();
                self.work(&claimed).await;
                Turn::Worked
            }
            Err(error) => self.trouble("claiming a job", error),
        }
    }

    async fn work(&self, claimed: &ClaimedJob) {
        let job = &claimed.job;
        let not_before_ms = match self.act(claimed).await {
            Ok(Worked::Finished) => return,
            Ok(Worked::Later(not_before_ms)) => not_before_ms,
            Err(Fault::Unrecorded(error)) => {
                // The job stays claimed: in this process nobody sends it again.
                self.counters.unrecorded.fetch_add(1, Ordering::Relaxed);
                self.counters
                    .fail(format!("what was sent is not recorded: {error}"));
                return;
            }
            Err(Fault::Store(error)) => match self.trouble("working a job", error) {
                Turn::Failed => return,
                Turn::Worked | Turn::Idle { .. } | Turn::Troubled => {
                    let rest_ms = i64::try_from(RETRY_WAIT.as_millis()).unwrap_or(i64::MAX);
                    self.after_ms(rest_ms)
                }
            },
        };
        self.release(job, not_before_ms).await;
    }

    async fn act(&self, claimed: &ClaimedJob) -> Result<Worked, Fault> {
        let job = &claimed.job;
        if let Some(at_ms) = self.returns_at_ms(claimed).await? {
            return Ok(Worked::Later(at_ms));
        }
        match job.part {
            Part::Plan => self.plan(job).await,
            Part::Send(channel) => match self.shares.take(job.app, channel, claimed.urgency) {
                Some(_place) => self.send(job, channel).await,
                None => Ok(Worked::Later(self.after_ms(SHARE_WAIT_MS))),
            },
        }
    }

    async fn release(&self, job: &Job, not_before_ms: i64) {
        if let Err(error) = self.parts.tasks.release_job(job, not_before_ms).await {
            self.counters
                .fail(format!("a job could not be given back: {error}"));
        }
        // Whoever waits must know of the new time.
        self.ring();
    }

    fn trouble(&self, doing: &'static str, error: StoreError) -> Turn {
        match error {
            StoreError::Failed { what } => {
                self.counters.fail(what);
                Turn::Failed
            }
            error @ (StoreError::Full { .. }
            | StoreError::Busy { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Io { .. }
            | StoreError::Missing { .. }) => {
                tracing::warn!(doing, %error, "dispatch tries again");
                Turn::Troubled
            }
        }
    }

    fn after_ms(&self, ms: i64) -> i64 {
        self.parts.clock.now_ms().saturating_add(ms)
    }

    /// How long to wait for the next job that waits for a time.
    async fn idle_wait(&self, at_ms: i64) -> Duration {
        let next = match self.parts.tasks.next_job_at(at_ms).await {
            Ok(Some(next_ms)) => next_ms - self.parts.clock.now_ms(),
            Ok(None) => return IDLE_WAIT_MAX,
            Err(_) => return RETRY_WAIT,
        };
        let next = Duration::from_millis(u64::try_from(next).unwrap_or_default());
        next.clamp(IDLE_WAIT_MIN, IDLE_WAIT_MAX)
    }
}
