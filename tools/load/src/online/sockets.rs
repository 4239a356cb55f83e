//! `sockets`: what an idle socket costs the server.

use std::time::Duration;

use pushtally_sim::Behaviour;

use crate::args::SocketsArgs;
use crate::crowd::{Crowd, runtime};
use crate::process::Process;
use crate::report::Report;
use crate::target::Target;

pub(crate) fn run(target: &Target, args: &SocketsArgs, report: &mut Report) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let behaviour = Behaviour::default();
        let crowd = Crowd::register(target, &target.access, &args.crowd, &behaviour).await?;
        report.count("phones", crowd.count, "");
        // The memory of registering is not that of sockets.
        let before = (target.resident_bytes(), Process::own().resident_bytes());
        let time = crowd.connect().await?;
        report.figure("all connected after", time.as_secs_f64(), "s");
        tokio::time::sleep(Duration::from_secs(args.idle_s)).await;
        let after = (target.resident_bytes(), Process::own().resident_bytes());
        for (name, before, after) in [
            ("server", before.0, after.0),
            ("simulated phone", before.1, after.1),
        ] {
            if let (Some(before), Some(after)) = (before, after) {
                let rise = after.saturating_sub(before) as f64;
                report.figure(
                    &format!("{name} memory a socket"),
                    rise / crowd.count as f64 / 1024.0,
                    "KiB",
                );
            }
        }
        if let (Some(before), Some(after)) = (before.0, after.0) {
            for (name, bytes) in [("before", before), ("after", after)] {
                report.figure(
                    &format!("server memory {name}"),
                    bytes as f64 / 1_048_576.0,
                    "MiB",
                );
            }
        }
        crowd.report_oddities("phones", report);
        Ok(())
    })
}
