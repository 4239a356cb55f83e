//! The fan-out itself: from the accepted push to the last device's end.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;

use super::installation::{Installation, Wanted};
use super::task;
use crate::args::{FanoutArgs, TargetArgs};
use crate::process::Process;
use crate::report::Report;
use crate::scrape::Allocations;
use crate::target::CpuMeter;

const TITLE: &str = "To everybody";

pub(super) fn run(
    target: &TargetArgs,
    args: &FanoutArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let wanted = Wanted::of(args);
    let mut all = Installation::new(target, args, wanted, report)?;
    let planned = u64::from(args.devices);
    let vendors_before_s = all.vendors.process.cpu_s();
    let allocations_before = Allocations::read(&all.target)?;
    let cpu = CpuMeter::start(&all.target);
    let (standing, time) = {
        let caller = all.caller()?;
        let task = caller.push("push", TITLE, Value::Null)?;
        let start = Instant::now();
        let patience = Duration::from_secs(args.patience_s);
        let standing = caller.wait(&task, patience, |it| it.has_ended(planned))?;
        (standing, start.elapsed())
    };
    report.figure("accepted to all ended", time.as_secs_f64(), "s");
    let rate = f64::from(args.devices) / time.as_secs_f64();
    report.figure("fan-out", rate, "devices/s");
    cpu.report(planned, "device", report);
    report_vendors_cpu(&all.vendors.process, vendors_before_s, planned, report);
    if let Some(before) = allocations_before
        && let Some(now) = Allocations::read(&all.target)?
    {
        now.report(before, planned, "device", report);
    }
    all.target.report_memory(report);

    let seen = all.vendors.counts()?;
    let total = standing.total();
    for (name, count) in [
        ("planned", total.planned),
        ("sent", total.sent),
        ("lost before sending", total.lost),
        ("phones that have it", seen.phones(args.vendor, TITLE)),
        ("taken a second time", seen.repeats(args.vendor, TITLE)),
    ] {
        report.count(name, count, "");
    }
    standing.report_losses(report);
    task::check(args.vendor, &standing, planned, &seen, TITLE)?;
    ensure!(total.lost == 0, "{} are lost", total.lost);
    let repeats = seen.repeats(args.vendor, TITLE);
    ensure!(repeats == 0, "{repeats} were sent twice");
    all.stop(report)
}

/// Tells what the simulators cost.
pub(super) fn report_vendors_cpu(
    process: &Process,
    before_s: Option<f64>,
    devices: u64,
    report: &mut Report,
) {
    if let (Some(before), Some(now)) = (before_s, process.cpu_s()) {
        let us = (now - before) * 1e6 / devices.max(1) as f64;
        report.figure("simulators CPU", us, "µs/device");
    }
}
