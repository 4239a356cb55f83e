//! A task that outgrows its run is whole at every moment, for readers that look between two changes of pages.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use pushtally_ledger::{
    Batch, Changes, Page, PageKey, Pages, Record, SMALL_TASK_ENTRIES_MAX, Section, TaskState, fold,
};
use pushtally_model::{
    AppId, Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Second, Source,
    TaskKey, TaskNumber,
};

const TASK: TaskKey = TaskKey {
    number: TaskNumber(3),
    kind: Kind::Push,
    origin: Origin::Own,
};

/// Pages that remember how many marks and counts a reader would have found after every change.
#[derive(Default)]
struct Watched {
    pages: BTreeMap<PageKey, Page>,
    seen: Vec<(usize, u64)>,
}

impl Watched {
    fn marks_and_counts(&self) -> (usize, u64) {
        let Some(Page::Task(task)) = self.pages.get(&PageKey::Task(TASK.number)) else {
            return (0, 0);
        };
        match &task.state {
            TaskState::Small(run) => (run.len(), run.len() as u64),
            TaskState::Large { shards, days } => {
                let of_shard = |shard: &u16| match &self.pages[&PageKey::Marks(TASK.number, *shard)]
                {
                    Page::Marks(marks) => marks.cells().iter().map(|(_, set)| set.len()).sum(),
                    _ => 0,
                };
                let rows = |day| {
                    self.pages
                        .contains_key(&PageKey::TaskRows(TASK.number, day))
                };
                assert!(days.iter().all(|(day, _)| rows(day)));
                let counts = days.iter().flat_map(|(_, counts)| counts);
                (
                    shards.iter().map(of_shard).sum(),
                    counts.map(|(_, _, count)| count).sum(),
                )
            }
            TaskState::Forgotten => panic!("nobody forgets it"),
        }
    }
}

impl Pages for &mut Watched {
    type Error = Infallible;

    fn change<R>(
        &mut self,
        key: PageKey,
        _: Option<bool>,
        change: impl FnOnce(&mut Page) -> R,
    ) -> Result<R, Infallible> {
        let answer = change(self.pages.entry(key).or_insert(Page::Gone));
        let found = self.marks_and_counts();
        self.seen.push(found);
        Ok(answer)
    }
}

fn batch(numbers: std::ops::Range<u32>) -> Batch {
    let event = |n: u32| Event {
        app: AppId(1),
        task: TASK,
        cell: Cell::new(Route::Offline, Channel::Apns, Lane::Planned),
        number: Number(n * 1000),
        at: Second(1_764_136_800 + n * 100),
        loss: LossId::NONE,
    };
    Batch {
        recorded_ms: 0,
        records: vec![Record::Events(Section::new(
            Source::Us,
            numbers.map(event).collect(),
        ))],
    }
}

#[test]
fn a_growing_task_is_whole_at_every_moment() {
    let mut watched = Watched::default();
    let (before, after) = (1000, SMALL_TASK_ENTRIES_MAX as u32 + 500);
    for numbers in [0..before, before..after] {
        let mut changes = Changes::default();
        fold(&batch(numbers), &mut &mut watched, &mut changes).unwrap();
    }
    let fewest = watched
        .seen
        .iter()
        .skip_while(|seen| seen.0 < before as usize)
        .map(|(marks, counts)| (*marks as u64).min(*counts))
        .min();
    assert!(fewest >= Some(before.into()), "{fewest:?}");
    assert_eq!(
        watched.marks_and_counts(),
        (after as usize, u64::from(after))
    );
}
