//! An engine that stops at its n-th call, as its `Fuse` says. Now and then it also refuses in a way that passes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_ledger::Batch;
use pushtally_model::{
    AppId, Kind, LossId, Number, Revocation, Second, TaskDraft, TaskId, TaskKey, TaskNumber,
    TaskState,
};
use pushtally_store::{
    AcceptLimits, Accepted, BatchVisitor, Claim, ClaimedJob, Engine, Identities, Job, Log,
    LogReport, LossText, NamedTask, Names, OwnTask, Position, Recipient, Resolved, Revoked,
    StoreError, StoredTask, TaskSeq, Tasks,
};

use crate::fuse::{Call, Edge, Fuse};
use crate::fused_devices::FusedDevices;

/// Wraps the ports that dispatch and the ledger write through.
pub(crate) fn fused(inner: &Engine, fuse: &Arc<Fuse>) -> (Engine, Arc<FusedTasks>) {
    let tasks = Arc::new(FusedTasks {
        inner: Arc::clone(&inner.tasks),
        fuse: Arc::clone(fuse),
        claimed: Mutex::default(),
    });
    let engine = Engine {
        log: Arc::new(FusedLog(Arc::clone(&inner.log), Arc::clone(fuse))),
        identities: Arc::new(FusedIdentities(
            Arc::clone(&inner.identities),
            Arc::clone(fuse),
        )),
        devices: Arc::new(FusedDevices(Arc::clone(&inner.devices), Arc::clone(fuse))),
        tasks: Arc::clone(&tasks) as Arc<dyn Tasks>,
        ..inner.clone()
    };
    (engine, tasks)
}

struct FusedLog(Arc<dyn Log>, Arc<Fuse>);

impl FusedLog {
    fn dead() -> StoreError {
        StoreError::Failed {
            what: "crashed".to_owned(),
        }
    }
}

#[async_trait]
impl Log for FusedLog {
    // The committer's thread must not hang, so a crash is an error here.
    async fn append(&self, batch: &Batch) -> Result<Position, StoreError> {
        let Self(inner, fuse) = self;
        if fuse.is_blown() {
            return Err(Self::dead());
        }
        if fuse.hiccup(25) {
            return Err(StoreError::Full {
                what: "nothing fits".to_owned(),
            });
        }
        match fuse.count() {
            None => inner.append(batch).await,
            Some(edge) => {
                if edge == Edge::After {
                    inner.append(batch).await?;
                }
                fuse.blow();
                Err(Self::dead())
            }
        }
    }

    async fn replay(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.0.replay(after, visit).await
    }

    async fn read_on(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.0.read_on(after, visit).await
    }

    async fn report(&self) -> Result<LogReport, StoreError> {
        self.0.report().await
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        self.0.verify().await
    }

    async fn drop_before(&self, included: &Position, ms: i64) -> Result<usize, StoreError> {
        self.0.drop_before(included, ms).await
    }
}

struct FusedIdentities(Arc<dyn Identities>, Arc<Fuse>);

#[async_trait]
impl Identities for FusedIdentities {
    async fn resolve(&self, app: AppId, names: &Names<'_>) -> Result<Resolved, StoreError> {
        self.1.pass(self.0.resolve(app, names)).await
    }

    async fn find_task(
        &self,
        app: AppId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<TaskKey>, StoreError> {
        self.1.pass(self.0.find_task(app, kind, id)).await
    }

    async fn find_recipients(
        &self,
        app: AppId,
        recipients: &[Recipient<'_>],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        self.0.find_recipients(app, recipients).await
    }

    async fn own_tasks(&self, from: TaskNumber, max: usize) -> Result<Vec<OwnTask>, StoreError> {
        self.0.own_tasks(from, max).await
    }

    async fn tasks_of(
        &self,
        app: AppId,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<NamedTask>, StoreError> {
        self.0.tasks_of(app, from, max).await
    }

    async fn find_loss(&self, app: AppId, loss: LossId) -> Result<Option<LossText>, StoreError> {
        self.0.find_loss(app, loss).await
    }

    async fn raise(&self, tasks_end: u32, ends: &BTreeMap<AppId, u32>) -> Result<(), StoreError> {
        self.0.raise(tasks_end, ends).await
    }

    async fn count(&self) -> Result<(u64, u64), StoreError> {
        self.0.count().await
    }
}

/// Also knows what is claimed: an engine forgets that with its process.
pub(crate) struct FusedTasks {
    inner: Arc<dyn Tasks>,
    fuse: Arc<Fuse>,
    claimed: Mutex<Vec<Job>>,
}

impl FusedTasks {
    /// What a restart does to claims.
    pub(crate) async fn forget_claims(&self) {
        let claimed = std::mem::take(&mut *self.claimed.lock());
        for job in claimed {
            self.inner.release_job(&job, 0).await.unwrap();
        }
    }

    fn hiccup(&self) -> Result<(), StoreError> {
        if self.fuse.is_blown() || !self.fuse.hiccup(40) {
            return Ok(());
        }
        Err(StoreError::Busy {
            what: "too much waits".to_owned(),
        })
    }
}

#[async_trait]
impl Tasks for FusedTasks {
    async fn accept_task(
        &self,
        draft: &TaskDraft,
        shards: Option<&[u16]>,
        limits: &AcceptLimits,
    ) -> Result<Accepted, StoreError> {
        self.fuse
            .pass(self.inner.accept_task(draft, shards, limits))
            .await
    }

    async fn find_stored_task(
        &self,
        app: AppId,
        id: &TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.fuse.pass(self.inner.find_stored_task(app, id)).await
    }

    async fn task_at(&self, seq: TaskSeq) -> Result<Option<StoredTask>, StoreError> {
        self.hiccup()?;
        self.fuse.pass(self.inner.task_at(seq)).await
    }

    async fn list_tasks(
        &self,
        app: Option<AppId>,
        before: Option<TaskSeq>,
        max: usize,
    ) -> Result<Vec<StoredTask>, StoreError> {
        self.fuse
            .pass(self.inner.list_tasks(app, before, max))
            .await
    }

    async fn set_task_state(
        &self,
        app: AppId,
        id: &TaskId,
        state: TaskState,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.fuse
            .pass(self.inner.set_task_state(app, id, state))
            .await
    }

    async fn revoke_task(
        &self,
        app: AppId,
        id: &TaskId,
        revocation: &Revocation,
        age_s_max: u32,
    ) -> Result<Revoked, StoreError> {
        self.fuse
            .pass(self.inner.revoke_task(app, id, revocation, age_s_max))
            .await
    }

    async fn revocation(&self, task: TaskSeq) -> Result<Option<Revocation>, StoreError> {
        self.fuse.pass(self.inner.revocation(task)).await
    }

    async fn app_paused(&self, app: AppId) -> Result<bool, StoreError> {
        let look = Call::SecondLook { looked: false };
        self.fuse.wait_if_held(look).await;
        self.fuse.pass(self.inner.app_paused(app)).await
    }

    async fn set_app_paused(&self, app: AppId, paused: bool) -> Result<(), StoreError> {
        self.fuse.pass(self.inner.set_app_paused(app, paused)).await
    }

    async fn claim_job(&self, claim: Claim, now_ms: i64) -> Result<Option<ClaimedJob>, StoreError> {
        let act = async {
            let claimed = self.inner.claim_job(claim, now_ms).await;
            if let Ok(Some(claimed)) = &claimed {
                self.claimed.lock().push(claimed.job);
            }
            claimed
        };
        self.fuse.pass(act).await
    }

    async fn release_job(&self, job: &Job, not_before_ms: i64) -> Result<(), StoreError> {
        let released = self
            .fuse
            .pass(self.inner.release_job(job, not_before_ms))
            .await;
        self.claimed.lock().retain(|claimed| claimed != job);
        released
    }

    async fn note_calls(&self, job: &Job, numbers: &[Number]) -> Result<(), StoreError> {
        self.hiccup()?;
        self.fuse.pass(self.inner.note_calls(job, numbers)).await
    }

    async fn noted_calls(&self, job: &Job) -> Result<Vec<Number>, StoreError> {
        self.fuse.pass(self.inner.noted_calls(job)).await
    }

    async fn finish_job(&self, job: &Job, next: &[Job], at: Second) -> Result<(), StoreError> {
        self.hiccup()?;
        self.fuse.wait_if_held(Call::Finish(job.part)).await;
        let finished = self.fuse.pass(self.inner.finish_job(job, next, at)).await;
        self.claimed.lock().retain(|claimed| claimed != job);
        finished
    }

    async fn reopen_task(&self, jobs: &[Job]) -> Result<(), StoreError> {
        self.fuse.pass(self.inner.reopen_task(jobs)).await
    }

    async fn next_job_at(&self, now_ms: i64) -> Result<Option<i64>, StoreError> {
        self.fuse.pass(self.inner.next_job_at(now_ms)).await
    }

    async fn jobs_left(&self, task: TaskSeq) -> Result<usize, StoreError> {
        let left = self.fuse.pass(self.inner.jobs_left(task)).await;
        self.fuse.wait_if_held(Call::Counted).await;
        left
    }
}
