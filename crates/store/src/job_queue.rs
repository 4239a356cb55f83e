//! Open jobs and whose turn it is: pure, no storage, no clock. Engines keep one in memory, rebuilt from what they store.
//!
//! Invariant: a task stands in at most one ring of its app (by its turn), an app in a lane exactly when one of its tasks
//! may run there. Turns only grow. A task takes one when its first job comes and one with every claim, an app likewise in
//! each lane; the lowest turn is next. So between two claims of one task every other that could run had its turn, and
//! likewise every other app. Every act is O(log n) but for jobs and deadlines that come due: O(log n) each, once.

mod app;
mod task;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{AppId, Second, TaskState, Urgency};

use crate::ports::{Claim, ClaimedJob, Job, StoredTask, TaskSeq};

use app::AppRings;
use task::{JobState, Place, TaskJobs};

/// What the queue knows of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedTask {
    /// The app.
    pub app: AppId,
    /// Its place.
    pub seq: TaskSeq,
    /// Its lane.
    pub urgency: Urgency,
    /// What the operator wants of it.
    pub state: TaskState,
    /// Its deadline.
    pub deadline: Second,
}

impl From<&StoredTask> for QueuedTask {
    fn from(task: &StoredTask) -> Self {
        Self {
            app: task.draft.app,
            seq: task.seq,
            urgency: task.draft.urgency,
            state: task.state,
            deadline: task.draft.deadline,
        }
    }
}

impl QueuedTask {
    fn deadline_ms(&self) -> i64 {
        i64::from(self.deadline.0) * 1000
    }
}

/// The lanes, each with the apps that have a job to run in it, by turn.
const LANES: usize = 2;

const fn lane(urgency: Urgency) -> usize {
    match urgency {
        Urgency::Urgent => 0,
        Urgency::Bulk => 1,
    }
}

/// The queue.
#[derive(Debug, Default)]
pub struct JobQueue {
    tasks: BTreeMap<TaskSeq, TaskJobs>,
    apps: BTreeMap<AppId, AppRings>,
    lanes: [BTreeSet<(u64, AppId)>; LANES],
    /// When a job of an app that cannot run now may run next.
    wakes: BTreeSet<(i64, AppId)>,
    /// Every job that waits for a time.
    waiting: BTreeSet<(i64, TaskSeq, Place)>,
    /// Every deadline that has not passed.
    deadlines: BTreeSet<(i64, TaskSeq)>,
    turn: u64,
    /// The latest time it was told. Never runs backwards.
    now_ms: i64,
}

impl JobQueue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a job of a task. One that exists already stays as it is.
    pub fn add(&mut self, task: &QueuedTask, job: &Job) {
        if !self.tasks.contains_key(&task.seq) {
            self.add_task(task);
        }
        self.change(task.seq, |known| {
            known.jobs.entry(place(job)).or_insert_with_key(|place| {
                known.ready.insert(*place);
                JobState::Ready
            });
        });
    }

    fn add_task(&mut self, task: &QueuedTask) {
        let mut next = || {
            self.turn += 1;
            self.turn
        };
        let app = self.apps.entry(task.app).or_default();
        for turn in &mut app.turns {
            if *turn == 0 {
                *turn = next();
            }
        }
        app.tasks += 1;
        let known = TaskJobs::new(*task, next());
        self.deadlines.insert((task.deadline_ms(), task.seq));
        self.tasks.insert(task.seq, known);
    }

    /// Whether a job has not ended.
    #[must_use]
    pub fn is_open(&self, job: &Job) -> bool {
        let task = self.tasks.get(&job.task);
        task.is_some_and(|task| task.task.app == job.app && task.jobs.contains_key(&place(job)))
    }

    /// Ends a job, claimed or not. Answers whether it was there.
    pub fn finish(&mut self, job: &Job) -> bool {
        let place = place(job);
        let ended = self.change(job.task, |known| known.remove(place)).flatten();
        if let Some(JobState::Waiting(at)) = ended {
            self.waiting.remove(&(at, job.task, place));
        }
        self.forget_if_empty(job.task);
        ended.is_some()
    }

    fn forget_if_empty(&mut self, seq: TaskSeq) {
        if self
            .tasks
            .get(&seq)
            .is_none_or(|known| !known.jobs.is_empty())
        {
            return;
        }
        if let Some(known) = self.tasks.remove(&seq) {
            self.deadlines.remove(&(known.task.deadline_ms(), seq));
            if let Some(app) = self.apps.get_mut(&known.task.app) {
                app.tasks -= 1;
            }
        }
    }

    /// Takes the job whose turn it is.
    pub fn claim(&mut self, claim: Claim, now_ms: i64) -> Option<ClaimedJob> {
        self.advance(now_ms);
        let lanes = match claim {
            Claim::Urgent => &[Urgency::Urgent][..],
            Claim::Any => &[Urgency::Urgent, Urgency::Bulk],
        };
        lanes.iter().find_map(|urgency| self.claim_in(*urgency))
    }

    fn claim_in(&mut self, urgency: Urgency) -> Option<ClaimedJob> {
        let lane = lane(urgency);
        let (_, app_id) = *self.lanes[lane].first()?;
        let seq = self.apps.get(&app_id)?.next(lane)?;
        self.turn += 2;
        let turn = self.turn;
        self.change_in_turn(seq, Some((lane, turn - 1)), |known| {
            let place = known.ready.pop_first()?;
            known.jobs.insert(place, JobState::Claimed);
            known.turn = turn;
            Some(ClaimedJob {
                job: known.job(place),
                urgency,
                state: known.task.state,
                deadline: known.task.deadline,
            })
        })?
    }

    /// Gives a claimed job back. One that is not claimed stays as it is.
    pub fn release(&mut self, job: &Job, not_before_ms: i64) {
        let place = place(job);
        let waits = self.change(job.task, |known| {
            let claimed = known.jobs.get(&place) == Some(&JobState::Claimed);
            if claimed {
                known.jobs.insert(place, JobState::Waiting(not_before_ms));
                known.waiting.insert((not_before_ms, place));
            }
            claimed
        });
        if waits == Some(true) {
            self.waiting.insert((not_before_ms, job.task, place));
        }
    }

    /// Sets what the operator wants of a task, if it has jobs. One that is over waits for no time: nothing of it is sent.
    pub fn set_state(&mut self, task: TaskSeq, state: TaskState) {
        let freed = self.change(task, |known| {
            known.task.state = state;
            match state.is_over() {
                true => known.end_waits(),
                false => BTreeSet::new(),
            }
        });
        for (at, place) in freed.into_iter().flatten() {
            self.waiting.remove(&(at, task, place));
        }
    }

    /// Pauses or resumes an app.
    pub fn set_app_paused(&mut self, app: AppId, paused: bool) {
        let known = self.apps.entry(app).or_default();
        known.leave(app, &mut self.lanes, &mut self.wakes);
        known.paused = paused;
        known.enter(app, &mut self.lanes, &mut self.wakes);
    }

    /// Whether an app is paused.
    #[must_use]
    pub fn app_paused(&self, app: AppId) -> bool {
        self.apps.get(&app).is_some_and(|app| app.paused)
    }

    /// The earliest millisecond at which a job that cannot run now may run, as things are.
    pub fn next_at(&mut self, now_ms: i64) -> Option<i64> {
        self.advance(now_ms);
        self.wakes.first().map(|(at, _)| *at)
    }

    /// How many jobs are left of a task.
    #[must_use]
    pub fn jobs_left(&self, task: TaskSeq) -> usize {
        self.tasks.get(&task).map_or(0, |known| known.jobs.len())
    }

    /// How many tasks of an app have jobs left.
    #[must_use]
    pub fn open_tasks(&self, app: AppId) -> usize {
        self.apps.get(&app).map_or(0, |app| app.tasks)
    }

    /// Lets the jobs run whose time has come, and the tasks whose deadline has passed.
    fn advance(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms);
        while let Some((at, seq, place)) = self.waiting.first().copied()
            && at <= self.now_ms
        {
            self.waiting.pop_first();
            self.change(seq, |known| {
                known.waiting.remove(&(at, place));
                known.jobs.insert(place, JobState::Ready);
                known.ready.insert(place);
            });
        }
        while let Some((at, seq)) = self.deadlines.first().copied()
            && at <= self.now_ms
        {
            self.deadlines.pop_first();
            self.change(seq, |known| known.expired = true);
        }
    }

    fn change<R>(&mut self, seq: TaskSeq, act: impl FnOnce(&mut TaskJobs) -> R) -> Option<R> {
        self.change_in_turn(seq, None, act)
    }

    /// Changes a task while it, and its app, stand in no ring; gives the app a new turn in a lane.
    fn change_in_turn<R>(
        &mut self,
        seq: TaskSeq,
        turn: Option<(usize, u64)>,
        act: impl FnOnce(&mut TaskJobs) -> R,
    ) -> Option<R> {
        let known = self.tasks.get_mut(&seq)?;
        let id = known.task.app;
        let app = self.apps.entry(id).or_default();
        app.leave(id, &mut self.lanes, &mut self.wakes);
        app.remove(known);
        let answer = act(known);
        app.insert(known);
        if let Some((lane, turn)) = turn {
            app.turns[lane] = turn;
        }
        app.enter(id, &mut self.lanes, &mut self.wakes);
        Some(answer)
    }
}

const fn place(job: &Job) -> Place {
    (job.shard, job.part)
}
