//! `start`: SIGKILL after events, and how long until the server is ready again with every count.

use std::time::Instant;

use crate::args::StartArgs;
use crate::history::{History, Times};
use crate::report::Report;
use crate::server::Setup;
use crate::target::Target;

pub(crate) fn run(
    target: &mut Target,
    args: &StartArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut history = History::new(&args.shape, Times::Now);
    for kill in 1..=args.kills {
        let sent = history.send(target, args.events, None, None)?;
        report.count("events sent before the kill", sent.events(), "events");
        target.kill()?;
        let start = Instant::now();
        target.start_again(Setup::Backends)?;
        let name = format!("start {kill}: ready after");
        report.figure(&name, start.elapsed().as_secs_f64(), "s");
        target.report_memory(report);
        history.compare(target, report)?;
    }
    Ok(())
}
