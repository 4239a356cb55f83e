//! Both sides of a task beside each other, and why they differ, probably. Pure.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{Second, Stage, Window};
use serde::Serialize;

use crate::{
    BEGINNING_S, Counts, KEPT_S, MOVING_S, Origin, OurRow, OurTask, Place, Reason, TheirTask,
    whole_days,
};

/// What is known beside the counts of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What was asked for.
    pub window: Window,
    /// When.
    pub now: Second,
    /// The second of the first event of all of the app's tasks here; `None` when none has ever come.
    pub first: Option<Second>,
    /// Events of the app that were counted already when they came.
    pub repeated: u64,
}

/// A count of ours and of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// What we count.
    pub ours: u64,
    /// What they count.
    pub theirs: u64,
}

/// A route and platform of a task, or all of them together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `None` is the total.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// `TotalCount`.
    pub planned: Pair,
    /// `SentCount`.
    pub sent: Pair,
    /// `DeliveredCount`.
    pub delivered: Pair,
    /// `ClickCount`.
    pub clicked: Pair,
    /// Likely reasons, the likeliest first; empty when nothing differs.
    pub reasons: Vec<Reason>,
}

/// A task on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskComparison {
    /// The TaskId.
    pub task: String,
    /// How it is known here.
    pub origin: Origin,
    /// Whether nothing differs.
    pub equal: bool,
    /// By EventType, then PushPlatform; those with a count on either side.
    pub rows: Vec<Line>,
    /// What both say of all rows together.
    pub total: Line,
}

/// All tasks on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether nothing differs.
    pub equal: bool,
    /// The tasks, in the order in which they were given.
    pub tasks: Vec<TaskComparison>,
}

/// Pairs the sides. A task that they gave no result for has no counts there.
#[must_use]
pub fn compare(
    facts: &Facts,
    ours: &[OurTask],
    theirs: &BTreeMap<String, TheirTask>,
) -> Comparison {
    let nothing = TheirTask::default();
    let tasks: Vec<TaskComparison> = ours
        .iter()
        .map(|task| compare_task(facts, task, theirs.get(&task.id).unwrap_or(&nothing)))
        .collect();
    Comparison {
        equal: tasks.iter().all(|task| task.equal),
        tasks,
    }
}

fn compare_task(facts: &Facts, ours: &OurTask, theirs: &TheirTask) -> TaskComparison {
    let of_task = of_task(facts, ours, theirs);
    let our_rows: BTreeMap<Place, OurRow> = ours.rows.iter().map(|row| (row.place, *row)).collect();
    let places: BTreeSet<Place> = our_rows.keys().chain(theirs.rows.keys()).copied().collect();
    let (mut rows, mut our_total, mut their_sum) =
        (Vec::new(), Counts::default(), Counts::default());
    for place in places {
        let our = our_rows.get(&place).copied().unwrap_or(OurRow {
            place,
            within: Counts::default(),
            in_days: Counts::default(),
            ever: Counts::default(),
        });
        let their = theirs.rows.get(&place).copied().unwrap_or_default();
        our_total = our_total.plus(our.within);
        their_sum = their_sum.plus(their);
        if our.within.is_zero() && their.is_zero() {
            continue;
        }
        let mut line = Line::new(Some(place), our.within, their);
        if !line.is_equal() {
            line.reasons = match of_task {
                Some(reason) => vec![reason],
                None => reasons(facts, ours, &our, their),
            };
        }
        rows.push(line);
    }
    let mut total = Line::new(None, our_total, theirs.total);
    if !total.is_equal() {
        total.reasons = match of_task {
            Some(reason) => vec![reason],
            None => of_total(&rows, theirs.total != their_sum),
        };
    }
    TaskComparison {
        task: ours.id.clone(),
        origin: ours.origin,
        equal: total.is_equal() && rows.iter().all(Line::is_equal),
        rows,
        total,
    }
}

/// What explains the whole task.
fn of_task(facts: &Facts, ours: &OurTask, theirs: &TheirTask) -> Option<Reason> {
    let nothing_there = theirs.total.is_zero() && theirs.rows.values().all(Counts::is_zero);
    let last = ours.last.map(Second);
    if ours.origin == Origin::Own {
        Some(Reason::SentFromHere)
    } else if facts.first.is_none() && !nothing_there {
        Some(Reason::NothingComesHere)
    } else if !nothing_there || is_moving(facts, last) {
        None
    } else if last.is_some_and(|last| last.0 < facts.now.0.saturating_sub(KEPT_S)) {
        Some(Reason::TooOldThere)
    } else {
        Some(Reason::NotKnownThere)
    }
}

/// The reasons of a total are those of its rows, and one of its own.
fn of_total(rows: &[Line], is_their_sum_wrong: bool) -> Vec<Reason> {
    let mut reasons: BTreeSet<Reason> = rows.iter().flat_map(|row| row.reasons.clone()).collect();
    if is_their_sum_wrong {
        reasons.insert(Reason::TheirSum);
    }
    reasons.into_iter().collect()
}

fn is_moving(facts: &Facts, last: Option<Second>) -> bool {
    last.is_some_and(|last| last.0 >= facts.now.0.saturating_sub(MOVING_S))
}

/// What explains a row that differs, of a task that both sides know.
fn reasons(facts: &Facts, task: &OurTask, ours: &OurRow, theirs: Counts) -> Vec<Reason> {
    let mut found = Vec::new();
    let differing: Vec<Stage> = Stage::ALL
        .into_iter()
        .filter(|stage| ours.within.of(*stage) != theirs.of(*stage))
        .collect();
    let is_more_there = |stage: &Stage| theirs.of(*stage) > ours.within.of(*stage);
    let more_there: Vec<Stage> = differing.iter().copied().filter(is_more_there).collect();
    let missing = more_there
        .iter()
        .map(|stage| theirs.of(*stage) - ours.within.of(*stage));
    let missing: u64 = missing.sum();
    let place = ours.place;
    if place.platform > Place::PLATFORM_MAX || !(1..=2).contains(&place.route) {
        return vec![Reason::UnknownPlatform];
    }
    if whole_days(facts.window) != facts.window && ours.in_days == theirs {
        found.push(Reason::WholeDays);
    } else if ours.ever == theirs {
        found.push(Reason::OutsideWindow);
    }
    if is_moving(facts, task.last.map(Second)) {
        found.push(Reason::StillMoving);
    }
    if !found.is_empty() {
        return found;
    }
    if more_there.len() < differing.len() {
        let is_old = task
            .first
            .is_some_and(|first| first < facts.now.0.saturating_sub(KEPT_S));
        found.push(if is_old {
            Reason::TooOldThere
        } else {
            Reason::Unexplained
        });
    }
    if !more_there.is_empty() && may_have_begun_before(facts, task) {
        found.push(Reason::BeganBeforeUs);
    }
    if differing == [Stage::Planned] && !more_there.is_empty() {
        found.push(Reason::NeverSentTo);
    }
    let never_comes = |stage: &Stage| {
        matches!(stage, Stage::Delivered | Stage::Clicked) && ours.ever.of(*stage) == 0
    };
    if ours.ever.sent > 0 && more_there.iter().any(never_comes) {
        found.push(Reason::StageNeverComes);
    }
    if missing > 0 && facts.repeated >= missing {
        found.push(Reason::Repeats);
    }
    if found.is_empty() {
        found.push(Reason::CallsMissing);
    }
    found
}

/// Whether a part of the task may have happened before events came here.
fn may_have_begun_before(facts: &Facts, task: &OurTask) -> bool {
    let Some(first) = facts.first else {
        return false;
    };
    let begins_with_us = task
        .first
        .is_none_or(|own| own.saturating_sub(first.0) < BEGINNING_S);
    first > facts.window.start() && begins_with_us
}

impl Line {
    fn new(place: Option<Place>, ours: Counts, theirs: Counts) -> Self {
        let pair = |stage| Pair {
            ours: ours.of(stage),
            theirs: theirs.of(stage),
        };
        Self {
            place,
            planned: pair(Stage::Planned),
            sent: pair(Stage::Sent),
            delivered: pair(Stage::Delivered),
            clicked: pair(Stage::Clicked),
            reasons: Vec::new(),
        }
    }

    /// Whether no stage differs.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.stages()
            .iter()
            .all(|(_, pair)| pair.ours == pair.theirs)
    }

    /// The stages, in the order of the funnel.
    #[must_use]
    pub const fn stages(&self) -> [(Stage, Pair); 4] {
        [
            (Stage::Planned, self.planned),
            (Stage::Sent, self.sent),
            (Stage::Delivered, self.delivered),
            (Stage::Clicked, self.clicked),
        ]
    }
}

#[cfg(test)]
mod tests;
