//! `push-online`: from the push call to the last counted acknowledgement, and whether both sides count the same.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use pushtally_sim::{Behaviour, PushSeen};
use tokio::time::sleep;

use super::{Backend, PUSH_GAP};
use crate::args::PushArgs;
use crate::crowd::{Crowd, TOGETHER_MAX, runtime};
use crate::report::Report;
use crate::target::{CpuMeter, Target};

/// Later than all that is measured.
const CLICK_DELAY_MS: u32 = 2_000;
/// Between two looks at the statistics.
const ASK_INTERVAL: Duration = Duration::from_millis(2);

pub(crate) fn run(target: &Target, args: &PushArgs, report: &mut Report) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let behaviour = Behaviour {
            seed: args.crowd.seed,
            click_percent: args.clicks,
            click_delay_ms: CLICK_DELAY_MS,
            ..Behaviour::default()
        };
        let crowd = Crowd::register(target, &target.access, &args.crowd, &behaviour).await?;
        report.count("phones", crowd.count, "");
        let time = crowd.connect().await?;
        report.figure("all connected after", time.as_secs_f64(), "s");
        let backend = Backend::new(target, &target.access);
        for push in 1..=args.pushes {
            let name = format!("push {push}");
            one(target, &crowd, &backend, push, &name, report).await?;
            sleep(PUSH_GAP).await;
        }
        crowd.report_oddities("phones", report);
        target.report_memory(report);
        Ok(())
    })
}

async fn one(
    target: &Target,
    crowd: &Crowd,
    backend: &Backend<'_>,
    random: u32,
    name: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let seen = &crowd.seen;
    let cpu = CpuMeter::start(target);
    let start = seen.now();
    let task = backend.push(random).await?;
    let answered = seen.now();
    let push = seen.push(&task);
    let shown = crowd
        .reach(TOGETHER_MAX, |_| push.shown.get() == crowd.count)
        .await;
    ensure!(
        shown,
        "only {} of {} phones showed `{task}`",
        push.shown.get(),
        crowd.count
    );
    while backend.totals(&task).await?[2] < crowd.count {
        ensure!(
            seen.now() < start + TOGETHER_MAX,
            "the statistics never say that all were delivered"
        );
        sleep(ASK_INTERVAL).await;
    }
    let counted = seen.now();
    let told = crowd
        .reach(TOGETHER_MAX, |_| push.delivered.get() == crowd.count)
        .await;
    ensure!(
        told,
        "only {} of {} phones were told that their delivery of `{task}` is recorded",
        push.delivered.get(),
        crowd.count
    );
    for (what, at) in [
        ("call answered", answered),
        ("last frame received", push.shown.last()),
        ("last acknowledgement counted", counted),
        ("last phone told so", push.delivered.last()),
    ] {
        let ms = at.saturating_sub(start).as_secs_f64() * 1e3;
        report.figure(&format!("{name}: {what}"), ms, "ms");
    }
    cpu.report(crowd.count, "phone", report);
    let clicked = crowd
        .reach(TOGETHER_MAX, |_| push.clicked.get() == crowd.clickers)
        .await;
    ensure!(
        clicked,
        "only {} of {} clicks were recorded",
        push.clicked.get(),
        crowd.clickers
    );
    compare(crowd, backend, &push, name, report).await
}

/// All four counts, as the phones saw them and as the endpoint tells them.
async fn compare(
    crowd: &Crowd,
    backend: &Backend<'_>,
    push: &Arc<PushSeen>,
    name: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let expected = [
        crowd.count,
        push.shown.get(),
        push.delivered.get(),
        push.clicked.get(),
    ];
    let counted = backend.totals(push.id()).await?;
    let text = |counts: [u64; 4]| counts.map(|count| count.to_string()).join(" ");
    report.fact(&format!("{name}: phones saw"), &text(expected));
    report.fact(&format!("{name}: server counted"), &text(counted));
    report.count(&format!("{name}: repeats ignored"), push.repeats.get(), "");
    ensure!(expected == counted, "the counts of `{}` differ", push.id());
    Ok(())
}
