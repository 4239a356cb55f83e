//! What happened to some devices over all tasks: the newest events that counted, before a place. Pure.
//!
//! Invariant: fed with all events of its devices in the order of recording, it keeps none but those that the fold counts. Of a
//! way of an own task whose planning it was not fed with it keeps nothing.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{Cell, Number, Second, TaskNumber, Window};

use crate::codec::Recorded;
use crate::fold::check_own;

/// Where an event is in a history, in the order of time. No two that count have one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryPlace {
    /// The event's time.
    pub at: Second,
    /// When it was recorded, in Unix milliseconds.
    pub recorded_ms: i64,
    /// Its task.
    pub task: TaskNumber,
    /// Its device.
    pub number: Number,
    /// What it marks.
    pub cell: Cell,
}

/// A part of a history.
#[derive(Debug)]
pub struct History {
    window: Window,
    before: Option<HistoryPlace>,
    len_max: usize,
    marks: BTreeSet<(TaskNumber, Number, Cell)>,
    kept: BTreeMap<HistoryPlace, Recorded>,
}

impl HistoryPlace {
    /// Where an event is.
    #[must_use]
    pub const fn of(recorded: &Recorded) -> Self {
        let event = &recorded.event;
        Self {
            at: event.at,
            recorded_ms: recorded.recorded_ms,
            task: event.task.number,
            number: event.number,
            cell: event.cell,
        }
    }
}

impl History {
    /// Of what happened in a window, the last `len_max` before a place.
    #[must_use]
    pub const fn new(window: Window, before: Option<HistoryPlace>, len_max: usize) -> Self {
        Self {
            window,
            before,
            len_max,
            marks: BTreeSet::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Takes the devices' next event in. What is outside of the window decides, too, what counts in it.
    pub fn add(&mut self, recorded: Recorded) {
        let event = &recorded.event;
        let mark = |cell| (event.task.number, event.number, cell);
        let marked = |cell| self.marks.contains(&mark(cell));
        if marked(event.cell) || check_own(event.task.origin, event.cell, marked).is_some() {
            return;
        }
        self.marks.insert(mark(event.cell));
        let place = HistoryPlace::of(&recorded);
        if self.window.contains(event.at) && self.before.is_none_or(|before| place < before) {
            self.kept.insert(place, recorded);
            if self.kept.len() > self.len_max {
                self.kept.pop_first();
            }
        }
    }

    /// The events, newest first.
    pub fn into_events(self) -> impl Iterator<Item = Recorded> {
        self.kept.into_values().rev()
    }
}
