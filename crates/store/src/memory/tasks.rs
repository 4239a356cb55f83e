//! Tasks: every row in one map, quotas counted by looking at all of them.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{AppId, Number, Revocation, Second, TaskDraft, TaskId, TaskKind, TaskState};

use crate::StoreError;
use crate::accepting::{
    self, Standing, accepted, refusal, renamed, repeats, state_after, unrevoked,
};
use crate::forgetting::{silenced_revocation, without};
use crate::job_queue::{JobQueue, QueuedTask};
use crate::ports::{
    AcceptLimits, Accepted, Claim, ClaimedJob, Erased, Job, Revoked, StoredTask, TaskSeq, Tasks,
};

#[derive(Debug, Default)]
struct Accepting {
    tasks: BTreeMap<TaskSeq, StoredTask>,
    queue: JobQueue,
    last_broadcast_ms: BTreeMap<AppId, i64>,
    revocations: BTreeMap<TaskSeq, Revocation>,
    calls: BTreeMap<Job, Vec<Number>>,
}

#[derive(Debug, Default)]
pub(super) struct MemoryTasks(Mutex<Accepting>);

impl Accepting {
    fn find(&self, app: AppId, id: &TaskId) -> Option<TaskSeq> {
        let mut tasks = self.tasks.values();
        let found = tasks.find(|task| task.draft.app == app && task.draft.id == *id);
        found.map(|task| task.seq)
    }

    fn standing(&self, draft: &TaskDraft, limits: &AcceptLimits) -> Standing {
        let broadcasts = self.tasks.values().map(|task| &task.draft);
        let of_app =
            broadcasts.filter(|other| other.app == draft.app && other.kind == TaskKind::Broadcast);
        let day = accepting::day(limits);
        Standing {
            broadcasts: of_app
                .filter(|other| day.contains(&other.accepted_at))
                .count() as u32,
            last_broadcast_ms: self.last_broadcast_ms.get(&draft.app).copied(),
            open_tasks: self.queue.open_tasks(draft.app),
        }
    }

    /// The tasks of jobs that are to be added: all of them exist, or nothing is to change.
    fn check(&self, jobs: &[Job]) -> Result<(), StoreError> {
        let known = |job: &&Job| {
            self.tasks
                .get(&job.task)
                .is_some_and(|task| task.draft.app == job.app)
        };
        match jobs.iter().find(|job| !known(job)) {
            Some(job) => Err(StoreError::no_task(job)),
            None => Ok(()),
        }
    }

    fn add(&mut self, jobs: &[Job]) {
        for job in jobs {
            if let Some(task) = self.tasks.get_mut(&job.task) {
                task.done_at = None;
                self.queue.add(&QueuedTask::from(&*task), job);
            }
        }
    }
}

impl MemoryTasks {
    /// The place of the task that was accepted last.
    pub(super) fn last(&self) -> TaskSeq {
        TaskSeq(self.0.lock().tasks.len() as u64)
    }

    /// Forgets names in the tasks of an app up to a place.
    pub(super) fn forget(&self, app: AppId, gone: &BTreeSet<String>, last: TaskSeq) -> Erased {
        let Accepting {
            tasks, revocations, ..
        } = &mut *self.0.lock();
        let mut erased = Erased::default();
        let of_app = tasks.range_mut(..=last).map(|(_, task)| task);
        for task in of_app.filter(|task| task.draft.app == app) {
            let Some((after, what)) = without(task, gone) else {
                continue;
            };
            erased = erased.plus(what);
            if what.texts > 0
                && let Some(revocation) = revocations.get_mut(&task.seq)
            {
                *revocation = silenced_revocation(revocation);
            }
            *task = after;
        }
        erased
    }
}

#[async_trait]
impl Tasks for MemoryTasks {
    async fn accept_task(
        &self,
        draft: &TaskDraft,
        shards: Option<&[u16]>,
        limits: &AcceptLimits,
    ) -> Result<Accepted, StoreError> {
        let inner = &mut *self.0.lock();
        let named = inner.find(draft.app, &draft.id);
        if let Some(known) = named.and_then(|seq| inner.tasks.get(&seq))
            && let Some(answer) = renamed(draft, known)
        {
            return Ok(answer);
        }
        if let Some(task) = inner
            .tasks
            .values()
            .find(|task| repeats(draft, &task.draft))
        {
            return Ok(Accepted::Same(task.clone()));
        }
        if let Some(refused) = refusal(draft.kind, limits, &inner.standing(draft, limits)) {
            return Ok(refused);
        }
        if inner.find(draft.app, &draft.id).is_some() {
            return Err(StoreError::task_id_taken(&draft.id));
        }
        let (task, jobs) = accepted(TaskSeq(inner.tasks.len() as u64 + 1), draft, shards);
        for job in &jobs {
            inner.queue.add(&QueuedTask::from(&task), job);
        }
        if draft.kind == TaskKind::Broadcast {
            inner.last_broadcast_ms.insert(draft.app, limits.now_ms);
        }
        inner.tasks.insert(task.seq, task.clone());
        Ok(Accepted::New(task))
    }

    async fn find_stored_task(
        &self,
        app: AppId,
        id: &TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        let inner = self.0.lock();
        let seq = inner.find(app, id);
        Ok(seq.and_then(|seq| inner.tasks.get(&seq).cloned()))
    }

    async fn task_at(&self, seq: TaskSeq) -> Result<Option<StoredTask>, StoreError> {
        Ok(self.0.lock().tasks.get(&seq).cloned())
    }

    async fn list_tasks(
        &self,
        app: Option<AppId>,
        before: Option<TaskSeq>,
        max: usize,
    ) -> Result<Vec<StoredTask>, StoreError> {
        let inner = self.0.lock();
        let older = inner.tasks.values().rev().filter(|task| {
            before.is_none_or(|before| task.seq < before)
                && app.is_none_or(|app| task.draft.app == app)
        });
        Ok(older.take(max).cloned().collect())
    }

    async fn set_task_state(
        &self,
        app: AppId,
        id: &TaskId,
        state: TaskState,
    ) -> Result<Option<StoredTask>, StoreError> {
        let inner = &mut *self.0.lock();
        let seq = inner.find(app, id);
        let Some(task) = seq.and_then(|seq| inner.tasks.get_mut(&seq)) else {
            return Ok(None);
        };
        task.state = state_after(task, state);
        inner.queue.set_state(task.seq, task.state);
        Ok(Some(task.clone()))
    }

    async fn revoke_task(
        &self,
        app: AppId,
        id: &TaskId,
        revocation: &Revocation,
        age_s_max: u32,
    ) -> Result<Revoked, StoreError> {
        let inner = &mut *self.0.lock();
        let seq = inner.find(app, id);
        let Some(task) = seq.and_then(|seq| inner.tasks.get_mut(&seq)) else {
            return Ok(Revoked::Unknown);
        };
        if let Some(answer) = unrevoked(task, revocation.at, age_s_max) {
            return Ok(answer);
        }
        task.state = TaskState::Revoked;
        inner.queue.set_state(task.seq, task.state);
        inner.revocations.insert(task.seq, revocation.clone());
        Ok(Revoked::Now(Box::new(task.clone())))
    }

    async fn revocation(&self, task: TaskSeq) -> Result<Option<Revocation>, StoreError> {
        Ok(self.0.lock().revocations.get(&task).cloned())
    }

    async fn app_paused(&self, app: AppId) -> Result<bool, StoreError> {
        Ok(self.0.lock().queue.app_paused(app))
    }

    async fn set_app_paused(&self, app: AppId, paused: bool) -> Result<(), StoreError> {
        self.0.lock().queue.set_app_paused(app, paused);
        Ok(())
    }

    async fn claim_job(&self, claim: Claim, now_ms: i64) -> Result<Option<ClaimedJob>, StoreError> {
        Ok(self.0.lock().queue.claim(claim, now_ms))
    }

    async fn release_job(&self, job: &Job, not_before_ms: i64) -> Result<(), StoreError> {
        self.0.lock().queue.release(job, not_before_ms);
        Ok(())
    }

    async fn note_calls(&self, job: &Job, numbers: &[Number]) -> Result<(), StoreError> {
        let inner = &mut *self.0.lock();
        inner.calls.remove(job);
        if !numbers.is_empty() && inner.queue.is_open(job) {
            let mut numbers = numbers.to_vec();
            numbers.sort_unstable();
            inner.calls.insert(*job, numbers);
        }
        Ok(())
    }

    async fn noted_calls(&self, job: &Job) -> Result<Vec<Number>, StoreError> {
        Ok(self.0.lock().calls.get(job).cloned().unwrap_or_default())
    }

    async fn finish_job(&self, job: &Job, next: &[Job], at: Second) -> Result<(), StoreError> {
        let inner = &mut *self.0.lock();
        inner.check(next)?;
        let ended = inner.queue.finish(job);
        inner.calls.remove(job);
        inner.add(next);
        if ended
            && inner.queue.jobs_left(job.task) == 0
            && let Some(task) = inner.tasks.get_mut(&job.task)
        {
            task.done_at = Some(at);
        }
        Ok(())
    }

    async fn reopen_task(&self, jobs: &[Job]) -> Result<(), StoreError> {
        let inner = &mut *self.0.lock();
        inner.check(jobs)?;
        inner.add(jobs);
        Ok(())
    }

    async fn next_job_at(&self, now_ms: i64) -> Result<Option<i64>, StoreError> {
        Ok(self.0.lock().queue.next_at(now_ms))
    }

    async fn jobs_left(&self, task: TaskSeq) -> Result<usize, StoreError> {
        Ok(self.0.lock().queue.jobs_left(task))
    }
}
