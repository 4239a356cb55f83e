//! The two rules of own tasks: a device ends once on a channel, and nothing counts where it was not planned.

use pushtally_model::{Cell, Lane, Origin};

use crate::days::Counters;

/// Why an own task's event does not count.
pub(crate) enum Refused {
    EndedBefore,
    Unmatched,
}

impl Refused {
    pub(super) fn count(&self, counters: &mut Counters) {
        match self {
            Self::EndedBefore => counters.ended_before += 1,
            Self::Unmatched => counters.unmatched += 1,
        }
    }
}

/// The two rules of own tasks; `marked` tells whether the same device has a mark in another lane.
pub(crate) fn check_own(
    origin: Origin,
    cell: Cell,
    marked: impl Fn(Cell) -> bool,
) -> Option<Refused> {
    if origin == Origin::Imported {
        return None;
    }
    let unplanned = || !marked(cell.with_lane(Lane::Planned));
    let refused = |lane| marked(cell.with_lane(lane)).then_some(Refused::EndedBefore);
    match cell.lane() {
        Lane::Planned => None,
        Lane::Sent => refused(Lane::LostBeforeSent).or(unplanned().then_some(Refused::Unmatched)),
        Lane::LostBeforeSent => refused(Lane::Sent).or(unplanned().then_some(Refused::Unmatched)),
        Lane::Delivered | Lane::Clicked | Lane::LostBeforeDelivered | Lane::LostBeforeClicked => {
            unplanned().then_some(Refused::Unmatched)
        }
    }
}
