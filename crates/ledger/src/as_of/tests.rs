use pushtally_model::{
    AppId, Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Second, Source,
    TaskKey, TaskNumber, VendorCalls,
};

use super::*;
use crate::codec::Recorded;

const TASK: TaskKey = TaskKey {
    number: TaskNumber(1),
    kind: Kind::Push,
    origin: Origin::Own,
};

fn cell(lane: Lane) -> Cell {
    Cell::new(Route::Offline, Channel::Fcm, lane)
}

fn event(recorded_ms: i64, number: u32, lane: Lane) -> TaskEntry {
    TaskEntry::Event(Recorded {
        recorded_ms,
        source: Source::Us,
        event: Event {
            app: AppId(1),
            task: TASK,
            cell: cell(lane),
            number: Number(number),
            at: Second(50 + number),
            loss: LossId(0),
        },
    })
}

/// Planned and sent, as known at a moment.
fn known(entries: &[TaskEntry], as_of_ms: i64) -> (u64, u64) {
    let mut as_of = AsOf::new(as_of_ms, vec![Window::all()]);
    entries.iter().for_each(|entry| as_of.add(entry));
    let tallies = as_of.finish();
    let [tally] = &tallies[..] else {
        panic!("{tallies:?}");
    };
    (
        tally.cell(cell(Lane::Planned)),
        tally.cell(cell(Lane::Sent)),
    )
}

#[test]
fn what_was_recorded_later_does_not_count_nor_what_the_fold_refuses() {
    let history = [
        event(10, 1, Lane::Sent),
        event(20, 1, Lane::Planned),
        event(20, 2, Lane::Planned),
        event(30, 1, Lane::Sent),
        event(30, 1, Lane::Sent),
        event(40, 2, Lane::Sent),
    ];
    for (as_of_ms, expected) in [
        (9, (0, 0)),
        (10, (0, 0)),
        (19, (0, 0)),
        (20, (2, 0)),
        (30, (2, 1)),
        (39, (2, 1)),
        (40, (2, 2)),
        (i64::MAX, (2, 2)),
    ] {
        assert_eq!(known(&history, as_of_ms), expected, "as of {as_of_ms}");
    }
}

/// A millisecond that comes twice means its second time, when everything between was known.
#[test]
fn where_the_clock_was_set_back_it_tells_a_state_that_there_was() {
    let mut history = vec![
        event(10, 1, Lane::Planned),
        event(90, 2, Lane::Planned),
        event(100, 3, Lane::Planned),
        // The machine starts again with another clock.
        event(50, 4, Lane::Planned),
        event(60, 5, Lane::Planned),
        event(110, 6, Lane::Planned),
    ];
    for (as_of_ms, planned) in [
        (10, 1),
        (49, 1),
        (50, 4),
        (59, 4),
        (60, 5),
        (100, 5),
        (110, 6),
    ] {
        assert_eq!(known(&history, as_of_ms), (planned, 0), "as of {as_of_ms}");
    }
    // Calls tell as well as events that the clock said so.
    let calls = VendorCalls {
        app: AppId(1),
        task: TASK,
        channel: Channel::Fcm,
        calls: Vec::new(),
    };
    history.insert(
        3,
        TaskEntry::Calls {
            recorded_ms: 45,
            calls,
        },
    );
    assert_eq!(known(&history, 45), (3, 0));
}

#[test]
fn a_forgotten_task_was_known_until_it_was_forgotten() {
    let history = [
        event(10, 1, Lane::Planned),
        TaskEntry::Forgotten { recorded_ms: 20 },
        event(30, 2, Lane::Planned),
        event(15, 3, Lane::Planned),
    ];
    assert_eq!(known(&history[..3], 19), (1, 0));
    assert_eq!(known(&history[..3], 20), (0, 0));
    assert_eq!(known(&history[..3], 30), (0, 0));
    // Set back to before the forgetting, which had happened.
    assert_eq!(known(&history, 19), (0, 0));
    assert_eq!(known(&history, 10), (1, 0));
}

#[test]
fn each_window_has_its_own() {
    let window = |from, to| Window::new(Second(from), Second(to)).unwrap();
    let windows = vec![window(51, 52), window(52, 53), window(54, 60)];
    let mut as_of = AsOf::new(100, windows);
    for number in 0..12 {
        as_of.add(&event(i64::from(number) * 10, number, Lane::Planned));
    }
    let counts = as_of.finish().into_iter();
    let counts: Vec<u64> = counts
        .map(|tally| tally.cell(cell(Lane::Planned)))
        .collect();
    assert_eq!(counts, [1, 1, 6]);
}
