//! How many different devices several tasks reached, small and large, warm and cold, over restarts, against naive sets.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use pushtally_ledger::{Reached, ReachedStages};
use pushtally_model::{
    AppId, Cell, Channel, Event, FixedEntropy, Kind, Lane, LossId, ManualClock, Number, Origin,
    Route, Second, Source, Stage, TaskKey, TaskNumber,
};
use pushtally_stats::{Options, Stats};
use pushtally_store::Report;
use pushtally_store_local::{LocalEngine, LocalOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const APP: AppId = AppId(1_400_000_000);
const START: u32 = 19_700 * Second::DAY_S;
const TASKS: u32 = 8;
const WAYS: [(Route, Channel); 3] = [
    (Route::Offline, Channel::Unknown),
    (Route::Offline, Channel::Huawei),
    (Route::Online, Channel::Online),
];

/// `None` is all of them.
type Way = Option<(Route, Channel)>;
type Marks = BTreeSet<(TaskNumber, Cell, Number)>;

fn key(task: u32) -> TaskKey {
    TaskKey {
        number: TaskNumber(task),
        kind: if task.is_multiple_of(2) {
            Kind::Push
        } else {
            Kind::Message
        },
        origin: Origin::Imported,
    }
}

/// The first task gets half of all events, so it and some others are large; devices are few enough to be in several.
fn event(rng: &mut ChaCha8Rng) -> Event {
    let task = if rng.random_bool(0.5) {
        0
    } else {
        rng.random_range(0..TASKS)
    };
    let (route, channel) = WAYS[rng.random_range(0..WAYS.len())];
    let lane = Lane::ALL[rng.random_range(0..Lane::ALL.len())];
    let devices = if task == 7 { 40 } else { 3000 };
    Event {
        app: APP,
        task: key(task),
        cell: Cell::new(route, channel, lane),
        number: Number(rng.random_range(0..devices) * 71),
        at: Second(START + rng.random_range(0..20_000)),
        loss: LossId::NONE,
    }
}

async fn open(dir: &Path) -> (LocalEngine, Arc<Stats>) {
    let engine = LocalEngine::open(dir, LocalOptions::default(), &FixedEntropy(7)).unwrap();
    let clock = Arc::new(ManualClock::at_unix(i64::from(START)));
    // So little memory that pages are evicted as soon as a snapshot has them.
    let options = Options {
        memory_bytes_max: 1 << 16,
        ..Options::default()
    };
    let stats = Stats::open(engine.engine(), clock, options).await.unwrap();
    let ends = BTreeMap::from([(APP, 300_000)]);
    stats.engine().identities.raise(100, &ends).await.unwrap();
    (engine, stats)
}

/// By way, and by `None` over all of them.
fn naive(marks: &Marks, tasks: &BTreeSet<TaskKey>) -> BTreeMap<Way, ReachedStages> {
    let mut reach = BTreeMap::from([(None, ReachedStages::default())]);
    for stage in Stage::ALL {
        let mut sets: BTreeMap<Way, (BTreeSet<Number>, u64)> = BTreeMap::new();
        for (task, cell, number) in marks {
            if cell.lane() == Lane::reached(stage) && tasks.iter().any(|key| key.number == *task) {
                for way in [None, Some((cell.route(), cell.channel()))] {
                    let (devices, sum) = sets.entry(way).or_default();
                    devices.insert(*number);
                    *sum += 1;
                }
            }
        }
        for (way, (devices, sum)) in sets {
            let unique = devices.len() as u64;
            reach.entry(way).or_default()[stage as usize] = Reached { unique, sum };
        }
    }
    reach
}

async fn check(stats: &Stats, marks: &Marks, rng: &mut ChaCha8Rng) {
    let all: BTreeSet<TaskKey> = (0..TASKS).map(key).collect();
    let some = (0..4).map(|_| {
        all.iter()
            .filter(|_| rng.random_bool(0.4))
            .copied()
            .collect()
    });
    let asked: Vec<BTreeSet<TaskKey>> = some.chain([all.clone()]).collect();
    for tasks in asked {
        let found = stats.reach(&tasks).await.unwrap();
        assert_eq!(found.forgotten, BTreeSet::new());
        let total = [(None, *found.reach.total())];
        let ways = found.reach.ways().map(|(way, stages)| (Some(way), *stages));
        let found: BTreeMap<_, _> = ways.chain(total).collect();
        assert_eq!(found, naive(marks, &tasks), "{tasks:?}");
    }
}

async fn check_history(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut marks = Marks::new();
    for round in 0..3 {
        let (_engine, stats) = open(dir.path()).await;
        check(&stats, &marks, &mut rng).await;
        for len in [50, 2000, 3000] {
            let events: Vec<Event> = (0..len).map(|_| event(&mut rng)).collect();
            let new = events
                .iter()
                .map(|one| (one.task.number, one.cell, one.number));
            marks.extend(new);
            stats.report(Source::Import, events).await.unwrap();
            check(&stats, &marks, &mut rng).await;
            stats.snapshot().await.unwrap();
            check(&stats, &marks, &mut rng).await;
        }
        assert!(
            round == 0 || stats.health().cold_loads > 0,
            "nothing was cold"
        );
        stats.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reach_of_any_tasks_of_any_history_equals_naive_sets_of_devices() {
    for seed in 0..4 {
        println!("seed {seed}");
        check_history(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_task_is_named_and_reaches_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (_engine, stats) = open(dir.path()).await;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let events: Vec<Event> = (0..4000).map(|_| event(&mut rng)).collect();
    stats.report(Source::Import, events.clone()).await.unwrap();
    stats.forget_task(APP, key(0)).await.unwrap();
    stats.forget_task(APP, key(7)).await.unwrap();
    let found = stats
        .reach(&BTreeSet::from([key(0), key(7)]))
        .await
        .unwrap();
    assert_eq!(
        found.forgotten,
        BTreeSet::from([TaskNumber(0), TaskNumber(7)])
    );
    assert_eq!(*found.reach.total(), ReachedStages::default());
    let left = events.iter().filter(|one| one.task.number == TaskNumber(3));
    let left: Marks = left
        .map(|one| (one.task.number, one.cell, one.number))
        .collect();
    let found = stats
        .reach(&BTreeSet::from([key(0), key(3)]))
        .await
        .unwrap();
    assert_eq!(
        *found.reach.total(),
        naive(&left, &BTreeSet::from([key(3)]))[&None]
    );
    stats.close().await.unwrap();
}
