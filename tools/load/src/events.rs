//! `events` and `fill`: intake over HTTP, durable before the answer, compared at the end.

use std::time::{Duration, Instant};

use crate::args::EventsArgs;
use crate::history::{History, Times};
use crate::report::Report;
use crate::target::{CpuMeter, Target};

pub(crate) fn run(target: &Target, args: &EventsArgs, report: &mut Report) -> anyhow::Result<()> {
    let mut history = History::new(&args.shape, Times::Now);
    if args.known {
        let sent = history.send_known(target)?;
        report.figure(
            "intake of new recipients before",
            sent.events_per_s(),
            "events/s",
        );
    }
    send(target, &mut history, args, report)?;
    report.count("distinct recipients", history.recipients_covered(), "");
    finish(target, &history, args, report)
}

pub(crate) fn fill(target: &Target, args: &EventsArgs, report: &mut Report) -> anyhow::Result<()> {
    let mut history = History::new(&args.shape, Times::Days);
    send(target, &mut history, args, report)?;
    report.fact(
        "ask with --fill 0 --run",
        &format!("{:x}", history.names.run),
    );
    finish(target, &history, args, report)
}

fn send(
    target: &Target,
    history: &mut History,
    args: &EventsArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let cpu = CpuMeter::start(target);
    let until = args
        .seconds
        .map(|s| Instant::now() + Duration::from_secs(s));
    let mut sent = history.send(target, args.events, args.rate, until)?;
    sent.report(report);
    cpu.report(sent.events(), "event", report);
    target.report_memory(report);
    target.report_storage(sent.events(), report);
    Ok(())
}

fn finish(
    target: &Target,
    history: &History,
    args: &EventsArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    if args.verify.verify {
        history.compare(target, report)?;
    }
    Ok(())
}
