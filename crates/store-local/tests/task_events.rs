//! One task's events, and some devices', out of a log of many small segments: the same as by reading everything, whatever was asked before.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pushtally_ledger::{Batch, Control, Record, Recorded, Section, TaskEntry};
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
        if random.random_range(0..4) == 0 {
            let number = at.saturating_sub(random.random_range(0..60)) * 9_000;
            let (app, task) = (AppId(1 + number % 2), task(number));
            records.push(Record::Control(Control::ForgetTask { app, task }));
        }
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
            let section = match record {
                Record::Events(section) => section,
                Record::Control(Control::ForgetTask { task: of, .. }) => {
                    if *of == task && batch.recorded_ms >= from_ms {
                        found.push(TaskEntry::Forgotten {
                            recorded_ms: batch.recorded_ms,
                        });
                    }
                    continue;
                }
                other => panic!("{other:?}"),
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

async fn naive_of(
    log: &dyn Log,
    (app, devices): (AppId, &BTreeSet<Number>),
    from_ms: i64,
) -> Vec<Recorded> {
    let mut found = Vec::new();
    let mut visit = |_, batch: Batch| {
        for record in &batch.records {
            let Record::Events(section) = record else {
                continue;
            };
            let recorded_ms = batch.recorded_ms;
            let of = section.events().iter().filter(|event| {
                event.app == app && devices.contains(&event.number) && recorded_ms >= from_ms
            });
            found.extend(of.map(|event| Recorded {
                recorded_ms,
                source: section.source,
                event: *event,
            }));
        }
        ControlFlow::Continue(())
    };
    log.replay(&Position::default(), &mut visit).await.unwrap();
    found
}

/// Some devices, now and then none that the log has.
fn devices(random: &mut ChaCha8Rng) -> BTreeSet<Number> {
    let first = random.random_range(0..3) * 65_000;
    let len = random.random_range(1..20_000);
    (first..first + len).step_by(3).map(Number).collect()
}

/// A log that grows and once loses its beginning, looked at now and then; answers how many events were seen.
async fn at_many_moments(
    seed: u64,
    look: impl AsyncFn(&dyn Log, &mut ChaCha8Rng, u32) -> usize,
) -> usize {
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
            seen += look(&*log, &mut random, at).await;
        }
        if at == 200 {
            let before_ms = i64::from(BEGIN_S + 60) * 1000;
            let included = Position::single(u64::MAX >> 1);
            assert!(log.drop_before(&included, before_ms).await.unwrap() > 2);
        }
    }
    seen
}

/// Of all times, or from some second on.
fn from_ms(random: &mut ChaCha8Rng, at: u32) -> i64 {
    let since = BEGIN_S + random.random_range(0..=at);
    [0, i64::from(since) * 1000][random.random_range(0..2)]
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_devices_are_those_of_the_whole_log_at_every_moment() {
    for seed in 0..3 {
        let look = async |log: &dyn Log, random: &mut ChaCha8Rng, at: u32| {
            let (app, wanted) = (AppId(random.random_range(1..4)), devices(random));
            let from_ms = from_ms(random, at);
            let mut found = Vec::new();
            let mut visit = |recorded| found.push(recorded);
            let visited = log.visit_devices(app, &wanted, from_ms, &mut visit);
            visited.await.unwrap();
            let expected = naive_of(log, (app, &wanted), from_ms).await;
            assert_eq!(found, expected, "seed {seed}, at {at}, from {from_ms}");
            found.len()
        };
        let seen = at_many_moments(seed, look).await;
        assert!(seen > 100, "{seen} events were looked at");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_those_of_the_whole_log_at_every_moment() {
    for seed in 0..8 {
        let look = async |log: &dyn Log, random: &mut ChaCha8Rng, at: u32| {
            let wanted = task(random.random_range(0..=at) * 9_000);
            let from_ms = from_ms(random, at);
            let mut found = Vec::new();
            let mut visit = |entry| found.push(entry);
            log.visit_task(wanted, from_ms, &mut visit).await.unwrap();
            let expected = naive(log, wanted, from_ms).await;
            assert_eq!(
                found, expected,
                "seed {seed}, at {at}, {wanted:?} from {from_ms}"
            );
            found.len()
        };
        let seen = at_many_moments(seed, look).await;
        assert!(seen > 500, "{seen} events were looked at");
    }
}
