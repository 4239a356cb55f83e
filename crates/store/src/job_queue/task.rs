//! The open jobs of one task, and what follows from them for its app's rings.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::TaskState;

use super::QueuedTask;
use crate::ports::{Job, Part};

/// A job within its task.
pub(super) type Place = (Option<u16>, Part);

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobState {
    /// It may run, if its task may.
    Ready,
    /// A worker has it.
    Claimed,
    /// It runs no earlier than this millisecond.
    Waiting(i64),
}

/// Invariant: `ready` and `waiting` hold exactly the jobs that `jobs` calls so.
#[derive(Debug)]
pub(super) struct TaskJobs {
    pub(super) task: QueuedTask,
    pub(super) turn: u64,
    /// Its deadline has passed.
    pub(super) expired: bool,
    pub(super) jobs: BTreeMap<Place, JobState>,
    pub(super) ready: BTreeSet<Place>,
    pub(super) waiting: BTreeSet<(i64, Place)>,
}

impl TaskJobs {
    pub(super) fn new(task: QueuedTask, turn: u64) -> Self {
        Self {
            task,
            turn,
            expired: false,
            jobs: BTreeMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
        }
    }

    pub(super) fn job(&self, (shard, part): Place) -> Job {
        Job {
            app: self.task.app,
            task: self.task.seq,
            shard,
            part,
        }
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<JobState> {
        let state = self.jobs.remove(&place)?;
        match state {
            JobState::Ready => drop(self.ready.remove(&place)),
            JobState::Waiting(at) => drop(self.waiting.remove(&(at, place))),
            JobState::Claimed => {}
        }
        Some(state)
    }

    /// Makes every job that waits ready; answers those.
    pub(super) fn end_waits(&mut self) -> BTreeSet<(i64, Place)> {
        let waited = std::mem::take(&mut self.waiting);
        for (_, place) in &waited {
            self.jobs.insert(*place, JobState::Ready);
            self.ready.insert(*place);
        }
        waited
    }

    /// What is left of it must be ended: nothing pauses that.
    pub(super) fn must_end(&self) -> bool {
        self.expired || self.task.state.is_over()
    }

    /// Whether it runs unless its app is paused.
    pub(super) fn runs(&self) -> bool {
        self.must_end() || self.task.state == TaskState::Running
    }

    /// When a job that cannot run now may run, if the app runs and if it is paused.
    pub(super) fn wakes(&self) -> (Option<i64>, Option<i64>) {
        let due = self.waiting.first().map(|(at, _)| *at);
        let held = if self.ready.is_empty() {
            due
        } else {
            Some(i64::MIN)
        };
        let held = held.map(|at| at.max(self.task.deadline_ms()));
        if self.must_end() {
            (due, due)
        } else if self.task.state == TaskState::Running {
            (due, held)
        } else {
            (held, held)
        }
    }
}
