//! How far a courier is: what it has read, what waits, what is under way.

use std::collections::VecDeque;

use pushtally_model::Second;

use crate::found::Found;
use crate::settings::CALL_EVENTS_MAX;
use crate::window::Window;

/// How far it is.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) window: Window,
    /// Everything up to this place was read.
    pub(super) read: u64,
    pub(super) waiting: VecDeque<Found>,
    /// Where calls end that were begun, and when the oldest event of each was recorded.
    pub(super) begun: VecDeque<(u64, Second)>,
    /// Whether what comes next has to be read from the log.
    pub(super) behind: bool,
}

impl Flow {
    pub(super) fn starting_after(place: u64) -> Self {
        Self {
            window: Window::starting_after(place),
            read: place,
            waiting: VecDeque::new(),
            begun: VecDeque::new(),
            behind: false,
        }
    }

    /// When the oldest event was recorded that has not ended.
    pub(super) fn oldest(&self) -> Option<Second> {
        let begun = self.begun.front().map(|(_, recorded)| *recorded);
        begun.or_else(|| self.waiting.front().map(|found| found.recorded))
    }

    pub(super) fn settle(&mut self, place: u64) -> Option<u64> {
        let moved = self.window.end(place);
        if let Some(done) = moved {
            while self.begun.front().is_some_and(|(place, _)| *place <= done) {
                self.begun.pop_front();
            }
        }
        moved
    }

    /// The next events of one kind, as many as a call takes.
    pub(super) fn next_call(&mut self) -> Option<Vec<Found>> {
        let kind = self.waiting.front()?.event.task.kind;
        let len = self
            .waiting
            .iter()
            .take(CALL_EVENTS_MAX)
            .take_while(|found| found.event.task.kind == kind)
            .count();
        Some(self.waiting.drain(..len).collect())
    }
}
