//! The port of tasks and their jobs over the store.

use async_trait::async_trait;
use pushtally_model::{AppId, Number, Revocation, Second, TaskDraft, TaskId, TaskState};
use pushtally_store::{
    AcceptLimits, Accepted, Claim, ClaimedJob, Job, Revoked, StoreError, StoredTask, TaskSeq, Tasks,
};
use redb::ReadTransaction;

use super::super::rows::Called;
use super::super::tables::{
    APP_TASKS, APPS, ActError, CALLS, REVOCATIONS, TASK_IDS, TASKS, decode, job_key, row,
};
use super::super::{State, devices, tasks};
use super::of_tasks;

fn list(
    read: &ReadTransaction,
    app: Option<AppId>,
    before: u64,
    max: usize,
) -> Result<Vec<StoredTask>, ActError> {
    let table = read.open_table(TASKS)?;
    let mut found = Vec::new();
    match app {
        None => {
            for row in table.range(..before)?.rev().take(max) {
                found.push(decode("tasks", row?.1.value())?);
            }
        }
        Some(app) => {
            let places = read.open_table(APP_TASKS)?;
            for place in places.range((app.0, 0)..(app.0, before))?.rev().take(max) {
                let (_, seq) = place?.0.value();
                found.extend(tasks::task(&table, TaskSeq(seq))?);
            }
        }
    }
    Ok(found)
}

#[async_trait]
impl Tasks for State {
    async fn accept_task(
        &self,
        draft: &TaskDraft,
        shards: Option<&[u16]>,
        limits: &AcceptLimits,
    ) -> Result<Accepted, StoreError> {
        let (draft, limits) = (draft.clone(), *limits);
        let shards = shards.map(<[u16]>::to_vec);
        self.act(of_tasks(draft.app), move |tables, _| {
            tasks::accept(tables, &draft, shards.as_deref(), &limits)
        })
        .await
    }

    async fn find_stored_task(
        &self,
        app: AppId,
        id: &TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.read(|read| {
            let seq = tasks::seq_of(&read.open_table(TASK_IDS)?, app, id)?;
            let table = read.open_table(TASKS)?;
            let found = seq.map(|seq| tasks::task(&table, seq)).transpose()?;
            Ok(found.flatten())
        })
    }

    async fn task_at(&self, seq: TaskSeq) -> Result<Option<StoredTask>, StoreError> {
        self.read(|read| tasks::task(&read.open_table(TASKS)?, seq))
    }

    async fn list_tasks(
        &self,
        app: Option<AppId>,
        before: Option<TaskSeq>,
        max: usize,
    ) -> Result<Vec<StoredTask>, StoreError> {
        let before = before.map_or(u64::MAX, |seq| seq.0);
        self.read_apart(move |read| list(read, app, before, max))
            .await
    }

    async fn set_task_state(
        &self,
        app: AppId,
        id: &TaskId,
        state: TaskState,
    ) -> Result<Option<StoredTask>, StoreError> {
        let id = id.clone();
        self.act(of_tasks(app), move |tables, _| {
            tasks::set_state(tables, app, &id, state)
        })
        .await
    }

    async fn revoke_task(
        &self,
        app: AppId,
        id: &TaskId,
        revocation: &Revocation,
        age_s_max: u32,
    ) -> Result<Revoked, StoreError> {
        let (id, revocation) = (id.clone(), revocation.clone());
        self.act(of_tasks(app), move |tables, _| {
            tasks::revoke(tables, app, &id, &revocation, age_s_max)
        })
        .await
    }

    async fn revocation(&self, task: TaskSeq) -> Result<Option<Revocation>, StoreError> {
        self.read(|read| row("revocations", &read.open_table(REVOCATIONS)?, task.0))
    }

    async fn app_paused(&self, app: AppId) -> Result<bool, StoreError> {
        self.read(|read| Ok(devices::app_row(&read.open_table(APPS)?, app)?.paused))
    }

    async fn set_app_paused(&self, app: AppId, paused: bool) -> Result<(), StoreError> {
        self.act(of_tasks(app), move |tables, _| {
            tasks::set_app_paused(tables, app, paused)
        })
        .await
    }

    async fn claim_job(&self, claim: Claim, now_ms: i64) -> Result<Option<ClaimedJob>, StoreError> {
        Ok(self.jobs.lock().claim(claim, now_ms))
    }

    async fn release_job(&self, job: &Job, not_before_ms: i64) -> Result<(), StoreError> {
        self.jobs.lock().release(job, not_before_ms);
        Ok(())
    }

    async fn note_calls(&self, job: &Job, numbers: &[Number]) -> Result<(), StoreError> {
        let (job, numbers) = (*job, numbers.to_vec());
        self.act(of_tasks(job.app), move |tables, _| {
            tasks::note_calls(tables, &job, &numbers)
        })
        .await
    }

    async fn noted_calls(&self, job: &Job) -> Result<Vec<Number>, StoreError> {
        let key = job_key(job);
        self.read(|read| {
            let noted = row("calls", &read.open_table(CALLS)?, key.as_slice())?;
            Ok(noted.map(|Called(numbers)| numbers).unwrap_or_default())
        })
    }

    async fn finish_job(&self, job: &Job, next: &[Job], at: Second) -> Result<(), StoreError> {
        let (job, next) = (*job, next.to_vec());
        self.act(of_tasks(job.app), move |tables, _| {
            tasks::move_jobs(tables, Some((&job, at)), &next)
        })
        .await
    }

    async fn reopen_task(&self, jobs: &[Job]) -> Result<(), StoreError> {
        let Some(first) = jobs.first() else {
            return Ok(());
        };
        let (line, jobs) = (of_tasks(first.app), jobs.to_vec());
        self.act(line, move |tables, _| tasks::move_jobs(tables, None, &jobs))
            .await
    }

    async fn next_job_at(&self, now_ms: i64) -> Result<Option<i64>, StoreError> {
        Ok(self.jobs.lock().next_at(now_ms))
    }

    async fn jobs_left(&self, task: TaskSeq) -> Result<usize, StoreError> {
        Ok(self.jobs.lock().jobs_left(task))
    }
}
