//! `mixed`: queries while events come in at a fixed rate.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::args::{CallsArgs, MixedArgs};
use crate::history::{History, Names, Times};
use crate::query;
use crate::report::Report;
use crate::target::Target;

/// Intake goes on a little longer than the queries that it is to disturb.
const TAIL: Duration = Duration::from_secs(1);
/// How long warming up and asking for cold tasks may take; intake goes on for so much longer.
const COLD_MAX: Duration = Duration::from_secs(30);

pub(crate) fn run(target: &Target, args: &MixedArgs, report: &mut Report) -> anyhow::Result<()> {
    let mut history = History::new(&args.shape, Times::Days);
    if args.fill > 0 {
        let before = history.send(target, args.fill, None, None)?;
        report.count("events before", before.events(), "events");
        report.figure("intake before", before.events_per_s(), "events/s");
    }
    history.continue_now();
    let names = history.names;
    let calls = &args.calls;
    let cold = args.cold.map(|run| Names { run, ..names });
    let until = Instant::now()
        + Duration::from_secs(calls.warm_up_s + calls.seconds)
        + cold.map_or(Duration::ZERO, |_| COLD_MAX)
        + TAIL;
    let mut sent = thread::scope(|scope| {
        let intake = scope.spawn(|| history.send(target, u64::MAX, Some(args.intake), Some(until)));
        let asked = cold.map_or(Ok(()), |names| ask_cold(target, names, calls, report));
        let measured =
            asked.and_then(|()| query::measure(target, names, calls, Some(calls.rate), report));
        let sent = intake
            .join()
            .unwrap_or_else(|_| bail!("the intake has panicked"));
        measured.and(sent)
    })?;
    report.heading("intake meanwhile");
    sent.report(report);
    if args.verify.verify {
        history.compare(target, report)?;
    }
    Ok(())
}

/// Asks for each task of an earlier run, one call after another, once events have come in for a while.
fn ask_cold(
    target: &Target,
    names: Names,
    calls: &CallsArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let start = Instant::now();
    thread::sleep(Duration::from_secs(calls.warm_up_s));
    let mut first = query::first_queries(target, names)?;
    ensure!(
        start.elapsed() <= COLD_MAX,
        "cold tasks took longer than {COLD_MAX:?}, so events did not come in all the while"
    );
    report.latencies("first query of 5 cold tasks", &mut first);
    Ok(())
}
