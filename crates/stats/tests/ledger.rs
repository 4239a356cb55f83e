//! The running ledger over the embedded engine: bounded memory, crashes, verification.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pushtally_model::{
    AppId, Cell, Channel, Event, FixedEntropy, Kind, Lane, LossId, ManualClock, Number, Origin,
    Retention, Route, Scope, Second, Source, TaskKey, TaskNumber, Window,
};
use pushtally_stats::{Options, Stats};
use pushtally_store::{Names, Position, Recipient, Report, StoreError, TaskName};
use pushtally_store_local::{LocalEngine, LocalOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const APP: AppId = AppId(1_400_000_000);
const START: u32 = 19_700 * Second::DAY_S;

fn event(task: u32, device: u32, lane: Lane, at: u32) -> Event {
    Event {
        app: APP,
        task: TaskKey {
            number: TaskNumber(task),
            kind: Kind::Push,
            origin: Origin::Imported,
        },
        cell: Cell::new(Route::Offline, Channel::Apns, lane),
        number: Number(device),
        at: Second(at),
        loss: LossId::NONE,
    }
}

/// So little memory that most pages are cold most of the time.
fn tight() -> Options {
    Options {
        memory_bytes_max: 24 << 20,
        snapshot_events: 20_000,
        ..Options::default()
    }
}

async fn open(dir: &Path, options: Options) -> (LocalEngine, Arc<Stats>) {
    let engine = LocalEngine::open(dir, LocalOptions::default(), &FixedEntropy(7)).unwrap();
    let clock = Arc::new(ManualClock::at_unix(i64::from(START)));
    let stats = Stats::open(engine.engine(), clock, options).await.unwrap();
    // These tests number tasks and devices themselves.
    let ends = BTreeMap::from([(APP, 300_000)]);
    stats.engine().identities.raise(100, &ends).await.unwrap();
    (engine, stats)
}

fn copy(from: &Path, to: &Path) {
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .arg(from)
            .arg(to)
            .status()
            .unwrap()
            .success()
    );
}

type Expected = BTreeMap<u32, BTreeMap<Lane, u64>>;

async fn check(stats: &Stats, expected: &Expected) {
    for (task, lanes) in expected {
        let tally = stats
            .tally(APP, Scope::Task(TaskNumber(*task)), Window::all())
            .await
            .unwrap();
        let found: BTreeMap<Lane, u64> = tally
            .cells()
            .map(|(cell, count)| (cell.lane(), count))
            .collect();
        assert_eq!(&found, lanes, "task {task}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_bounded_and_cold_tasks_count_once_through_crashes() {
    let root = tempfile::tempdir().unwrap();
    let mut dir = root.path().join("0");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut seen = std::collections::BTreeSet::new();
    let mut expected = Expected::new();
    for round in 0..4 {
        let (engine, stats) = open(&dir, tight()).await;
        check(&stats, &expected).await;
        for _ in 0..60 {
            // A batch needs the pages of its tasks at once; the bound is for all the others.
            let tasks = rng.random_range(0..20) * 5;
            let events: Vec<Event> = (0..1000)
                .map(|_| {
                    let task = tasks + rng.random_range(0..5);
                    let device = rng.random_range(0..6000) * 47;
                    let lane = Lane::ALL[rng.random_range(0..4)];
                    event(task, device, lane, START + rng.random_range(0..20_000))
                })
                .collect();
            for event in &events {
                let (task, lane) = (event.task.number.0, event.cell.lane());
                if seen.insert((task, event.number, lane)) {
                    *expected.entry(task).or_default().entry(lane).or_default() += 1;
                }
            }
            stats.report(Source::Import, events).await.unwrap();
        }
        check(&stats, &expected).await;
        let health = stats.health();
        assert!(health.page_bytes < 5 << 20, "{health:?}");
        assert!(
            round == 0 || health.cold_loads > 0,
            "nothing was ever cold: {health:?}"
        );
        let verified = stats.verify().await.unwrap();
        assert_eq!(verified.differences, Vec::<String>::new());
        assert_eq!(verified.events_recounted, Some((round + 1) * 60_000));
        // The process dies here: the next round finds the files as they are at this moment.
        let next = root.path().join(format!("{}", round + 1));
        copy(&dir, &next);
        dir = next;
        drop((engine, stats));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_at_once_are_all_counted_and_overload_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        waiting_events_max: 5_000,
        ..Options::default()
    };
    let (engine, stats) = open(&root.path().join("data"), options).await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64u32 {
        let stats = Arc::clone(&stats);
        callers.spawn(async move {
            let events: Vec<Event> = (0..1000)
                .map(|n| event(1, caller * 1000 + n, Lane::Sent, START))
                .collect();
            let mut refused = 0;
            loop {
                match stats.report(Source::Vendor, events.clone()).await {
                    Ok(()) => return refused,
                    Err(StoreError::Busy { .. }) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let refused: u64 = callers.join_all().await.into_iter().sum();
    assert!(
        refused > 0,
        "64,000 events at once fit into a queue of 5,000"
    );
    check(
        &stats,
        &BTreeMap::from([(1, BTreeMap::from([(Lane::Sent, 64_000)]))]),
    )
    .await;
    stats.close().await.unwrap();
    assert!(matches!(
        stats
            .report(Source::Us, vec![event(1, 1, Lane::Sent, START)])
            .await,
        Err(StoreError::Failed { .. })
    ));
    engine.close().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_keep_their_numbers_over_a_crash_and_no_number_is_given_twice() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let accounts: Vec<String> = (0..500).map(|n| format!("user{n}")).collect();
    let names = |accounts: &'static [String]| Names {
        tasks: vec![TaskName {
            kind: Kind::Push,
            origin: Origin::Imported,
            id: "t-1",
        }],
        recipients: accounts
            .iter()
            .map(|account| Recipient {
                account,
                route: Route::Offline,
                channel: Channel::Xiaomi,
            })
            .collect(),
        losses: vec![pushtally_store::LossText::new(-2, "token not uploaded")],
    };
    let accounts: &'static [String] = Vec::leak(accounts);
    let (engine, stats) = open(&dir, Options::default()).await;
    let first = stats
        .engine()
        .identities
        .resolve(APP, &names(&accounts[..400]))
        .await
        .unwrap();
    stats
        .report(
            Source::Import,
            vec![event(first.tasks[0].number.0, 399, Lane::Sent, START)],
        )
        .await
        .unwrap();
    // Given out, used by nothing durable, and so free to be given again.
    stats
        .engine()
        .identities
        .resolve(APP, &names(&accounts[400..]))
        .await
        .unwrap();
    let crashed = root.path().join("crashed");
    copy(&dir, &crashed);
    drop((engine, stats));

    let (_engine, stats) = open(&crashed, Options::default()).await;
    let again = stats
        .engine()
        .identities
        .resolve(APP, &names(accounts))
        .await
        .unwrap();
    assert_eq!(again.numbers[..400], first.numbers[..]);
    assert_eq!((again.tasks, again.losses), (first.tasks, first.losses));
    let distinct: std::collections::BTreeSet<_> = again.numbers.iter().collect();
    assert_eq!(distinct.len(), 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_forgets_old_tasks_and_keeps_the_rest() {
    let root = tempfile::tempdir().unwrap();
    let (_engine, stats) = open(&root.path().join("data"), Options::default()).await;
    let clock = ManualClock::at_unix(i64::from(START) + 40 * 86_400);
    for (task, at) in [(1, START), (2, START + 35 * 86_400)] {
        stats
            .report(Source::Import, vec![event(task, 1, Lane::Sent, at)])
            .await
            .unwrap();
    }
    let retention = Retention {
        counts_days: Some(30),
        traces_days: 30,
    };
    let retained = stats
        .retain(&BTreeMap::from([(APP, retention)]), None, &clock)
        .await
        .unwrap();
    assert_eq!(retained.tasks_forgotten, 1);
    stats
        .report(Source::Import, vec![event(1, 2, Lane::Sent, START)])
        .await
        .unwrap();
    check(
        &stats,
        &BTreeMap::from([(1, BTreeMap::new()), (2, BTreeMap::from([(Lane::Sent, 1)]))]),
    )
    .await;
    let counters = stats.counters(APP, Kind::Push).await.unwrap();
    assert_eq!((counters.fresh, counters.too_late), (2, 1));
    let verified = stats.verify().await.unwrap();
    assert_eq!(verified.differences, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_that_somebody_has_yet_to_read_outlive_their_days() {
    let root = tempfile::tempdir().unwrap();
    let options = LocalOptions {
        segment_len_max: 4096,
        ..LocalOptions::default()
    };
    let dir = root.path().join("data");
    let engine = LocalEngine::open(&dir, options, &FixedEntropy(7)).unwrap();
    let clock = Arc::new(ManualClock::at_unix(i64::from(START)));
    let stats = Stats::open(engine.engine(), clock.clone(), Options::default());
    let stats = stats.await.unwrap();
    let ends = BTreeMap::from([(APP, 300_000)]);
    stats.engine().identities.raise(100, &ends).await.unwrap();
    for task in 0..12 {
        let events = (0..2000).map(|device| event(task, device * 9, Lane::Sent, START));
        stats
            .report(Source::Import, events.collect())
            .await
            .unwrap();
    }
    stats.snapshot().await.unwrap();
    clock.advance_ms(40 * 86_400_000);
    let apps = BTreeMap::from([(APP, Retention::default())]);
    let first = async || stats.engine().log.report().await.unwrap().first;
    assert_eq!(first().await, 1);
    for (held, kept_from) in [(Some(0), 1), (Some(5), 6)] {
        let held = held.map(Position::single);
        stats.retain(&apps, held.as_ref(), &*clock).await.unwrap();
        assert!(
            first().await <= kept_from,
            "what comes after `{held:?}` is kept"
        );
    }
    let before = first().await;
    assert!(before > 1, "what comes before is not");
    let retained = stats.retain(&apps, None, &*clock).await.unwrap();
    assert!(retained.segments_dropped > 0);
    assert!(first().await > before);
}
