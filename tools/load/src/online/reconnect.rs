//! `reconnect`: all phones drop at once and come back at once.

use anyhow::ensure;
use pushtally_sim::{Behaviour, Wish};

use crate::args::ReconnectArgs;
use crate::crowd::{Crowd, TOGETHER_MAX, runtime};
use crate::report::Report;
use crate::target::{CpuMeter, Target};

pub(crate) fn run(
    target: &Target,
    args: &ReconnectArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let behaviour = Behaviour::default();
        let crowd = Crowd::register(target, &target.access, &args.crowd, &behaviour).await?;
        report.count("phones", crowd.count, "");
        let time = crowd.connect().await?;
        report.figure("all connected after", time.as_secs_f64(), "s");
        for time in 1..=args.times {
            crowd.wish(Wish::Away);
            let dropped = crowd.reach(TOGETHER_MAX, |seen| seen.connected() == 0);
            ensure!(dropped.await, "not all phones dropped");
            let cpu = CpuMeter::start(target);
            let all = crowd.connect().await?;
            report.figure(
                &format!("reconnect {time}: last welcome after"),
                all.as_secs_f64(),
                "s",
            );
            cpu.report(crowd.count, "phone", report);
        }
        crowd.report_oddities("phones", report);
        target.report_memory(report);
        Ok(())
    })
}
