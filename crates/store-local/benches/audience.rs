//! Importing devices with tags, opening after SIGKILL, evaluating a condition of five tags.
//!
//! `cargo bench -p pushtally-store-local --bench audience -- [DEVICES] [DIRECTORY]`. A child process imports, evaluates,
//! compares with a plain scan of the records (up to two million), and is killed while it goes on registering; this one
//! opens what it left and compares. `import DIRECTORY DEVICES` and `open DIRECTORY` run one half; an import that was
//! interrupted goes on. With `in-order` at the end phones come sorted and without tokens, which is sooner done.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark stops at the first surprise, prints and measures time"
)]

#[path = "shared/phone.rs"]
mod phone;

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pushtally_audience::Audience;
use pushtally_model::{
    Account, AppId, Audience as Addressed, Condition, RegistrationId, SystemEntropy, Tag,
};
use pushtally_store::{Engine, LabelChange, LabelsChanged, Registered, Registration};
use pushtally_store_local::{LocalEngine, LocalOptions};

const APP: AppId = AppId(1_400_000_000);
const TAGS: u64 = 1000;
const TAGS_EACH: u64 = 10;
/// Devices given to the engine at once.
const CHUNK: u64 = 8000;

fn main() {
    let args: Vec<String> = std::env::args()
        .filter(|arg| arg != "--bench" && arg != "in-order")
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [_, "import", dir, devices] => return import(Path::new(dir), devices.parse().unwrap()),
        [_, "open", dir] => return reopen(Path::new(dir)),
        _ => {}
    }
    let devices = args.get(1).copied().unwrap_or("200000");
    let scratch = tempfile::tempdir().unwrap();
    let dir = args
        .get(2)
        .map_or_else(|| scratch.path().join("data"), PathBuf::from);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["import", dir.to_str().unwrap(), devices])
        .args(in_order().then_some("in-order"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "kill me" {
            break;
        }
        println!("{line}");
    }
    // Until then some of what came is not saved.
    std::thread::sleep(Duration::from_secs(3));
    child.kill().unwrap();
    child.wait().unwrap();
    reopen(&dir);
}

fn open(dir: &Path, options: LocalOptions) -> LocalEngine {
    LocalEngine::open(dir, options, &SystemEntropy).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Imports, measures, then says that it may be killed and goes on registering.
fn import(dir: &Path, devices: u64) {
    let opening = Instant::now();
    let engine = open(dir, LocalOptions::default().for_bulk());
    let opened = opening.elapsed().as_millis();
    let ports = engine.engine();
    runtime().block_on(async {
        let started = Instant::now();
        let (mut registering, mut labelling) = (Duration::ZERO, Duration::ZERO);
        // A directory that an import was interrupted in is filled further.
        let begin = ports.devices.count_devices(APP).await.unwrap();
        if begin > 0 {
            println!("opened: {opened} ms, {begin} devices");
        }
        let mut next = prepare(begin, devices);
        for from in (begin..devices).step_by(CHUNK as usize) {
            let (registrations, changes) = next.await.unwrap();
            next = prepare((from + CHUNK).min(devices), devices);
            let begun = Instant::now();
            register(&ports, &registrations).await;
            registering += begun.elapsed();
            let begun = Instant::now();
            label(&ports, &changes).await;
            labelling += begun.elapsed();
        }
        let s = started.elapsed().as_secs_f64();
        println!(
            "import: {begin} to {devices} devices with {TAGS_EACH} of {TAGS} tags each in {s:.1} s, {:.0} a second; registering {:.1} s, labelling {:.1} s",
            devices.saturating_sub(begin) as f64 / s,
            registering.as_secs_f64(),
            labelling.as_secs_f64()
        );
        println!("peak memory after the import: {} MiB", peak_mib());
        evaluate(&ports, "after the import").await;
        if devices <= 2_000_000 {
            compare(&ports).await;
        }
        println!("peak memory: {} MiB", peak_mib());
    });
    drop(ports);
    drop(engine);
    // As a server is, it is killed while phones come one by one.
    let opening = Instant::now();
    let engine = open(dir, LocalOptions::default());
    println!("opened: {} ms", opening.elapsed().as_millis());
    let ports = engine.engine();
    runtime().block_on(async {
        println!("kill me");
        let begin = ports.devices.count_devices(APP).await.unwrap();
        for from in (begin..).step_by(64) {
            let (registrations, changes) = prepare(from, from + 64).await.unwrap();
            register(&ports, &registrations).await;
            label(&ports, &changes).await;
        }
    });
}

fn reopen(dir: &Path) {
    let started = Instant::now();
    let engine = open(dir, LocalOptions::default());
    println!("opened after SIGKILL: {} ms", started.elapsed().as_millis());
    let ports = engine.engine();
    runtime().block_on(async {
        evaluate(&ports, "after opening, cold").await;
        let started = Instant::now();
        compare(&ports).await;
        println!(
            "compared with a scan of the records in {:.1} s",
            started.elapsed().as_secs_f64()
        );
        let started = Instant::now();
        let differences = ports.accounts.verify_index(APP).await.unwrap();
        assert_eq!(differences, [""; 0]);
        println!("index verified in {:.1} s", started.elapsed().as_secs_f64());
        evaluate(&ports, "in the end").await;
        println!("peak memory: {} MiB", peak_mib());
    });
    drop(ports);
    drop(engine);
    let bytes = std::fs::metadata(dir.join("state.redb")).unwrap().len();
    println!("state.redb: {} MiB", bytes >> 20);
}

fn tag(n: u64) -> Tag {
    Tag::new(format!("tag-{n}")).unwrap()
}

/// Five tags: frequent and rare ones, with And, Or and Not.
fn condition() -> Condition {
    Condition {
        tags_any: vec![tag(0), tag(40)],
        tags_all: vec![tag(2), tag(7)],
        tags_none: vec![tag(1)],
        ..Condition::default()
    }
}

async fn evaluate(ports: &Engine, when: &str) {
    let audience = Audience::new(ports.devices.clone(), ports.accounts.clone());
    let addressed = Addressed::Fitting(Box::new(condition()));
    let mut times = Vec::new();
    let mut count = 0;
    for _ in 0..50 {
        let started = Instant::now();
        count = audience.count(APP, &addressed).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let first = times[0];
    times.sort_unstable_by(f64::total_cmp);
    println!(
        "a condition of five tags, {when}: {count} devices; first {first:.2} ms, then p50 {:.2} ms, slowest {:.2} ms",
        times[25], times[48]
    );
}

/// The index counts and visits whom a look at each device finds.
async fn compare(ports: &Engine) {
    let audience = Audience::new(ports.devices.clone(), ports.accounts.clone());
    let condition = condition();
    let mut expected = 0u64;
    for shard in ports.devices.device_shards(APP).await.unwrap() {
        let mut names = Vec::new();
        let mut visit = |device: pushtally_model::Device| {
            names.extend(device.account);
            ControlFlow::Continue(())
        };
        let visited = ports.devices.visit_shard(APP, shard, &mut visit).await;
        visited.unwrap();
        for labelled in ports.accounts.labels_of(APP, &names).await.unwrap() {
            expected += u64::from(condition.fits(&labelled.unwrap().labels));
        }
    }
    let addressed = Addressed::Fitting(Box::new(condition));
    let counted = audience.count(APP, &addressed).await.unwrap();
    assert_eq!(counted, expected, "the index counts whom a scan finds");
    let started = Instant::now();
    let mut visited = 0;
    let mut visit = |_| {
        visited += 1;
        ControlFlow::Continue(())
    };
    let all = audience.evaluate(APP, None, &addressed, &mut visit).await;
    all.unwrap();
    assert_eq!(visited, expected);
    println!(
        "equal to a scan: {counted} devices, visited in {} ms",
        started.elapsed().as_millis()
    );
}

type Chunk = (Vec<Registration>, Vec<(Account, LabelChange)>);

/// Makes a chunk on another thread, as whoever reads a file would.
fn prepare(from: u64, devices: u64) -> tokio::task::JoinHandle<Chunk> {
    let range = from..(from + CHUNK).min(devices);
    tokio::task::spawn_blocking(move || {
        let change = |n| (account(n), LabelChange::ReplaceTags(tags(n)));
        (
            range.clone().map(registration).collect(),
            range.map(change).collect(),
        )
    })
}

async fn register(ports: &Engine, registrations: &[Registration]) {
    let devices = &ports.devices;
    let answers = devices.register_devices(APP, registrations, u64::MAX).await;
    let new = |answer: &Registered| matches!(answer, Registered::New { .. });
    assert!(answers.unwrap().iter().all(new));
}

async fn label(ports: &Engine, changes: &[(Account, LabelChange)]) {
    let answers = ports.accounts.change_labels(APP, changes).await.unwrap();
    assert!(answers.iter().all(|answer| *answer == LabelsChanged::Done));
}

/// Zipf: the tag of rank r is as frequent as 1 / (r + 1), about.
fn tags(n: u64) -> std::collections::BTreeSet<Tag> {
    let mut found = std::collections::BTreeSet::new();
    let mut draw = 0;
    while (found.len() as u64) < TAGS_EACH {
        let unit = phone::mixed(n * 64 + draw) as f64 / u64::MAX as f64;
        let rank = ((TAGS + 1) as f64).powf(unit) as u64 - 1;
        found.insert(tag(rank.min(TAGS - 1)));
        draw += 1;
    }
    found
}

fn account(n: u64) -> Account {
    Account::new(format!("user{n:08}")).unwrap()
}

/// Whether phones come in the order of their names and without tokens, as no real ones do: each table then grows at its
/// end, and what is measured afterwards is soon reached.
fn in_order() -> bool {
    std::env::args().any(|arg| arg == "in-order")
}

/// A phone's, of the account of that number.
fn registration(n: u64) -> Registration {
    let mut registration = phone::registration(n, account(n));
    if in_order() {
        registration.registration_id = RegistrationId::new(format!("phone-{n:010}")).unwrap();
        registration.facts.tokens.clear();
    }
    registration
}

/// The most memory that this process has had (VmHWM).
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024
}
