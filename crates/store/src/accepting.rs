//! Whether a task is accepted, what its first jobs are, and whether it may be changed: values in, values out.
//!
//! Every engine looks up what these functions ask for, and writes what they answer. They know no storage.

use pushtally_model::{Second, TaskDraft, TaskKind, TaskState};

use crate::ports::{AcceptLimits, Accepted, Job, Part, Revoked, StoredTask, TaskSeq};

/// What the quotas of an app have been used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its broadcasts accepted on the quota day.
    pub broadcasts: u32,
    /// The millisecond in which its last broadcast was accepted.
    pub last_broadcast_ms: Option<i64>,
    /// Its tasks that have jobs left.
    pub open_tasks: usize,
}

/// Why a task that is not known yet is refused; `None` when it is not. A `batch` takes no quota of broadcasts.
#[must_use]
pub fn refusal(kind: TaskKind, limits: &AcceptLimits, standing: &Standing) -> Option<Accepted> {
    let broadcast = kind == TaskKind::Broadcast;
    let used_up = limits
        .broadcasts_per_day
        .map(|max| standing.broadcasts >= max);
    if broadcast && used_up == Some(true) {
        Some(Accepted::DayFull)
    } else if broadcast && is_too_soon(standing.last_broadcast_ms, limits) {
        Some(Accepted::TooSoon)
    } else if standing.open_tasks >= limits.open_tasks_max {
        Some(Accepted::Busy)
    } else {
        None
    }
}

/// Whether a broadcast now is too near to the last one. Both ways, so that a clock that was set back a little does not let
/// a second one through.
fn is_too_soon(last_ms: Option<i64>, limits: &AcceptLimits) -> bool {
    let gap_ms = u64::from(limits.broadcast_gap_ms);
    gap_ms > 0 && last_ms.is_some_and(|last_ms| limits.now_ms.abs_diff(last_ms) <= gap_ms)
}

/// The seconds of the quota day.
#[must_use]
pub fn day(limits: &AcceptLimits) -> std::ops::Range<Second> {
    let begins = limits.day_begins;
    begins..Second(begins.0.saturating_add(Second::DAY_S))
}

/// Whether a task is the one that a repeated call made: the same command, sender, random and body in the same second.
#[must_use]
pub fn repeats(draft: &TaskDraft, known: &TaskDraft) -> bool {
    let of = |draft: &TaskDraft| (draft.app, draft.kind, draft.accepted_at, draft.random);
    of(draft) == of(known) && draft.sender == known.sender && draft.body_hash == known.body_hash
}

/// What a message push comes to whose id a task of the app has already: its sender names it, so saying it again is no
/// second one, and saying something else under the name is refused. `None` when the task is not a message push.
#[must_use]
pub fn renamed(draft: &TaskDraft, known: &StoredTask) -> Option<Accepted> {
    (draft.kind == TaskKind::Message).then(|| {
        if known.draft.kind == TaskKind::Message && known.draft.body_hash == draft.body_hash {
            Accepted::Same(known.clone())
        } else {
            Accepted::IdTaken
        }
    })
}

/// A task as it is stored when it is accepted, and its plan jobs, each once. One without jobs is done at once.
#[must_use]
pub fn accepted(seq: TaskSeq, draft: &TaskDraft, shards: Option<&[u16]>) -> (StoredTask, Vec<Job>) {
    let job = |shard| Job {
        app: draft.app,
        task: seq,
        shard,
        part: Part::Plan,
    };
    let mut jobs: Vec<Job> = match shards {
        Some(shards) => shards.iter().copied().map(Some).map(job).collect(),
        None => vec![job(None)],
    };
    jobs.sort_unstable();
    jobs.dedup();
    let task = StoredTask {
        seq,
        draft: draft.clone(),
        state: TaskState::Running,
        done_at: jobs.is_empty().then_some(draft.accepted_at),
    };
    (task, jobs)
}

/// The state of a task after an operator asked for one. No operator revokes.
#[must_use]
pub fn state_after(task: &StoredTask, asked: TaskState) -> TaskState {
    if task.done_at.is_some() || task.state.is_over() || asked == TaskState::Revoked {
        task.state
    } else {
        asked
    }
}

/// Why a task is not revoked; `None` when it is. Whoever asks twice hears that it was, however old it is.
#[must_use]
pub fn unrevoked(task: &StoredTask, at: Second, age_s_max: u32) -> Option<Revoked> {
    if task.state == TaskState::Revoked {
        Some(Revoked::Before)
    } else if at.0.saturating_sub(task.draft.accepted_at.0) > age_s_max {
        Some(Revoked::TooOld)
    } else {
        None
    }
}
