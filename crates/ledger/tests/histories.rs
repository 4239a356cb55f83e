//! Random histories against a naive model: every window equal, for every scope, own and imported tasks.
//!
//! The state is thrown away at random and rebuilt from what snapshots stored and the log after them, so that
//! additions, whole pages, removals and recovery are all under the same test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "histories/naive.rs"]
mod naive;

use std::collections::BTreeMap;
use std::sync::Arc;

use naive::Naive;
use pushtally_ledger::{
    Batch, Changes, Control, Form, Page, PageKey, Pages, Record, RowReader, Section, TaskState,
    check_task, decode, encode, fold, sum,
};
use pushtally_model::{
    AppId, Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Scope, Second, Source,
    TaskKey, TaskNumber, Window,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Histories in the gate; `PUSHTALLY_SEEDS` asks for more.
const SEEDS: u64 = 60;
/// Just before a midnight, so that histories cross it.
const MIDNIGHT: u32 = 19_700 * Second::DAY_S;

#[derive(Default)]
struct State {
    pages: BTreeMap<PageKey, Page>,
}

impl Pages for State {
    type Error = std::convert::Infallible;

    fn change<R>(
        &mut self,
        key: PageKey,
        exists: Option<bool>,
        change: impl FnOnce(&mut Page) -> R,
    ) -> Result<R, Self::Error> {
        let known = self.pages.get(&key).is_some_and(|page| *page != Page::Gone);
        if let Some(exists) = exists {
            assert_eq!(exists, known, "the fold was wrong about {key:?}");
        }
        Ok(change(self.pages.entry(key).or_insert(Page::Gone)))
    }
}

impl RowReader for &State {
    type Error = std::convert::Infallible;

    fn read(&mut self, key: PageKey) -> Result<Option<Arc<Page>>, Self::Error> {
        Ok(self
            .pages
            .get(&key)
            .filter(|page| **page != Page::Gone)
            .cloned()
            .map(Arc::new))
    }
}

fn task(number: u32) -> TaskKey {
    let kind = if number % 5 == 4 {
        Kind::Message
    } else {
        Kind::Push
    };
    let origin = if number.is_multiple_of(3) {
        Origin::Own
    } else {
        Origin::Imported
    };
    TaskKey {
        number: TaskNumber(number),
        kind,
        origin,
    }
}

fn app_of(task: u32) -> AppId {
    AppId(1 + task % 2)
}

/// Few tasks and devices, so that events collide; tasks 1 and 3 are huge, across shards, and grow.
fn random_event(rng: &mut ChaCha8Rng, now: u32) -> Event {
    let number = if rng.random_bool(0.7) {
        [1, 3][rng.random_range(0..2)]
    } else {
        rng.random_range(0..8u32)
    };
    let huge = number == 1 || number == 3;
    let device = if huge {
        rng.random_range(0..6000u32) * 23
    } else {
        rng.random_range(0..6u32)
    };
    let lane = Lane::ALL[rng.random_range(0..Lane::ALL.len())];
    let (route, channel) = if rng.random_bool(0.2) {
        (Route::Online, Channel::Online)
    } else {
        (Route::Offline, Channel::ALL[rng.random_range(0..3)])
    };
    let late = [0, 1, 59, 60, 3599, 3600, 86_399, 86_400, 200_000][rng.random_range(0..9)];
    Event {
        app: app_of(number),
        task: task(number),
        cell: Cell::new(route, channel, lane),
        number: Number(device),
        at: Second(now - rng.random_range(0..=late)),
        loss: if lane.stage().is_none() {
            LossId(rng.random_range(2..5))
        } else {
            LossId::NONE
        },
    }
}

fn random_window(rng: &mut ChaCha8Rng, now: u32) -> Window {
    let edge = |rng: &mut ChaCha8Rng| {
        let at = now - rng.random_range(0..300_000u32);
        Second(match rng.random_range(0..5) {
            0 => at / Second::DAY_S * Second::DAY_S,
            1 => at / 3600 * 3600,
            2 => at / 60 * 60,
            _ => at,
        })
    };
    loop {
        let (a, b) = (edge(rng), edge(rng));
        if let Ok(window) = Window::new(a.min(b), a.max(b)) {
            return window;
        }
    }
}

fn check_windows(rng: &mut ChaCha8Rng, state: &State, naive: &Naive, now: u32, windows: usize) {
    let tasks = (0..8).map(|task| Scope::Task(TaskNumber(task)));
    let overall = [1, 2]
        .into_iter()
        .flat_map(|app| Kind::ALL.map(|kind| Scope::Overall(AppId(app), kind)));
    for scope in tasks.chain(overall) {
        for window in (0..windows)
            .map(|_| random_window(rng, now))
            .chain([Window::all()])
        {
            let Ok(tally) = sum(scope, window, &mut { state });
            let expected = naive.count(scope, window);
            let mut cells: BTreeMap<Cell, u64> = BTreeMap::new();
            for ((cell, _), count) in &expected {
                *cells.entry(*cell).or_default() += count;
            }
            assert!(tally.cells().eq(cells), "{scope:?} {window:?}");
            let losses = expected
                .into_iter()
                .filter(|((_, loss), _)| *loss != LossId::NONE);
            assert!(
                tally
                    .losses()
                    .eq(losses.map(|((cell, loss), count)| (cell, loss, count))),
                "{scope:?} {window:?}"
            );
        }
    }
    for number in 0..8 {
        let Ok(found) = check_task(TaskNumber(number), &mut { state });
        assert_eq!(found, [], "marks and tallies agree");
    }
}

/// What snapshots stored, as an engine keeps it.
fn store(stored: &mut BTreeMap<PageKey, Page>, state: &State, changes: Changes) {
    let whole = changes
        .whole()
        .filter_map(|key| Some((key, Arc::new(state.pages.get(&key)?.clone()))))
        .collect();
    for page in changes.into_pages(whole) {
        let mut bytes = Vec::new();
        page.page.encode(&mut bytes);
        let new = if *page.page == Page::Gone {
            Page::Gone
        } else {
            Page::decode(page.key, &bytes).unwrap()
        };
        match (page.form, stored.get_mut(&page.key)) {
            (Form::Addition, Some(older)) => older.absorb(new),
            _ => drop(stored.insert(page.key, new)),
        }
    }
    stored.retain(|_, page| *page != Page::Gone);
}

fn random_batch(rng: &mut ChaCha8Rng, now: u32, recent: &mut Vec<Event>) -> Batch {
    let mut batch = Batch {
        recorded_ms: i64::from(now) * 1000,
        records: Vec::new(),
    };
    for source in [Source::Import, Source::Vendor]
        .into_iter()
        .take(rng.random_range(1..=2))
    {
        let mut events: Vec<Event> = (0..rng.random_range(1..1000))
            .map(|_| random_event(rng, now))
            .collect();
        for _ in 0..events.len() / 10 {
            let again = recent
                .get(rng.random_range(0..recent.len().max(1)))
                .copied();
            events.extend(again.map(|event| Event {
                at: Second(now),
                ..event
            }));
        }
        recent.extend(events.iter().step_by(7));
        batch
            .records
            .push(Record::Events(Section::new(source, events)));
    }
    if rng.random_bool(0.05) {
        let number = rng.random_range(0..8u32);
        batch.records.push(Record::Control(Control::ForgetTask {
            app: app_of(number),
            task: task(number),
        }));
    }
    if rng.random_bool(0.03) {
        let before_day = now / Second::DAY_S - rng.random_range(0..2);
        batch.records.push(Record::Control(Control::CutDays {
            app: AppId(1),
            before_day,
        }));
    }
    batch
}

fn run(seed: u64) -> bool {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut state, mut naive, mut changes) =
        (State::default(), Naive::default(), Changes::default());
    let (mut stored, mut log) = (BTreeMap::new(), Vec::<Vec<u8>>::new());
    let mut now = MIDNIGHT - 30;
    let mut recent: Vec<Event> = Vec::new();
    let mut recorded = 0;
    for _ in 0..rng.random_range(5..60) {
        now += rng.random_range(0..90);
        let batch = random_batch(&mut rng, now, &mut recent);
        let mut bytes = Vec::new();
        encode(&batch, &mut bytes);
        assert_eq!(decode(&bytes).unwrap(), batch);
        log.push(bytes);
        recorded += batch.events_len() as u64;
        naive.apply(&batch);
        let Ok(_) = fold(&batch, &mut state, &mut changes);
        if rng.random_bool(0.15) {
            store(&mut stored, &state, std::mem::take(&mut changes));
            log.clear();
        }
        if rng.random_bool(0.1) {
            // As after a crash: what snapshots stored, and the log after them.
            state = State {
                pages: stored.clone(),
            };
            changes = Changes::default();
            for bytes in &log {
                let Ok(_) = fold(&decode(bytes).unwrap(), &mut state, &mut changes);
            }
        }
        if rng.random_bool(0.2) {
            check_windows(&mut rng, &state, &naive, now, 3);
        }
    }
    check_windows(&mut rng, &state, &naive, now, 25);
    let totals = state.pages.values().filter_map(|page| match page {
        Page::Total(total) => Some(total.counters.recorded()),
        _ => None,
    });
    assert_eq!(
        totals.sum::<u64>(),
        recorded,
        "every event recorded became something"
    );
    store(&mut stored, &state, changes);
    state.pages.retain(|_, page| *page != Page::Gone);
    assert_eq!(stored, state.pages, "what snapshots stored is the state");
    let is_large = |page: &Page| matches!(page, Page::Task(page) if matches!(page.state, TaskState::Large { .. }));
    state.pages.values().any(is_large)
}

#[test]
fn every_window_of_a_random_history_equals_the_naive_model() {
    let seeds = std::env::var("PUSHTALLY_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(SEEDS);
    let mut grown = 0;
    for seed in 0..seeds {
        println!("seed {seed}");
        grown += u64::from(run(seed));
    }
    assert!(
        grown > seeds / 4,
        "too few histories had a task that grew: {grown}"
    );
}
