//! `--memory`: what a large broadcast costs in memory beside a small one, the same devices registered, the vendor slow.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::devices::Devices;
use super::installation::{Installation, Wanted};
use super::task::{self, Standing};
use crate::args::{FanoutArgs, TargetArgs};
use crate::process::Process;
use crate::report::Report;
use crate::server::Setup;

/// What the devices of the small broadcast are found by.
const TAG: &str = "few";

pub(super) fn run(
    target: &TargetArgs,
    args: &FanoutArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    ensure!(args.few <= args.devices, "--few is more than --devices");
    let wanted = Wanted {
        answers: args.rate,
        ..Wanted::of(args)
    };
    let mut all = Installation::new(target, args, wanted, report)?;
    let mut lines = String::new();
    // Over all shards, as real tags are.
    let apart = args.devices / args.few.max(1);
    for nth in 0..args.few {
        let name = Devices::name(nth * apart);
        writeln!(lines, r#"{{"account":"{name}","tags":["{TAG}"]}}"#)?;
    }
    all.import("tags", &lines)?;
    report.count("rate of the vendor", args.rate.into(), "devices/s");
    let few = json!({"Condition": {"TagsOr": [TAG]}});
    let mut peaks = Vec::new();
    for (name, count, to) in [("few", args.few, few), ("all", args.devices, Value::Null)] {
        // A new process: its peak is this push's.
        all.target.set_up(Setup::Phones, report)?;
        let title = format!("To {name}");
        let standing = push(&all, args, &title, to, count.into())?;
        let seen = all.vendors.counts()?;
        task::check(args.vendor, &standing, count.into(), &seen, &title)?;
        let peak = all.target.process.as_ref().and_then(Process::peak_bytes);
        let peak = peak.context("this system does not tell a process's memory")? as f64;
        report.count(&format!("{name}: sent"), standing.total().sent, "");
        report.figure(
            &format!("{name}: server peak resident memory"),
            peak / 1_048_576.0,
            "MiB",
        );
        peaks.push(peak);
    }
    if let [few, all] = peaks.as_slice() {
        report.figure("all to few", all / few, "times");
    }
    all.stop(report)
}

fn push(
    all: &Installation,
    args: &FanoutArgs,
    title: &str,
    to: Value,
    planned: u64,
) -> anyhow::Result<Standing> {
    let caller = all.caller()?;
    let task = caller.push("push", title, to)?;
    let patience = Duration::from_secs(args.patience_s);
    caller.wait(&task, patience, |it| it.has_ended(planned))
}
