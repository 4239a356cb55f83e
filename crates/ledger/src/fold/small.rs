//! Small tasks: one ordered run is both marks and tallies.

use pushtally_model::{Event, Origin};

use super::own::check_own;
use crate::changes::Fresh;
use crate::days::Counters;
use crate::task::Entry;

/// Adds the events, ordered by (cell, device), that are not in the run yet.
pub(super) fn fold_small(
    run: &mut Vec<Entry>,
    events: &[Event],
    origin: Origin,
    counters: &mut Counters,
    fresh: &mut Fresh,
) {
    // Each with its place in the run, which does not change until all are found.
    let mut new: Vec<(usize, Entry)> = Vec::new();
    for event in events {
        let find = |cell| {
            run.binary_search_by_key(&(cell, event.number), |entry| (entry.cell, entry.number))
        };
        let is_new = |cell| {
            new.binary_search_by_key(&(cell, event.number), |(_, e)| (e.cell, e.number))
                .is_ok()
        };
        let Err(at) = find(event.cell) else {
            counters.duplicate += 1;
            continue;
        };
        if is_new(event.cell) {
            counters.duplicate += 1;
        } else if let Some(refused) = check_own(origin, event.cell, |cell| {
            find(cell).is_ok() || is_new(cell)
        }) {
            refused.count(counters);
        } else {
            new.push((
                at,
                Entry {
                    cell: event.cell,
                    number: event.number,
                    at: event.at,
                    loss: event.loss,
                },
            ));
            counters.fresh += 1;
            fresh.push(event, true);
        }
    }
    merge_run(run, &new);
}

/// Merges ordered new entries into an ordered run, from the end, moving each old entry at most once.
fn merge_run(run: &mut Vec<Entry>, new: &[(usize, Entry)]) {
    let mut old = run.len();
    run.extend(new.iter().map(|(_, entry)| *entry));
    for (ahead, (from, entry)) in new.iter().enumerate().rev() {
        run.copy_within(*from..old, from + ahead + 1);
        run[from + ahead] = *entry;
        old = *from;
    }
}
