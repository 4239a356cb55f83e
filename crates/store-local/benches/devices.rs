//! Registering devices: new ones, repeated ones, bytes a device, and opening after SIGKILL.
//!
//! `cargo bench -p pushtally-store-local --bench devices -- [DEVICES] [DIRECTORY]`. A child process registers, and is killed
//! while it goes on; this one opens what it left. 64 callers wait at any time.

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
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use pushtally_model::{Account, AppId, SystemEntropy};
use pushtally_store::{Engine, Registered, Registration};
use pushtally_store_local::{LocalEngine, LocalOptions};

const APP: AppId = AppId(1_400_000_000);
const CALLERS: u64 = 64;
const REPEATS: u64 = 500_000;

fn main() {
    let args: Vec<String> = std::env::args().filter(|arg| arg != "--bench").collect();
    if let [_, role, dir, devices] = &args[..]
        && role == "fill"
    {
        fill(Path::new(dir), devices.parse().unwrap());
        return;
    }
    let devices: u64 = args.get(1).map_or(200_000, |arg| arg.parse().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let dir = args
        .get(2)
        .map_or_else(|| scratch.path().join("data"), PathBuf::from);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["fill", dir.to_str().unwrap(), &devices.to_string()])
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
    child.kill().unwrap();
    child.wait().unwrap();
    let started = Instant::now();
    let engine = LocalEngine::open(&dir, LocalOptions::default(), &SystemEntropy).unwrap();
    let opened = started.elapsed();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let count = runtime
        .block_on(engine.engine().devices.count_devices(APP))
        .unwrap();
    println!(
        "opened after SIGKILL: {} ms, {count} devices",
        opened.as_millis()
    );
    engine.close().unwrap();
    drop(engine);
    let bytes = std::fs::metadata(dir.join("state.redb")).unwrap().len();
    println!("bytes a device: {}, the file whole", bytes / count);
    let started = Instant::now();
    let engine = LocalEngine::open(&dir, LocalOptions::default(), &SystemEntropy).unwrap();
    let copy = scratch.path().join("copy");
    engine.backup(&copy).unwrap();
    let bytes = std::fs::metadata(copy.join("state.redb")).unwrap().len();
    println!(
        "bytes a device: {}, in a backup, made in {} ms",
        bytes / count,
        started.elapsed().as_millis()
    );
}

/// Registers, repeats, then says that it may be killed and goes on registering.
fn fill(dir: &Path, devices: u64) {
    let engine = LocalEngine::open(dir, LocalOptions::default(), &SystemEntropy).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let rate = |name: &str, count, each: fn(&Registered) -> bool| {
        let ports = engine.engine();
        let cpu = cpu_ms();
        let started = Instant::now();
        runtime.block_on(call(&ports, 0..count, devices, each));
        let s = started.elapsed().as_secs_f64();
        let us = (cpu_ms() - cpu) as f64 * 1000.0 / count as f64;
        println!(
            "{name}: {:.0} a second, {CALLERS} callers, {us:.0} us of CPU each",
            count as f64 / s
        );
    };
    rate("new registrations, durable", devices, |answer| {
        matches!(answer, Registered::New { .. })
    });
    rate("repeated registrations", REPEATS, |answer| {
        matches!(answer, Registered::Same { .. })
    });
    println!("kill me");
    let ports = engine.engine();
    runtime.block_on(call(&ports, devices..u64::MAX, u64::MAX, |_| true));
}

async fn call(
    ports: &Engine,
    range: std::ops::Range<u64>,
    devices: u64,
    expected: fn(&Registered) -> bool,
) {
    let next = Arc::new(AtomicU64::new(range.start));
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let (ports, next, end) = (ports.clone(), Arc::clone(&next), range.end);
        callers.push(tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= end {
                    break;
                }
                let registration = registration(n % devices);
                let answer = ports
                    .devices
                    .register_device(APP, &registration, u64::MAX)
                    .await;
                let answer = answer.unwrap();
                assert!(expected(&answer), "{answer:?}");
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
}

fn registration(n: u64) -> Registration {
    let account = Account::new(format!("user{}", phone::mixed(n) % 1_000_000_000)).unwrap();
    phone::registration(n, account)
}

/// CPU time of this process, user and system: clock ticks are hundredths of a second on Linux.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = &stat[stat.rfind(')').unwrap() + 2..];
    let fields: Vec<&str> = after_name.split(' ').collect();
    [11, 12]
        .iter()
        .map(|at| fields[*at].parse::<u64>().unwrap() * 10)
        .sum()
}
