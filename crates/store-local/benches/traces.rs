//! How long one task's events, and one device's, take to find among twenty million, written as a sender writes them.
//!
//! `cargo bench -p pushtally-store-local --bench traces`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark stops at the first surprise, prints and measures time"
)]

use std::collections::BTreeSet;
use std::time::Instant;

use pushtally_ledger::{Batch, Record, Section};
use pushtally_model::{
    AppId, Cell, Channel, Event, FixedEntropy, Kind, Lane, LossId, Number, Origin, Route, Second,
    Source, TaskKey, TaskNumber,
};
use pushtally_store::Log;
use pushtally_store_local::{LocalEngine, LocalOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BEGIN_S: u32 = 1_700_000_000;
const DEVICES: u32 = 950_000;
/// Devices of a broadcast in one batch.
const PART: u32 = 16_384;
/// Pushes to one device between two parts.
const SINGLES: u32 = 850;
/// Task numbers from one broadcast to the next.
const APART: u32 = 100_000;

fn task(number: u32) -> TaskKey {
    TaskKey {
        number: TaskNumber(number),
        kind: Kind::Push,
        origin: Origin::Own,
    }
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions::default();
    let engine = LocalEngine::open(&dir.path().join("d"), options, &FixedEntropy(3)).unwrap();
    let log = engine.engine().log;
    let last_s = write(&*log).await;
    for (what, wanted, from_s) in [
        ("first trace after a start, of the oldest broadcast", 0, 0),
        ("the same again", 0, 0),
        ("a push to one device", 4 * APART + 7, 0),
        ("a task that the log does not name", 9 * APART + 99_999, 0),
        (
            "the newest broadcast, from its acceptance on",
            9 * APART,
            last_s - 130,
        ),
    ] {
        let start = Instant::now();
        let mut found = 0;
        let mut visit = |_| found += 1;
        log.visit_task(task(wanted), i64::from(from_s) * 1000, &mut visit)
            .await
            .unwrap();
        println!(
            "{what}: {found} events in {} ms",
            start.elapsed().as_millis()
        );
    }
    for (what, app, device) in [
        ("first history after a start, of one device", 1, 475_000),
        ("the same again", 1, 475_000),
        (
            "a device that no segment has, of the same app",
            1,
            2_000_000,
        ),
        ("a device of another app", 2, 475_000),
    ] {
        let start = Instant::now();
        let mut found = 0;
        let mut visit = |_| found += 1;
        let devices = BTreeSet::from([Number(device)]);
        log.visit_devices(AppId(app), &devices, 0, &mut visit)
            .await
            .unwrap();
        println!(
            "{what}: {found} events in {} ms",
            start.elapsed().as_millis()
        );
    }
}

/// Ten broadcasts, each planned and then sent in parts, and between the parts pushes to one device each. Answers the second
/// of the last batch.
async fn write(log: &dyn Log) -> u32 {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (mut now, mut written) = (BEGIN_S, 0);
    for broadcast in 0..10 {
        for lane in [Lane::Planned, Lane::Sent] {
            for part in 0..DEVICES.div_ceil(PART) {
                now += 1;
                let event = |task, number| Event {
                    app: AppId(1),
                    task,
                    cell: Cell::new(Route::Offline, Channel::Fcm, lane),
                    number: Number(number),
                    at: Second(now),
                    loss: LossId::NONE,
                };
                let devices = part * PART..DEVICES.min((part + 1) * PART);
                let mut events: Vec<Event> = devices
                    .map(|number| event(task(broadcast * APART), number))
                    .collect();
                for one in 0..SINGLES {
                    let single = task(broadcast * APART + 1 + part * SINGLES + one);
                    events.push(event(single, random.random_range(0..DEVICES)));
                }
                written += events.len();
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
    now
}
