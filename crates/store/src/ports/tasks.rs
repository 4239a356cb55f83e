//! Tasks and their jobs as an engine keeps them: acts, each atomic.

use async_trait::async_trait;
use pushtally_model::{
    AppId, Channel, Number, Revocation, Second, TaskDraft, TaskId, TaskState, Urgency,
};

use crate::StoreError;

/// A task's place in the order of acceptance, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskSeq(pub u64);

/// A stored task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTask {
    /// Its place.
    pub seq: TaskSeq,
    /// As it was accepted.
    pub draft: TaskDraft,
    /// What the operator wants of it.
    pub state: TaskState,
    /// When its last job finished.
    pub done_at: Option<Second>,
}

/// The quotas that accepting a task checks and takes, in one step with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptLimits {
    /// Broadcasts of the app on this quota day; `None` is no limit. Does not hold for a `batch`.
    pub broadcasts_per_day: Option<u32>,
    /// First second of the quota day.
    pub day_begins: Second,
    /// The millisecond in which it is accepted.
    pub now_ms: i64,
    /// A broadcast that comes this many milliseconds after the app's last one, or sooner, is too soon; 0 is no limit.
    pub broadcast_gap_ms: u32,
    /// Tasks of an app that may have jobs left.
    pub open_tasks_max: usize,
}

/// What accepting a task did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored, with its jobs.
    New(StoredTask),
    /// An equal one (sender, random, body) was accepted in the same second: that one.
    Same(StoredTask),
    /// Another task of the app has its id, or the same message push with another body: nothing changed. Only of a message
    /// push, whose sender names it.
    IdTaken,
    /// The day's broadcasts are used up: nothing changed.
    DayFull,
    /// The last broadcast was too short ago: nothing changed.
    TooSoon,
    /// Too many tasks of the app have jobs left: nothing changed.
    Busy,
}

/// What revoking a task did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// It is revoked: the task as it is then.
    Now(Box<StoredTask>),
    /// It was before: nothing changed.
    Before,
    /// It was accepted too long ago: nothing changed.
    TooOld,
    /// The app has no such task.
    Unknown,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Evaluates the audience, once, and plans.
    Plan,
    /// Sends what is planned on one channel (of one route: only `Online` is the online one).
    Send(Channel),
}

/// A job: one part of one task, in one shard or (a `batch`) in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job {
    /// The app.
    pub app: AppId,
    /// The task.
    pub task: TaskSeq,
    /// The shard; `None` is all.
    pub shard: Option<u16>,
    /// What to do.
    pub part: Part,
}

/// What a claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Urgent jobs only: the reserved share.
    Urgent,
    /// Urgent jobs first, then bulk.
    Any,
}

/// A claimed job, with what the worker needs to know of its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The job.
    pub job: Job,
    /// Its lane.
    pub urgency: Urgency,
    /// What the operator wanted when it was claimed.
    pub state: TaskState,
    /// The task's deadline.
    pub deadline: Second,
}

/// Tasks and jobs. Whatever an act changes is durable when it answers; claims are not kept over a restart.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Stores a task with its plan jobs (these shards, each once; or one job for all of them when `shards` is `None`),
    /// unless an equal one exists (same command, sender, random, body and second) or a quota is used up. Quotas are
    /// counted from stored tasks. A message push is equal to one of its id with its body, however old. A task without shards is done at once. An id that another task of the app has is an error.
    async fn accept_task(
        &self,
        draft: &TaskDraft,
        shards: Option<&[u16]>,
        limits: &AcceptLimits,
    ) -> Result<Accepted, StoreError>;

    /// A task by its public name.
    async fn find_stored_task(
        &self,
        app: AppId,
        id: &TaskId,
    ) -> Result<Option<StoredTask>, StoreError>;

    /// A task by its place.
    async fn task_at(&self, seq: TaskSeq) -> Result<Option<StoredTask>, StoreError>;

    /// Tasks before a place, newest first, of one app or all.
    async fn list_tasks(
        &self,
        app: Option<AppId>,
        before: Option<TaskSeq>,
        max: usize,
    ) -> Result<Vec<StoredTask>, StoreError>;

    /// Sets what the operator wants of a task, unless it is cancelled, revoked or done. `Revoked` is never set so. Answers
    /// the task as it is then; `None` when there is none.
    async fn set_task_state(
        &self,
        app: AppId,
        id: &TaskId,
        state: TaskState,
    ) -> Result<Option<StoredTask>, StoreError>;

    /// Revokes a task, done, cancelled or not, for good: once, and not when it was accepted more than `age_s_max` seconds before.
    async fn revoke_task(
        &self,
        app: AppId,
        id: &TaskId,
        revocation: &Revocation,
        age_s_max: u32,
    ) -> Result<Revoked, StoreError>;

    /// How a task was revoked; `None` when it was not.
    async fn revocation(&self, task: TaskSeq) -> Result<Option<Revocation>, StoreError>;

    /// Whether an app's tasks are paused, all of them.
    async fn app_paused(&self, app: AppId) -> Result<bool, StoreError>;

    /// Pauses or resumes all tasks of an app, present and future ones.
    async fn set_app_paused(&self, app: AppId, paused: bool) -> Result<(), StoreError>;

    /// Takes a job that may run now: not claimed, not waiting for a later time, its task and app not paused (unless the task's
    /// deadline has passed or it is cancelled or revoked: then it must be ended). Fair: apps in turn, within an app tasks in turn.
    async fn claim_job(&self, claim: Claim, now_ms: i64) -> Result<Option<ClaimedJob>, StoreError>;

    /// Gives a claimed job back, to run no earlier than this millisecond, whatever becomes of its task. A job that is not
    /// claimed stays as it is. Not durable: a restart runs it at once.
    async fn release_job(&self, job: &Job, not_before_ms: i64) -> Result<(), StoreError>;

    /// Notes that calls for these devices, and no others, may be under way for a job: durable, so that whoever claims it after a
    /// crash knows. None removes the note, and so does ending the job. A job that is not open keeps none.
    async fn note_calls(&self, job: &Job, numbers: &[Number]) -> Result<(), StoreError>;

    /// The devices last noted of a job, ascending.
    async fn noted_calls(&self, job: &Job) -> Result<Vec<Number>, StoreError>;

    /// Ends a claimed job and adds the ones that follow it (those that exist already stay as they are). Ending a
    /// task's last job sets its `done_at`. Ending a job that has ended changes nothing but adds. `Missing`, and nothing
    /// changed, when one to add names no task.
    async fn finish_job(&self, job: &Job, next: &[Job], at: Second) -> Result<(), StoreError>;

    /// Adds jobs to a task, done or not: a task that is reopened is no longer done. `Missing`, and nothing changed, when
    /// one names no task.
    async fn reopen_task(&self, jobs: &[Job]) -> Result<(), StoreError>;

    /// The earliest millisecond at which a job that waits now may run; `None` when none waits for a time.
    async fn next_job_at(&self, now_ms: i64) -> Result<Option<i64>, StoreError>;

    /// How many jobs are left of a task.
    async fn jobs_left(&self, task: TaskSeq) -> Result<usize, StoreError>;
}
