//! The tasks of one app that may run, in rings by turn.

use std::collections::BTreeSet;

use pushtally_model::AppId;

use super::task::TaskJobs;
use super::{LANES, lane};
use crate::ports::TaskSeq;

/// Pausing an app changes none of its rings, only which of them count: so it costs no more than any other act.
#[derive(Debug, Default)]
pub(super) struct AppRings {
    pub(super) paused: bool,
    /// Its tasks with jobs left.
    pub(super) tasks: usize,
    /// Its turn in each lane; 0 before its first task.
    pub(super) turns: [u64; LANES],
    /// Tasks that run unless the app is paused.
    running: [BTreeSet<(u64, TaskSeq)>; LANES],
    /// Tasks that must be ended, paused or not.
    ending: [BTreeSet<(u64, TaskSeq)>; LANES],
    /// When tasks have something to run next, while the app runs.
    wakes: BTreeSet<(i64, TaskSeq)>,
    /// The same, while it is paused.
    wakes_paused: BTreeSet<(i64, TaskSeq)>,
}

impl AppRings {
    /// The task whose turn it is in a lane.
    pub(super) fn next(&self, lane: usize) -> Option<TaskSeq> {
        let ending = self.ending[lane].first();
        let running = self.running[lane].first().filter(|_| !self.paused);
        let next = match (ending, running) {
            (Some(one), Some(other)) => one.min(other),
            (one, other) => one.or(other)?,
        };
        Some(next.1)
    }

    fn next_wake(&self) -> Option<i64> {
        let wakes = if self.paused {
            &self.wakes_paused
        } else {
            &self.wakes
        };
        wakes.first().map(|(at, _)| *at)
    }

    /// Puts the app where the whole queue looks for it.
    pub(super) fn enter(
        &self,
        id: AppId,
        lanes: &mut [BTreeSet<(u64, AppId)>; LANES],
        wakes: &mut BTreeSet<(i64, AppId)>,
    ) {
        for (lane, apps) in lanes.iter_mut().enumerate() {
            if self.next(lane).is_some() {
                apps.insert((self.turns[lane], id));
            }
        }
        wakes.extend(self.next_wake().map(|at| (at, id)));
    }

    /// Undoes `enter`; before anything of the app changes.
    pub(super) fn leave(
        &self,
        id: AppId,
        lanes: &mut [BTreeSet<(u64, AppId)>; LANES],
        wakes: &mut BTreeSet<(i64, AppId)>,
    ) {
        for (apps, turn) in lanes.iter_mut().zip(self.turns) {
            apps.remove(&(turn, id));
        }
        if let Some(at) = self.next_wake() {
            wakes.remove(&(at, id));
        }
    }

    /// Puts a task into the rings it belongs to.
    pub(super) fn insert(&mut self, known: &TaskJobs) {
        let (seq, lane) = (known.task.seq, lane(known.task.urgency));
        if known.runs() && !known.ready.is_empty() {
            self.ring(known)[lane].insert((known.turn, seq));
        }
        let (running, paused) = known.wakes();
        self.wakes.extend(running.map(|at| (at, seq)));
        self.wakes_paused.extend(paused.map(|at| (at, seq)));
    }

    /// Undoes `insert`; before anything of the task changes.
    pub(super) fn remove(&mut self, known: &TaskJobs) {
        let (seq, lane) = (known.task.seq, lane(known.task.urgency));
        self.ring(known)[lane].remove(&(known.turn, seq));
        let (running, paused) = known.wakes();
        if let Some(at) = running {
            self.wakes.remove(&(at, seq));
        }
        if let Some(at) = paused {
            self.wakes_paused.remove(&(at, seq));
        }
    }

    fn ring(&mut self, known: &TaskJobs) -> &mut [BTreeSet<(u64, TaskSeq)>; LANES] {
        if known.must_end() {
            &mut self.ending
        } else {
            &mut self.running
        }
    }
}
