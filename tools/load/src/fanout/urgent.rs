//! `--urgent`: how long a push to one person takes to the vendor while a broadcast uses the account's whole rate.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::devices::Devices;
use super::installation::{Installation, Wanted};
use super::task;
use crate::args::{FanoutArgs, TargetArgs};
use crate::latency::Latencies;
use crate::report::Report;

const BROADCAST: &str = "To everybody";
/// Between two pushes to one person.
const GAP: Duration = Duration::from_millis(200);
/// Later than this nothing of the broadcast is left, or something is wrong.
const LAST_MAX: Duration = Duration::from_secs(10);

pub(super) fn run(
    target: &TargetArgs,
    args: &FanoutArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let wanted = Wanted {
        sends: args.rate,
        ..Wanted::of(args)
    };
    let mut all = Installation::new(target, args, wanted, report)?;
    report.count("rate of the account", args.rate.into(), "devices/s");
    let planned = u64::from(args.devices);
    let patience = Duration::from_secs(args.patience_s);
    let mut asked = Vec::new();
    let standing = {
        let caller = all.caller()?;
        let broadcast = caller.push("push", BROADCAST, Value::Null)?;
        // The broadcast is under way before the first.
        caller.wait(&broadcast, patience, |it| it.total().sent > 0)?;
        let start = Instant::now();
        let mut standing = caller.standing(&broadcast)?;
        while !standing.has_ended(planned) {
            ensure!(
                start.elapsed() < patience,
                "the broadcast has not ended in {patience:?}"
            );
            let number = u32::try_from(asked.len()).unwrap_or(u32::MAX);
            let to = Devices::name(number.wrapping_mul(7_919) % args.devices);
            let at_us = now_us();
            caller.push("batch", &title(asked.len()), json!({"To_Account": [to]}))?;
            asked.push(at_us);
            let next = start + GAP * (number + 1);
            thread::sleep(next.saturating_duration_since(Instant::now()));
            standing = caller.standing(&broadcast)?;
        }
        report.figure("broadcast took", start.elapsed().as_secs_f64(), "s");
        standing
    };

    let until = Instant::now() + LAST_MAX;
    let mut seen = all.vendors.counts()?;
    let has_come = |seen: &super::vendors::Seen, number: usize| {
        seen.first_us(args.vendor, &title(number)).is_some()
    };
    while !(0..asked.len()).all(|number| has_come(&seen, number)) && Instant::now() < until {
        thread::sleep(GAP);
        seen = all.vendors.counts()?;
    }
    let mut latencies = Latencies::default();
    for (number, at_us) in asked.iter().enumerate() {
        let came_us = seen.first_us(args.vendor, &title(number));
        let came_us = came_us.with_context(|| format!("urgent push {number} has not come"))?;
        latencies.add(Duration::from_micros(came_us.saturating_sub(*at_us)));
    }
    report.count("pushes to one person", asked.len() as u64, "");
    report.latencies("request to arrival at the vendor", &mut latencies);
    all.target.report_memory(report);
    task::check(args.vendor, &standing, planned, &seen, BROADCAST)?;
    all.stop(report)
}

fn title(number: usize) -> String {
    format!("To one person {number}")
}

/// The wall clock, which the simulators' process has too.
#[expect(
    clippy::disallowed_methods,
    reason = "a load generator measures in real time, across two processes"
)]
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}
