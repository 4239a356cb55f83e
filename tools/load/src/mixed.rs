//! `mixed`: queries while events come in at a fixed rate.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::args::MixedArgs;
use crate::history::{History, Times};
use crate::query;
use crate::report::Report;
use crate::target::Target;

/// Intake goes on a little longer than the queries that it is to disturb.
const TAIL: Duration = Duration::from_secs(1);

pub(crate) fn run(target: &Target, args: &MixedArgs, report: &mut Report) -> anyhow::Result<()> {
    let mut history = History::new(&args.shape, Times::Days);
    let before = history.send(target, args.fill, None, None)?;
    report.count("events before", before.events(), "events");
    report.figure("intake before", before.events_per_s(), "events/s");
    history.continue_now();
    let names = history.names;
    let calls = &args.calls;
    let until = Instant::now() + Duration::from_secs(calls.warm_up_s + calls.seconds) + TAIL;
    let mut sent = thread::scope(|scope| {
        let intake = scope.spawn(|| history.send(target, u64::MAX, Some(args.intake), Some(until)));
        let measured = query::measure(target, names, calls, Some(calls.rate), report);
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
