//! Measures the ledger in process: durable intake, snapshots running, recovery, bytes on disk.
//!
//! `cargo bench -p pushtally-stats --bench ledger -- [ordered|zipf|single|all] [events] [dir]`. Batches of
//! 1,000 events, eight waiting at a time, each acknowledged after fsync and fold. Prints one row a shape.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and may stop"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use pushtally_model::{
    AppId, Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Scope, Second, Source,
    SystemClock, SystemEntropy, TaskKey, TaskNumber, Window,
};
use pushtally_stats::{Options, Stats};
use pushtally_store::Report;
use pushtally_store_local::{LocalEngine, LocalOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 1000;
const WAITING: usize = 4;
const APP: AppId = AppId(1_400_000_000);
const START: u32 = 1_700_000_000;

fn task(number: u32) -> TaskKey {
    TaskKey {
        number: TaskNumber(number),
        kind: Kind::Push,
        origin: Origin::Imported,
    }
}

fn event(number: u32, device: u32, lane: Lane, channel: u8, at: u32) -> Event {
    let channel = Channel::from_number(channel).unwrap();
    let cell = Cell::new(Route::Offline, channel, lane);
    Event {
        app: APP,
        task: task(number),
        cell,
        number: Number(device),
        at: Second(at),
        loss: LossId::NONE,
    }
}

/// Makes the `n`th event of a shape.
type Shape = Box<dyn FnMut(u64) -> Event + Send>;

/// As dispatch writes: a million devices, a stage after the other, in order of device.
fn ordered() -> Shape {
    Box::new(|n| {
        let (round, device) = (n / 1_000_000, (n % 1_000_000) as u32);
        let lane = Lane::ALL[(round % 4) as usize];
        let channel = 1 + (device >> 16) as u8 % 8;
        event(
            (round / 4) as u32,
            device,
            lane,
            channel,
            START + (n / 50_000) as u32,
        )
    })
}

/// As receipts come: 1,000 tasks by Zipf's law, a million devices at random, 5 % repeats.
fn zipf() -> Shape {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let weights: Vec<f64> = (1..=1000u32).map(|rank| 1.0 / f64::from(rank)).collect();
    let total: f64 = weights.iter().sum();
    let mut sums = Vec::new();
    weights.iter().fold(0.0, |sum, weight| {
        sums.push((sum + weight) / total);
        sum + weight
    });
    let mut recent: Vec<Event> = Vec::new();
    Box::new(move |n| {
        if recent.len() >= 4096 && rng.random_bool(0.05) {
            return recent[rng.random_range(0..recent.len())];
        }
        let point: f64 = rng.random();
        let number = sums.partition_point(|sum| *sum < point).min(999) as u32;
        let device = rng.random_range(0..1_000_000u32);
        let lane = Lane::ALL[rng.random_range(0..4)];
        let made = event(
            number,
            device,
            lane,
            1 + (device % 8) as u8,
            START + (n / 1000) as u32,
        );
        if recent.len() < 4096 {
            recent.push(made);
        } else {
            let at = rng.random_range(0..4096);
            recent[at] = made;
        }
        made
    })
}

/// Tasks of one device: planned, sent, delivered, clicked, a few seconds apart.
fn single() -> Shape {
    Box::new(|n| {
        let number = (n / 4) as u32;
        event(
            number,
            number % 1_000_000,
            Lane::ALL[(n % 4) as usize],
            1 + (number % 8) as u8,
            START + number / 500,
        )
    })
}

fn status_kb(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn disk_bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(dir).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            if entry.path().is_dir() {
                disk_bytes(&entry.path())
            } else {
                entry.metadata().unwrap().blocks() * 512
            }
        })
        .sum()
}

async fn open(dir: &Path) -> (LocalEngine, Arc<Stats>) {
    let engine = LocalEngine::open(dir, LocalOptions::default(), &SystemEntropy).unwrap();
    let stats = Stats::open(
        engine.engine(),
        Arc::new(SystemClock::default()),
        Options::default(),
    )
    .await
    .unwrap();
    // The shapes number tasks and devices themselves.
    let ends = std::collections::BTreeMap::from([(APP, 1_000_000)]);
    stats
        .engine()
        .identities
        .raise(1 << 30, &ends)
        .await
        .unwrap();
    (engine, stats)
}

async fn run(name: &str, mut shape: Shape, events: u64, dir: &Path) {
    let _ = std::fs::remove_dir_all(dir);
    let (engine, stats) = open(dir).await;
    let (batches, to_send) = std::sync::mpsc::sync_channel::<Vec<Event>>(WAITING);
    let maker = std::thread::spawn(move || {
        for batch in 0..events / BATCH as u64 {
            let from = batch * BATCH as u64;
            batches
                .send((from..from + BATCH as u64).map(&mut shape).collect())
                .unwrap();
        }
    });
    // The generator is not what is measured: its batches are made first, a chunk at a time.
    let mut latencies = Vec::new();
    let mut spent = std::time::Duration::ZERO;
    loop {
        let chunk: Vec<Vec<Event>> = to_send.iter().take(2000).collect();
        if chunk.is_empty() {
            break;
        }
        let began = Instant::now();
        let mut waiting = tokio::task::JoinSet::new();
        for batch in chunk {
            if waiting.len() >= WAITING {
                latencies.push(waiting.join_next().await.unwrap().unwrap());
            }
            let stats = Arc::clone(&stats);
            waiting.spawn(async move {
                let began = Instant::now();
                stats.report(Source::Vendor, batch).await.unwrap();
                began.elapsed()
            });
        }
        while let Some(latency) = waiting.join_next().await {
            latencies.push(latency.unwrap());
        }
        spent += began.elapsed();
    }
    maker.join().unwrap();
    latencies.sort_unstable();
    let at =
        |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let counters = stats.counters(APP, Kind::Push).await.unwrap();
    let tally = stats
        .tally(APP, Scope::Overall(APP, Kind::Push), Window::all())
        .await
        .unwrap();
    let counted: u64 = tally.cells().map(|(_, count)| count).sum();
    assert_eq!(
        (counted, counters.recorded()),
        (counters.fresh, events / 1000 * 1000)
    );
    let health = stats.health();
    println!(
        "{name}: {:.0} events/s, commit p50 {:.2} ms p99 {:.2} ms max {:.1} ms, {} commits, {} snapshots, fresh {}, peak {} MB",
        events as f64 / spent.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        health.commits,
        health.snapshots,
        counters.fresh,
        status_kb("VmHWM") / 1024,
    );
    // As after SIGKILL: nothing is closed in order; the files are what they were.
    let crashed = dir.with_extension("crashed");
    let _ = std::fs::remove_dir_all(&crashed);
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .arg(dir)
            .arg(&crashed)
            .status()
            .unwrap()
            .success()
    );
    let began = Instant::now();
    let (_crashed, recovered) = open(&crashed).await;
    let start = began.elapsed();
    assert_eq!(recovered.counters(APP, Kind::Push).await.unwrap(), counters);
    println!("{name}: start after a crash {:.2} s", start.as_secs_f64());
    recovered.close().await.unwrap();
    drop(_crashed);
    std::fs::remove_dir_all(&crashed).unwrap();

    stats.close().await.unwrap();
    engine.compact().unwrap();
    engine.close().unwrap();
    let parts =
        ["events", "pages", "names"].map(|part| disk_bytes(&dir.join(part)) as f64 / events as f64);
    println!(
        "{name}: {:.2} bytes on disk an event (log {:.2}, pages {:.2}, names {:.2})",
        parts.iter().sum::<f64>(),
        parts[0],
        parts[1],
        parts[2]
    );
    drop(engine);
    std::fs::remove_dir_all(dir).unwrap();
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let which = arguments.first().map_or("all", String::as_str);
    let events = arguments
        .get(1)
        .map_or(5_000_000, |events| events.parse().unwrap());
    let dir = arguments.get(2).map_or_else(
        || std::env::temp_dir().join("pushtally-bench"),
        PathBuf::from,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for (name, shape) in [
        ("ordered", ordered as fn() -> Shape),
        ("zipf", zipf),
        ("single", single),
    ] {
        if which == name || which == "all" {
            runtime.block_on(run(name, shape(), events, &dir));
        }
    }
}
