//! Which of a task's events count: one after the other, for a reader that passes them on and keeps none.
//!
//! Invariant: fed with all of a task's events in the order of recording, it says yes to exactly those that the fold counts.

use std::collections::BTreeMap;

use pushtally_model::{Cell, Event};

use crate::fold::check_own;
use crate::slots::SlotSet;

/// The marks of one task, as far as its events have been shown.
#[derive(Debug, Default)]
pub struct Counting {
    marks: BTreeMap<(Cell, u16), SlotSet>,
}

impl Counting {
    /// Whether the task's next event counts.
    pub fn counts(&mut self, event: &Event) -> bool {
        let (number, cell) = (event.number, event.cell);
        let marked = |cell: Cell| {
            let marks = self.marks.get(&(cell, number.shard()));
            marks.is_some_and(|marks| marks.contains(number.slot()))
        };
        if marked(cell) || check_own(event.task.origin, cell, marked).is_some() {
            return false;
        }
        let marks = self.marks.entry((cell, number.shard())).or_default();
        marks.insert(number.slot())
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::{
        AppId, Channel, Kind, Lane, LossId, Number, Origin, Route, Second, TaskKey, TaskNumber,
    };

    use super::*;

    /// The lanes of the events that count, each told by its place.
    fn counted(origin: Origin, events: &[(u32, Lane)]) -> Vec<usize> {
        let mut counting = Counting::default();
        let task = TaskKey {
            number: TaskNumber(1),
            kind: Kind::Push,
            origin,
        };
        let event = |(number, lane)| Event {
            app: AppId(1),
            task,
            cell: Cell::new(Route::Offline, Channel::Fcm, lane),
            number: Number(number),
            at: Second(1),
            loss: LossId(0),
        };
        let places = events.iter().enumerate();
        places
            .filter(|(_, one)| counting.counts(&event(**one)))
            .map(|(place, _)| place)
            .collect()
    }

    #[test]
    fn each_lane_counts_once_and_an_own_task_keeps_its_rules() {
        use Lane::{Clicked, Delivered, LostBeforeSent, Planned, Sent};
        let history = [
            (1, Delivered),
            (1, Planned),
            (1, Planned),
            (1, Sent),
            (1, LostBeforeSent),
            (1, Clicked),
            (1, Clicked),
            (65_537, Planned),
            (65_537, LostBeforeSent),
            (65_537, Sent),
        ];
        assert_eq!(counted(Origin::Own, &history), [1, 3, 5, 7, 8]);
        assert_eq!(
            counted(Origin::Imported, &history),
            [0, 1, 3, 4, 5, 7, 8, 9]
        );
    }
}
