//! `--bad-day`: all vendors, bad and hasty tokens, an outage, an expired credential, and SIGKILL in the middle.
//! Afterwards every device must be accounted for, nobody have it twice without need, and dead tokens be gone.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::devices::{Devices, Share};
use super::installation::{Installation, Wanted};
use super::task::{self, Counts};
use crate::args::{FanoutArgs, TargetArgs, VendorName};
use crate::report::Report;
use crate::server::Setup;

const FIRST: &str = "On a bad day";
const SECOND: &str = "The day after";
/// Who is down.
const DOWN: VendorName = VendorName::Oppo;
/// Whose accesses expire.
const EXPIRED: VendorName = VendorName::Huawei;
/// What the simulators had read when the server died is answered by then.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) fn run(
    target: &TargetArgs,
    args: &FanoutArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let devices = Devices {
        count: args.devices,
        vendor: None,
    };
    let shares = devices.shares();
    let mut all = Installation::new(target, args, Wanted::default(), report)?;
    all.spoil();
    let start = Instant::now();
    all.vendors
        .say(&format!("0 {} down {}", DOWN.text(), args.down_s))?;
    let kill_at = u64::from(args.devices) * u64::from(args.kill_at) / 100;
    let patience = Duration::from_secs(args.patience_s);
    let task = {
        let caller = all.caller()?;
        let task = caller.push("push", FIRST, Value::Null)?;
        caller.wait(&task, patience, |it| it.total().ended() >= kill_at.max(1))?;
        task
    };
    all.target.kill()?;
    report.figure("killed after", start.elapsed().as_secs_f64(), "s");
    let allowed = unrecorded(&mut all, &task, &shares, report)?;
    all.vendors.say(&format!("0 {} expire", EXPIRED.text()))?;
    let restarted = Instant::now();
    all.target.start_again(Setup::Phones)?;
    report.figure("ready again after", restarted.elapsed().as_secs_f64(), "s");
    let planned = u64::from(args.devices);
    let standing = all
        .caller()?
        .wait(&task, patience, |it| it.has_ended(planned))?;
    report.figure("all ended after", start.elapsed().as_secs_f64(), "s");
    let seen = all.vendors.counts()?;
    standing.report_losses(report);
    for (vendor, share) in &shares {
        let name = vendor.text();
        let counts = standing.of(*vendor);
        let repeats = seen.repeats(*vendor, FIRST);
        report_counts(name, counts, repeats, report);
        task::check(*vendor, &standing, share.devices, &seen, FIRST)?;
        ensure!(
            counts.lost == share.gone,
            "{name}: {} are lost, {} have dead tokens",
            counts.lost,
            share.gone
        );
        let allowed = allowed.get(vendor).copied().unwrap_or_default();
        ensure!(
            repeats <= allowed,
            "{name}: {repeats} were sent twice, {allowed} had no recorded end"
        );
    }
    day_after(&mut all, &shares, patience, report)?;
    all.stop(report)
}

/// What each vendor had taken without a recorded end when the server died: what may be sent again.
fn unrecorded(
    all: &mut Installation,
    task: &str,
    shares: &BTreeMap<VendorName, Share>,
    report: &mut Report,
) -> anyhow::Result<BTreeMap<VendorName, u64>> {
    thread::sleep(SETTLE);
    let seen = all.vendors.counts()?;
    let recorded = all.standing_offline(task)?;
    let mut unrecorded = BTreeMap::new();
    for vendor in shares.keys() {
        let (taken, sent) = (seen.phones(*vendor, FIRST), recorded.of(*vendor).sent);
        let left = taken.checked_sub(sent).with_context(|| {
            format!("{}: {sent} are recorded, {taken} were taken", vendor.text())
        })?;
        unrecorded.insert(*vendor, left);
    }
    report.count("ended when it was killed", recorded.total().ended(), "");
    report.count(
        "taken but not recorded when it was killed",
        unrecorded.values().sum(),
        "",
    );
    Ok(unrecorded)
}

/// A second push: it plans no dead token and every live one.
fn day_after(
    all: &mut Installation,
    shares: &BTreeMap<VendorName, Share>,
    patience: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let live: u64 = shares
        .values()
        .map(|share| share.devices - share.gone)
        .sum();
    let standing = {
        let caller = all.caller()?;
        let task = caller.push("push", SECOND, Value::Null)?;
        let ended = |it: &task::Standing| {
            let total = it.total();
            total.planned > 0 && it.has_ended(total.planned)
        };
        caller.wait(&task, patience, ended)?
    };
    report.count("planned by a second push", standing.total().planned, "");
    report.count("live tokens", live, "");
    let seen = all.vendors.counts()?;
    for (vendor, share) in shares {
        let (name, live) = (vendor.text(), share.devices - share.gone);
        let dead = standing.of(*vendor).planned.saturating_sub(live);
        ensure!(dead == 0, "{name}: {dead} dead tokens are planned again");
        task::check(*vendor, &standing, live, &seen, SECOND)?;
        let repeats = seen.repeats(*vendor, SECOND);
        ensure!(repeats == 0, "{name}: {repeats} were sent twice");
    }
    Ok(())
}

fn report_counts(name: &str, counts: Counts, repeats: u64, report: &mut Report) {
    for (what, count) in [
        ("planned", counts.planned),
        ("sent", counts.sent),
        ("lost", counts.lost),
        ("sent twice", repeats),
    ] {
        report.count(&format!("{name}: {what}"), count, "");
    }
}
