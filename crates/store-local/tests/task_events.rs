//! One task's events out of a log of many small segments: the same as by reading everything, whatever was asked before.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::ops::ControlFlow;
use std::time::Instant;

use pushtally_ledger::{Batch, Record, Recorded, Section, TaskEntry};
use pushtally_model::{
    AppId, Cell, Channel, Event, FixedEntropy, Kind, Lane, LossId, Number, Origin, Route, Second,
    Source, TaskKey, TaskNumber,
};
use pushtally_store::{Log, Position};
use pushtally_store_local::{LocalEngine, LocalOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BEGIN_S: u32 = 1_700_000_000;

fn task(number: u32) -> TaskKey {
    TaskKey {
        number: TaskNumber(number),
        kind: Kind::Push,
        origin: Origin::Own,
    }
}

/// Tasks come and go: each is talked of around its time, and now and then much later.
fn batch(at: u32, random: &mut ChaCha8Rng) -> Batch {
    let mut records = Vec::new();
    for source in [Source::Us, Source::Vendor] {
        let event = |random: &mut ChaCha8Rng| {
            let late = random.random_range(0..20) == 0;
            let age = random.random_range(0..if late { 60 } else { 3 });
            // Far numbers too, so that more than one upper half is learnt.
            let number = at.saturating_sub(age) * 9_000;
            let lanes = [Lane::Planned, Lane::Sent, Lane::LostBeforeSent];
            let lane = lanes[random.random_range(0..lanes.len())];
            let is_loss = lane == Lane::LostBeforeSent;
            Event {
                app: AppId(1 + number % 2),
                task: task(number),
                cell: Cell::new(Route::Offline, Channel::Fcm, lane),
                number: Number(random.random_range(0..100_000)),
                at: Second(BEGIN_S + at - random.random_range(0..2)),
                loss: if is_loss {
                    LossId(random.random_range(2..500))
                } else {
                    LossId::NONE
                },
            }
        };
        let events = (0..random.random_range(0..40))
            .map(|_| event(random))
            .collect();
        records.push(Record::Events(Section::new(source, events)));
    }
    Batch {
        recorded_ms: i64::from(BEGIN_S + at) * 1000,
        records,
    }
}

async fn naive(log: &dyn Log, task: TaskKey, from_ms: i64) -> Vec<TaskEntry> {
    let mut found = Vec::new();
    let mut visit = |_, batch: Batch| {
        for record in &batch.records {
            let Record::Events(section) = record else {
                continue;
            };
            for event in section.events().iter().filter(|event| event.task == task) {
                if batch.recorded_ms >= from_ms {
                    found.push(TaskEntry::Event(Recorded {
                        recorded_ms: batch.recorded_ms,
                        source: section.source,
                        event: *event,
                    }));
                }
            }
        }
        ControlFlow::Continue(())
    };
    log.replay(&Position::default(), &mut visit).await.unwrap();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_those_of_the_whole_log_at_every_moment() {
    for seed in 0..8 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let dir = tempfile::tempdir().unwrap();
        let options = LocalOptions {
            segment_len_max: 3_000,
            ..LocalOptions::default()
        };
        let engine = LocalEngine::open(&dir.path().join("d"), options, &FixedEntropy(3)).unwrap();
        let log = engine.engine().log;
        let mut seen = 0;
        for at in 1..400 {
            log.append(&batch(at, &mut random)).await.unwrap();
            if random.random_range(0..3) == 0 {
                let wanted = task(random.random_range(0..=at) * 9_000);
                let since = BEGIN_S + random.random_range(0..=at);
                let from_ms = [0, i64::from(since) * 1000][random.random_range(0..2)];
                let mut found = Vec::new();
                let mut visit = |entry| found.push(entry);
                log.visit_task(wanted, from_ms, &mut visit).await.unwrap();
                let expected = naive(&*log, wanted, from_ms).await;
                assert_eq!(
                    found, expected,
                    "seed {seed}, at {at}, {wanted:?} from {from_ms}"
                );
                seen += found.len();
            }
            if at == 200 {
                let before_ms = i64::from(BEGIN_S + 60) * 1000;
                let included = Position::single(u64::MAX >> 1);
                assert!(log.drop_before(&included, before_ms).await.unwrap() > 2);
            }
        }
        assert!(seen > 500, "{seen} events were looked at");
    }
}

/// `cargo test -p pushtally-store-local --test task_events -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: it writes twenty million events"]
#[allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures the real time"
)]
async fn how_long_one_tasks_events_take_to_find_among_twenty_million() {
    const DEVICES: u32 = 950_000;
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions::default();
    let engine = LocalEngine::open(&dir.path().join("d"), options, &FixedEntropy(3)).unwrap();
    let log = engine.engine().log;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (mut now, mut written) = (BEGIN_S, 0u64);
    // Ten broadcasts, each planned and then sent in parts, and between the parts pushes to one device each.
    for broadcast in 0..10 {
        for lane in [Lane::Planned, Lane::Sent] {
            for part in 0..DEVICES.div_ceil(16_384) {
                now += 1;
                let from = part * 16_384;
                let event = |task, number| Event {
                    app: AppId(1),
                    task,
                    cell: Cell::new(Route::Offline, Channel::Fcm, lane),
                    number: Number(number),
                    at: Second(now),
                    loss: LossId::NONE,
                };
                let of_broadcast = |number| event(task(broadcast * 100_000), number);
                let mut events: Vec<Event> = (from..DEVICES.min(from + 16_384))
                    .map(of_broadcast)
                    .collect();
                for one in 0..850 {
                    let small = task(broadcast * 100_000 + 1 + part * 850 + one);
                    events.push(event(small, random.random_range(0..DEVICES)));
                }
                written += events.len() as u64;
                let batch = Batch {
                    recorded_ms: i64::from(now) * 1000,
                    records: vec![Record::Events(Section::new(Source::Us, events))],
                };
                log.append(&batch).await.unwrap();
            }
        }
    }
    let bytes = log.report().await.unwrap().bytes;
    println!("{written} events, {bytes} bytes");
    let last_s = i64::from(now) * 1000;
    for (what, wanted, from_ms) in [
        ("first trace after a start, of the oldest broadcast", 0, 0),
        ("the same again", 0, 0),
        ("a push to one device", 400_007, 0),
        ("a task that the log does not name", 999_999, 0),
        (
            "the newest broadcast, from its acceptance on",
            900_000,
            last_s - 130_000,
        ),
    ] {
        let start = Instant::now();
        let mut found = 0;
        let mut visit = |_| found += 1;
        log.visit_task(task(wanted), from_ms, &mut visit)
            .await
            .unwrap();
        println!(
            "{what}: {found} events in {} ms",
            start.elapsed().as_millis()
        );
    }
}
