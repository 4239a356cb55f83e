//! Acts on tasks and jobs, within a transaction. Each looks at everything before it writes anything.

use std::collections::BTreeMap;

use pushtally_model::{AppId, Number, Revocation, Second, TaskDraft, TaskId, TaskKind, TaskState};
use pushtally_store::accepting::{
    self, Standing, accepted, refusal, renamed, repeats, state_after, unrevoked,
};
use pushtally_store::job_queue::{JobQueue, QueuedTask};
use pushtally_store::{AcceptLimits, Accepted, Job, Revoked, StoreError, StoredTask, TaskSeq};
use redb::ReadableTable;

use super::devices::app_row;
use super::rows::Called;
use super::tables::{
    ActError, Bytes, SecondKey, Tables, broadcasts, encode, job_key, job_of, jobs_of, row,
    second_key, task_id_key,
};
use super::writer::Outcome;

/// What a committed act changes in the queue.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    Add(QueuedTask, Job),
    Finish(Job),
    SetState(TaskSeq, TaskState),
    SetAppPaused(AppId, bool),
}

impl Effect {
    pub(super) fn apply(self, queue: &mut JobQueue) {
        match self {
            Self::Add(task, job) => queue.add(&task, &job),
            Self::Finish(job) => drop(queue.finish(&job)),
            Self::SetState(task, state) => queue.set_state(task, state),
            Self::SetAppPaused(app, paused) => queue.set_app_paused(app, paused),
        }
    }
}

pub(super) fn task(
    tasks: &impl ReadableTable<u64, Bytes>,
    seq: TaskSeq,
) -> Result<Option<StoredTask>, ActError> {
    row("tasks", tasks, seq.0)
}

pub(super) fn seq_of(
    task_ids: &impl ReadableTable<Bytes, u64>,
    app: AppId,
    id: &TaskId,
) -> Result<Option<TaskSeq>, ActError> {
    let found = task_ids.get(task_id_key(app, id).as_slice())?;
    Ok(found.map(|seq| TaskSeq(seq.value())))
}

/// The task that a repeated call made.
fn repeated(tables: &Tables<'_>, draft: &TaskDraft) -> Result<Option<StoredTask>, ActError> {
    let equal = second_key(draft, 0)..=second_key(draft, u64::MAX);
    for row in tables.task_seconds.range(equal)? {
        let seq = row?.0.value().4;
        let known = task(&*tables.tasks, TaskSeq(seq))?;
        if let Some(known) = known.filter(|known| repeats(draft, &known.draft)) {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// Counted no further than the quota needs.
fn count_broadcasts(
    seconds: &impl ReadableTable<SecondKey, ()>,
    app: AppId,
    (from, before): (Second, Second),
    max: u32,
) -> Result<u32, ActError> {
    let mut count = 0;
    for row in seconds.range(broadcasts(app, from.0, before.0))? {
        row?;
        count += 1;
        if count >= max {
            break;
        }
    }
    Ok(count)
}

fn standing(
    tables: &Tables<'_>,
    draft: &TaskDraft,
    limits: &AcceptLimits,
) -> Result<Standing, ActError> {
    let seconds = &*tables.task_seconds;
    let day = accepting::day(limits);
    let used = match limits.broadcasts_per_day {
        Some(max) => count_broadcasts(seconds, draft.app, (day.start, day.end), max)?,
        None => 0,
    };
    let app = app_row(&*tables.apps, draft.app)?;
    Ok(Standing {
        broadcasts: used,
        last_broadcast_ms: app.last_broadcast_ms,
        open_tasks: usize::try_from(app.open_tasks).unwrap_or(usize::MAX),
    })
}

pub(super) fn accept(
    tables: &mut Tables<'_>,
    draft: &TaskDraft,
    shards: Option<&[u16]>,
    limits: &AcceptLimits,
) -> Result<Outcome<Accepted>, ActError> {
    if let Some(seq) = seq_of(&*tables.task_ids, draft.app, &draft.id)?
        && let Some(known) = task(&*tables.tasks, seq)?
        && let Some(answer) = renamed(draft, &known)
    {
        return Ok(Outcome::of(answer));
    }
    if let Some(known) = repeated(tables, draft)? {
        return Ok(Outcome::of(Accepted::Same(known)));
    }
    let standing = standing(tables, draft, limits)?;
    if let Some(refused) = refusal(draft.kind, limits, &standing) {
        return Ok(Outcome::of(refused));
    }
    if seq_of(&*tables.task_ids, draft.app, &draft.id)?.is_some() {
        return Err(StoreError::task_id_taken(&draft.id).into());
    }
    let last = tables.tasks.last()?.map(|(seq, _)| seq.value());
    let (task, jobs) = accepted(TaskSeq(last.unwrap_or_default() + 1), draft, shards);
    let mut counts = app_row(&*tables.apps, draft.app)?;
    counts.open_tasks += u64::from(!jobs.is_empty());
    if draft.kind == TaskKind::Broadcast {
        counts.last_broadcast_ms = Some(limits.now_ms);
    }
    let (counts, bytes) = (encode("apps", &counts)?, encode("tasks", &task)?);

    let seq = task.seq.0;
    tables.tasks.insert(seq, bytes.as_slice())?;
    tables
        .task_ids
        .insert(task_id_key(draft.app, &draft.id).as_slice(), seq)?;
    tables.app_tasks.insert((draft.app.0, seq), ())?;
    tables.task_seconds.insert(second_key(draft, seq), ())?;
    tables.apps.insert(draft.app.0, counts.as_slice())?;
    let mut effects = Vec::new();
    for job in jobs {
        tables.jobs.insert(job_key(&job).as_slice(), ())?;
        effects.push(Effect::Add(QueuedTask::from(&task), job));
    }
    Ok(Outcome::with_effects(Accepted::New(task), effects))
}

pub(super) fn set_state(
    tables: &mut Tables<'_>,
    app: AppId,
    id: &TaskId,
    state: TaskState,
) -> Result<Outcome<Option<StoredTask>>, ActError> {
    let Some(seq) = seq_of(&*tables.task_ids, app, id)? else {
        return Ok(Outcome::of(None));
    };
    let Some(mut known) = task(&*tables.tasks, seq)? else {
        return Ok(Outcome::of(None));
    };
    let after = state_after(&known, state);
    if after == known.state {
        return Ok(Outcome::of(Some(known)));
    }
    known.state = after;
    let bytes = encode("tasks", &known)?;
    tables.tasks.insert(seq.0, bytes.as_slice())?;
    let effects = vec![Effect::SetState(seq, after)];
    Ok(Outcome::with_effects(Some(known), effects))
}

pub(super) fn revoke(
    tables: &mut Tables<'_>,
    app: AppId,
    id: &TaskId,
    revocation: &Revocation,
    age_s_max: u32,
) -> Result<Outcome<Revoked>, ActError> {
    let known = match seq_of(&*tables.task_ids, app, id)? {
        Some(seq) => task(&*tables.tasks, seq)?,
        None => None,
    };
    let Some(mut known) = known else {
        return Ok(Outcome::of(Revoked::Unknown));
    };
    if let Some(answer) = unrevoked(&known, revocation.at, age_s_max) {
        return Ok(Outcome::of(answer));
    }
    known.state = TaskState::Revoked;
    let (row, bytes) = (encode("tasks", &known)?, encode("revocations", revocation)?);
    tables.tasks.insert(known.seq.0, row.as_slice())?;
    tables.revocations.insert(known.seq.0, bytes.as_slice())?;
    let effects = vec![Effect::SetState(known.seq, known.state)];
    Ok(Outcome::with_effects(
        Revoked::Now(Box::new(known)),
        effects,
    ))
}

pub(super) fn set_app_paused(
    tables: &mut Tables<'_>,
    app: AppId,
    paused: bool,
) -> Result<Outcome<()>, ActError> {
    let mut counts = app_row(&*tables.apps, app)?;
    if counts.paused == paused {
        return Ok(Outcome::of(()));
    }
    counts.paused = paused;
    let counts = encode("apps", &counts)?;
    tables.apps.insert(app.0, counts.as_slice())?;
    Ok(Outcome::with_effects(
        (),
        vec![Effect::SetAppPaused(app, paused)],
    ))
}

/// Notes who may be under way for a job, if it is open.
pub(super) fn note_calls(
    tables: &mut Tables<'_>,
    job: &Job,
    numbers: &[Number],
) -> Result<Outcome<()>, ActError> {
    let key = job_key(job);
    if numbers.is_empty() {
        forget_calls(tables, job)?;
    } else if tables.jobs.get(key.as_slice())?.is_some() {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        let row = encode("calls", &Called(numbers))?;
        tables.calls.insert(key.as_slice(), row.as_slice())?;
    }
    Ok(Outcome::of(()))
}

/// Only what is there is removed: removing it is written into the log.
fn forget_calls(tables: &mut Tables<'_>, job: &Job) -> Result<(), ActError> {
    let key = job_key(job);
    if tables.calls.get(key.as_slice())?.is_some() {
        tables.calls.remove(key.as_slice())?;
    }
    Ok(())
}

/// Ends `ended`, if it is open, and adds `next`.
pub(super) fn move_jobs(
    tables: &mut Tables<'_>,
    ended: Option<(&Job, Second)>,
    next: &[Job],
) -> Result<Outcome<()>, ActError> {
    let mut touched = BTreeMap::new();
    let ends = match ended {
        Some((job, _)) => tables.jobs.get(job_key(job).as_slice())?.is_some(),
        None => false,
    };
    for job in next
        .iter()
        .chain(ended.filter(|_| ends).map(|(job, _)| job))
    {
        if let std::collections::btree_map::Entry::Vacant(entry) = touched.entry(job.task) {
            let known = task(&*tables.tasks, job.task)?;
            entry.insert(Touched {
                task: known.ok_or_else(|| StoreError::no_task(job))?,
                jobs_before: has_jobs(tables, job.task)?,
            });
        }
    }
    let foreign = |job: &&Job| {
        touched
            .get(&job.task)
            .is_none_or(|known| known.task.draft.app != job.app)
    };
    if let Some(job) = next.iter().find(foreign) {
        return Err(StoreError::no_task(job).into());
    }
    let changes = plan(tables, &touched, ended.filter(|_| ends), next)?;

    let mut effects = Vec::new();
    if let Some((job, _)) = ended.filter(|_| ends) {
        tables.jobs.remove(job_key(job).as_slice())?;
        forget_calls(tables, job)?;
        effects.push(Effect::Finish(*job));
    }
    for job in next {
        tables.jobs.insert(job_key(job).as_slice(), ())?;
        if let Some(known) = touched.get(&job.task) {
            effects.push(Effect::Add(QueuedTask::from(&known.task), *job));
        }
    }
    for (seq, row) in changes.tasks {
        tables.tasks.insert(seq.0, row.as_slice())?;
    }
    for (app, row) in changes.apps {
        tables.apps.insert(app.0, row.as_slice())?;
    }
    if effects.is_empty() {
        return Ok(Outcome::of(()));
    }
    Ok(Outcome::with_effects((), effects))
}

/// A task whose jobs change.
struct Touched {
    task: StoredTask,
    jobs_before: bool,
}

/// Rows that follow from a change of jobs.
struct Changes {
    tasks: Vec<(TaskSeq, Vec<u8>)>,
    apps: Vec<(AppId, Vec<u8>)>,
}

fn plan(
    tables: &Tables<'_>,
    touched: &BTreeMap<TaskSeq, Touched>,
    ended: Option<(&Job, Second)>,
    next: &[Job],
) -> Result<Changes, ActError> {
    let mut tasks = Vec::new();
    let mut counts = BTreeMap::new();
    for (seq, Touched { task, jobs_before }) in touched {
        let gains = next.iter().any(|job| job.task == *seq);
        let keeps = match ended {
            Some((job, _)) if job.task == *seq => has_other_jobs(tables, job)?,
            _ => *jobs_before,
        };
        let done_at = match ended {
            _ if gains => None,
            Some((job, at)) if job.task == *seq && !keeps => Some(at),
            _ => task.done_at,
        };
        if done_at != task.done_at {
            let changed = StoredTask {
                done_at,
                ..task.clone()
            };
            tasks.push((*seq, encode("tasks", &changed)?));
        }
        let open = gains || keeps;
        if open != *jobs_before {
            let app = task.draft.app;
            let count = match counts.get(&app) {
                Some(count) => *count,
                None => app_row(&*tables.apps, app)?,
            };
            let open_tasks = if open {
                count.open_tasks + 1
            } else {
                count.open_tasks.saturating_sub(1)
            };
            counts.insert(
                app,
                super::rows::AppRow {
                    open_tasks,
                    ..count
                },
            );
        }
    }
    let mut apps = Vec::new();
    for (app, count) in counts {
        apps.push((app, encode("apps", &count)?));
    }
    Ok(Changes { tasks, apps })
}

fn has_jobs(tables: &Tables<'_>, task: TaskSeq) -> Result<bool, ActError> {
    let (from, to) = jobs_of(task);
    Ok(tables
        .jobs
        .range(from.as_slice()..to.as_slice())?
        .next()
        .is_some())
}

fn has_other_jobs(tables: &Tables<'_>, job: &Job) -> Result<bool, ActError> {
    let (from, to) = jobs_of(job.task);
    let key = job_key(job);
    for row in tables.jobs.range(from.as_slice()..to.as_slice())?.take(2) {
        if row?.0.value() != key.as_slice() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The queue as the tables have it: nothing claimed, nothing waiting.
pub(super) fn queue(
    tasks: &impl ReadableTable<u64, Bytes>,
    jobs: &impl ReadableTable<Bytes, ()>,
) -> Result<JobQueue, ActError> {
    let mut queue = JobQueue::new();
    let mut known: Option<StoredTask> = None;
    for row in jobs.iter()? {
        let (key, _) = row?;
        let Some(job) = job_of(AppId(0), key.value()) else {
            return Err(super::tables::damaged("jobs", super::rows::RowError::Bytes));
        };
        if known.as_ref().is_none_or(|known| known.seq != job.task) {
            known = task(tasks, job.task)?;
        }
        if let Some(task) = &known {
            let app = task.draft.app;
            queue.add(&QueuedTask::from(task), &Job { app, ..job });
        }
    }
    Ok(queue)
}
