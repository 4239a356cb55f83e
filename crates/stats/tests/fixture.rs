//! A data directory that an earlier release left behind must open, answer and verify for ever.
//!
//! `fixtures/data-1` was written by format 1 and holds a snapshot and a log after it, as after a kill.
//! `PUSHTALLY_MAKE_FIXTURE=<new directory>` makes one like it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::path::Path;
use std::sync::Arc;

use pushtally_model::{
    AppId, Channel, Event, FixedEntropy, Kind, ManualClock, Number, Origin, Route, Scope, Second,
    Source, Stage, TaskKey, What, Window,
};
use pushtally_stats::{Options, Stats};
use pushtally_store::{LossText, Names, Recipient, Report, Resolved, TaskName};
use pushtally_store_local::{LocalEngine, LocalOptions};

const APP: AppId = AppId(1_400_000_000);
const OTHER_APP: AppId = AppId(1_400_000_001);
/// 2025-03-05 00:00 UTC+8, as in the documented sample.
const START: u32 = 1_741_104_000;

async fn open(dir: &Path) -> (LocalEngine, Arc<Stats>) {
    let engine = LocalEngine::open(dir, LocalOptions::default(), &FixedEntropy(1)).unwrap();
    let clock = Arc::new(ManualClock::at_unix(i64::from(START) + 9 * 86_400));
    let stats = Stats::open(engine.engine(), clock, Options::default())
        .await
        .unwrap();
    (engine, stats)
}

async fn resolve(stats: &Stats, app: AppId, kind: Kind, task: &str, devices: u32) -> Resolved {
    let accounts: Vec<String> = (0..devices).map(|n| format!("user{n}")).collect();
    let names = Names {
        tasks: vec![TaskName {
            kind,
            origin: Origin::Imported,
            id: task,
        }],
        recipients: accounts
            .iter()
            .map(|account| Recipient {
                account,
                route: Route::Offline,
                channel: Channel::Huawei,
            })
            .collect(),
        losses: vec![
            LossText::new(410, "Unregistered"),
            LossText::new(-2, "token not uploaded"),
        ],
    };
    stats
        .engine()
        .identities
        .resolve(app, &names)
        .await
        .unwrap()
}

async fn report(
    stats: &Stats,
    app: AppId,
    task: TaskKey,
    numbers: &[Number],
    what: What,
    from: u32,
) {
    let route = (Route::Offline, Channel::Huawei);
    let event = |(n, number): (u32, &Number)| {
        Event::new(app, task, *number, route, what, Second(from + n % 100_000))
    };
    let events = (0..).zip(numbers).filter_map(event).collect();
    stats.report(Source::Import, events).await.unwrap();
}

/// Tasks of every shape, a snapshot, and a log after it.
async fn make(dir: &Path) -> (LocalEngine, Arc<Stats>) {
    let (engine, stats) = open(dir).await;
    let large = resolve(&stats, APP, Kind::Push, "large", 5000).await;
    let small = resolve(&stats, APP, Kind::Push, "small", 3).await;
    let forgotten = resolve(&stats, APP, Kind::Push, "forgotten", 2).await;
    let message = resolve(&stats, OTHER_APP, Kind::Message, "message", 1).await;
    for (resolved, app) in [
        (&large, APP),
        (&small, APP),
        (&forgotten, APP),
        (&message, OTHER_APP),
    ] {
        for stage in [Stage::Planned, Stage::Sent] {
            report(
                &stats,
                app,
                resolved.tasks[0],
                &resolved.numbers,
                What::Reached(stage),
                START,
            )
            .await;
        }
    }
    stats.forget_task(APP, forgotten.tasks[0]).await.unwrap();
    stats.snapshot().await.unwrap();
    let lost = What::Lost(Stage::Delivered, large.losses[0]);
    report(
        &stats,
        APP,
        large.tasks[0],
        &large.numbers[..40],
        lost,
        START + 86_390,
    )
    .await;
    report(
        &stats,
        APP,
        large.tasks[0],
        &large.numbers[40..],
        What::Reached(Stage::Delivered),
        START + 100,
    )
    .await;
    report(
        &stats,
        APP,
        large.tasks[0],
        &large.numbers[40..],
        What::Reached(Stage::Delivered),
        START + 900,
    )
    .await;
    report(
        &stats,
        APP,
        forgotten.tasks[0],
        &forgotten.numbers,
        What::Reached(Stage::Clicked),
        START + 5,
    )
    .await;
    (engine, stats)
}

fn window(from: u32, to: u32) -> Window {
    Window::new(Second(START + from), Second(START + to)).unwrap()
}

async fn check(dir: &Path) {
    let (_engine, stats) = open(dir).await;
    let task = async |app, kind, id: &str| {
        stats
            .engine()
            .identities
            .find_task(app, kind, id)
            .await
            .unwrap()
            .unwrap()
    };
    let counts = async |scope, window| {
        let tally = stats.tally(APP, scope, window).await.unwrap();
        Stage::ALL.map(|stage| tally.reached(Route::Offline, Channel::Huawei, stage))
    };
    let large = Scope::Task(task(APP, Kind::Push, "large").await.number);
    let small = Scope::Task(task(APP, Kind::Push, "small").await.number);
    let forgotten = Scope::Task(task(APP, Kind::Push, "forgotten").await.number);
    let overall = Scope::Overall(APP, Kind::Push);
    assert_eq!(counts(large, Window::all()).await, [5000, 5000, 4960, 0]);
    assert_eq!(counts(large, window(10, 150)).await, [140, 140, 50, 0]);
    assert_eq!(counts(small, Window::all()).await, [3, 3, 0, 0]);
    assert_eq!(counts(small, window(1, 3)).await, [2, 2, 0, 0]);
    assert_eq!(counts(forgotten, Window::all()).await, [0; 4]);
    assert_eq!(counts(overall, Window::all()).await, [5005, 5005, 4960, 0]);
    assert_eq!(
        counts(Scope::Overall(OTHER_APP, Kind::Message), Window::all()).await,
        [1, 1, 0, 0]
    );
    let tally = stats.tally(APP, large, Window::all()).await.unwrap();
    let losses: Vec<_> = tally.losses().collect();
    assert_eq!(losses.len(), 1);
    assert_eq!(losses[0].2, 40);
    let text = stats
        .engine()
        .identities
        .find_loss(APP, losses[0].1)
        .await
        .unwrap();
    assert_eq!(text, Some(LossText::new(410, "Unregistered")));
    let counters = stats.counters(APP, Kind::Push).await.unwrap();
    assert_eq!(
        (counters.fresh, counters.duplicate, counters.too_late),
        (15_010, 4960, 2)
    );
    let again = resolve(&stats, APP, Kind::Push, "large", 5000).await;
    assert_eq!(again.numbers, (0..5000).map(Number).collect::<Vec<_>>());
    let verified = stats.verify().await.unwrap();
    assert_eq!(verified.differences, Vec::<String>::new());
    assert_eq!(verified.events_recounted, Some(15_010 + 4960 + 2 + 2));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kept_directory_of_format_1_opens_and_answers() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data-1"),
        &dir,
    );
    check(&dir).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_made_today_answers_the_same() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    // Copied while it is open: what a kill would leave.
    let _open = make(&dir).await;
    let crashed = root.path().join("crashed");
    copy(&dir, &crashed);
    if let Some(keep) = std::env::var_os("PUSHTALLY_MAKE_FIXTURE") {
        copy(&dir, Path::new(&keep));
    }
    check(&crashed).await;
}
