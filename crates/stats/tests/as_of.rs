//! Numbers as known at an earlier moment are those that were answered then, over both engines, also after a restart.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use pushtally_ledger::{Batch, Tally};
use pushtally_model::{
    AppId, Cell, Channel, Clock as _, Event, FixedEntropy, Kind, Lane, LossId, ManualClock, Number,
    Origin, Retention, Route, Scope, Second, Source, TaskKey, TaskNumber, Window,
};
use pushtally_stats::{Options, Stats};
use pushtally_store::{Engine, Position, Report, memory};
use pushtally_store_local::{LocalEngine, LocalOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const APP: AppId = AppId(1_400_000_000);
const START: u32 = 19_700 * Second::DAY_S;
const TASKS: u32 = 4;

/// Two of our own, two that were imported.
fn task(number: u32) -> TaskKey {
    TaskKey {
        number: TaskNumber(number),
        kind: Kind::Push,
        origin: if number.is_multiple_of(2) {
            Origin::Own
        } else {
            Origin::Imported
        },
    }
}

fn event(of: TaskKey, device: u32, lane: Lane, at: u32) -> Event {
    let is_loss = lane == Lane::LostBeforeSent;
    Event {
        app: APP,
        task: of,
        cell: Cell::new(Route::Offline, Channel::Apns, lane),
        number: Number(device),
        at: Second(at),
        loss: LossId(if is_loss { 1 + device % 3 } else { 0 }),
    }
}

/// The windows of a question: all, or a series of some steps.
fn windows() -> [Vec<Window>; 2] {
    let step = |from: u32| Window::new(Second(START + from), Second(START + from + 7)).unwrap();
    let series = (0..8).map(|n| step(n * 7)).collect();
    [vec![Window::all()], series]
}

/// What every question is answered with now.
async fn answers(stats: &Stats) -> Vec<Vec<Tally>> {
    let mut all = Vec::new();
    for number in 0..TASKS {
        for windows in windows() {
            let scope = Scope::Task(TaskNumber(number));
            all.push(stats.tallies(APP, scope, &windows).await.unwrap());
        }
    }
    all
}

async fn answers_as_of(stats: &Stats, ms: i64) -> Vec<Vec<Tally>> {
    let mut all = Vec::new();
    for number in 0..TASKS {
        for windows in windows() {
            let told = stats.tallies_as_of(task(number), &windows, ms, i64::MIN);
            all.push(told.await.unwrap());
        }
    }
    all
}

type Notes = BTreeMap<i64, Vec<Vec<Tally>>>;

/// Some events of any task, often repeated, early or late; a `many` time so many that small tasks grow.
fn some(random: &mut ChaCha8Rng) -> Vec<Event> {
    let many = random.random_range(0..12) == 0;
    let len = if many {
        700
    } else {
        random.random_range(1..30)
    };
    let devices = if many { 140_000 } else { 25 };
    let mut one = |_| {
        let lanes = Lane::ALL;
        let lane = lanes[random.random_range(0..5)];
        let at = START + random.random_range(0..60);
        let of = task(random.random_range(0..TASKS));
        event(of, random.random_range(0..devices), lane, at)
    };
    (0..len).map(&mut one).collect()
}

/// Plays some steps and notes every answer, the last one of each millisecond.
async fn play(stats: &Stats, clock: &ManualClock, random: &mut ChaCha8Rng, notes: &mut Notes) {
    for _ in 0..40 {
        // Often two batches in one millisecond.
        clock.advance_ms(random.random_range(0..3));
        let sources = [Source::Us, Source::Vendor, Source::Import];
        let source = sources[random.random_range(0..sources.len())];
        stats.report(source, some(random)).await.unwrap();
        notes.insert(clock.now_ms(), answers(stats).await);
    }
}

/// Answers how many moments were asked for.
async fn check(stats: &Stats, notes: &Notes) -> usize {
    for (ms, noted) in notes {
        assert_eq!(&answers_as_of(stats, *ms).await, noted, "as of {ms}");
        // Between two batches it is what the earlier one left.
        if !notes.contains_key(&(ms + 1)) {
            assert_eq!(&answers_as_of(stats, ms + 1).await, noted, "as of {ms} + 1");
        }
    }
    notes.len()
}

async fn open(engine: Engine, clock: &Arc<ManualClock>) -> Arc<Stats> {
    let options = Options {
        snapshot_events: 1_000,
        ..Options::default()
    };
    let stats = Stats::open(engine, clock.clone(), options).await.unwrap();
    let ends = BTreeMap::from([(APP, 300_000)]);
    stats.engine().identities.raise(100, &ends).await.unwrap();
    stats
}

fn local(dir: &Path) -> LocalEngine {
    let options = LocalOptions {
        segment_len_max: 4096,
        ..LocalOptions::default()
    };
    LocalEngine::open(dir, options, &FixedEntropy(7)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_a_random_history_is_given_again_as_of_its_moment() {
    let mut moments = 0;
    for seed in 0..6 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let clock = Arc::new(ManualClock::at_unix(i64::from(START)));
        let stats = open(memory::engine(), &clock).await;
        let mut notes = Notes::new();
        play(&stats, &clock, &mut random, &mut notes).await;
        let forgotten = task(random.random_range(0..TASKS));
        stats.forget_task(APP, forgotten).await.unwrap();
        notes.insert(clock.now_ms(), answers(&stats).await);
        play(&stats, &clock, &mut random, &mut notes).await;
        moments += check(&stats, &notes).await;
        stats.close().await.unwrap();
    }
    assert!(moments > 6 * 40, "{moments} moments");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_and_a_clock_that_was_set_back_change_no_answer() {
    let root = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut notes = Notes::new();
    let clock = Arc::new(ManualClock::at_unix(i64::from(START)));
    let engine = local(root.path());
    let stats = open(engine.engine(), &clock).await;
    play(&stats, &clock, &mut random, &mut notes).await;
    stats.close().await.unwrap();
    drop((stats, engine));

    let engine = local(root.path());
    let stats = open(engine.engine(), &clock).await;
    check(&stats, &notes).await;
    stats.close().await.unwrap();
    drop((stats, engine));

    // The next start finds the machine's clock ten milliseconds back: of a moment that comes twice, its second time is meant.
    let back_ms = clock.now_ms() - 10;
    let clock = Arc::new(ManualClock::at_unix(0));
    clock.advance_ms(back_ms);
    let engine = local(root.path());
    let stats = open(engine.engine(), &clock).await;
    let repeated = (0..TASKS).map(|number| event(task(number), 1, Lane::Planned, START));
    stats.report(Source::Us, repeated.collect()).await.unwrap();
    notes.split_off(&back_ms);
    notes.insert(back_ms, answers(&stats).await);
    play(&stats, &clock, &mut random, &mut notes).await;
    assert!(check(&stats, &notes).await > 40);
    assert_eq!(stats.kept_from_ms().await.unwrap(), None);
    stats.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_known_from_when_on_the_log_is_kept_and_what_came_after_a_moment() {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at_unix(i64::from(START)));
    let engine = local(root.path());
    let stats = open(engine.engine(), &clock).await;
    let report = async |number: u32, devices: std::ops::Range<u32>| {
        let events = devices.map(|device| event(task(number), device * 9, Lane::Planned, START));
        let events = events.collect();
        stats.report(Source::Import, events).await.unwrap();
        clock.now_ms()
    };
    for n in 0..6 {
        report(0, n * 2000..(n + 1) * 2000).await;
    }
    clock.advance_ms(5);
    let last_ms = report(0, 20_000..20_001).await;
    assert_eq!(stats.kept_from_ms().await.unwrap(), None);
    for (after_ms, expected) in [
        (0, Some(last_ms)),
        (last_ms - 1, Some(last_ms)),
        (last_ms, None),
    ] {
        assert_eq!(
            stats.changed_after(task(0), after_ms).await.unwrap(),
            expected
        );
    }
    clock.advance_ms(40 * 86_400_000);
    let later_ms = report(1, 0..2000).await;
    report(1, 0..2000).await;
    stats.snapshot().await.unwrap();
    let apps = BTreeMap::from([(APP, Retention::default())]);
    let retained = stats.retain(&apps, None, &*clock).await.unwrap();
    assert!(retained.segments_dropped > 0);
    let mut recorded_ms = Vec::new();
    let mut visit = |_, batch: Batch| {
        recorded_ms.push(batch.recorded_ms);
        ControlFlow::Continue(())
    };
    let log = &stats.engine().log;
    log.replay(&Position::default(), &mut visit).await.unwrap();
    assert!(recorded_ms.contains(&later_ms));
    assert_eq!(stats.kept_from_ms().await.unwrap(), Some(recorded_ms[0]));
    stats.close().await.unwrap();
}
