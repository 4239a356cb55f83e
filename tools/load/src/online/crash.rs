//! `crash-online`: SIGKILL in the middle of a push. Afterwards the ledger must close and no phone show a push twice.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use pushtally_sim::Behaviour;
use tokio::time::sleep;

use super::Backend;
use crate::args::CrashArgs;
use crate::crowd::{Crowd, TOGETHER_MAX, runtime};
use crate::report::Report;
use crate::server::Setup;
use crate::target::Target;

/// How soon a phone tries again, from and to.
const AWAY_MS: (u32, u32) = (100, 2_000);
/// Between two looks at the task.
const ASK_INTERVAL: Duration = Duration::from_millis(50);
/// `MsgRandom` of the only push.
const RANDOM: u32 = 1;

pub(crate) fn run(
    target: &mut Target,
    args: &CrashArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let behaviour = Behaviour {
            seed: args.crowd.seed,
            away_ms: AWAY_MS,
            ..Behaviour::default()
        };
        let crowd = Crowd::register(target, &target.access, &args.crowd, &behaviour).await?;
        report.count("phones", crowd.count, "");
        crowd.connect().await?;
        let kill_at = crowd.count * u64::from(args.kill_at) / 100;
        let task = push_until(target, &crowd, kill_at.max(1)).await?;
        target.kill()?;
        let push = crowd.seen.push(&task);
        report.count("shown when it was killed", push.shown.get(), "phones");
        let start = crowd.seen.now();
        target.start_again(Setup::Phones)?;
        let ready = crowd.seen.now() - start;
        report.figure("ready again after", ready.as_secs_f64(), "s");
        crowd.all_connected().await?;
        let all = crowd.seen.welcomes.last().saturating_sub(start);
        report.figure("all phones back after", all.as_secs_f64(), "s");
        let backend = Backend::new(target, &target.access);
        let standing = closed(&crowd, &backend, &task).await?;
        standing.report(report);
        // Phones acknowledge what they got again; the counts may rise until all are confirmed.
        let confirmed = crowd.reach(TOGETHER_MAX, |_| push.delivered.get() == push.shown.get());
        ensure!(confirmed.await, "not every delivery was confirmed");
        let [total, sent, delivered, _] = backend.totals(&task).await?;
        report.count("phones that showed it", push.shown.get(), "");
        report.count("repeats that phones ignored", push.repeats.get(), "");
        report.count("deliveries counted", delivered, "");
        crowd.report_oddities("phones", report);
        ensure!(
            total == sent + standing.lost,
            "the ledger does not close: {total} planned, {sent} sent, {} lost",
            standing.lost
        );
        ensure!(
            delivered == push.shown.get(),
            "{} phones showed it, {delivered} deliveries are counted",
            push.shown.get()
        );
        ensure!(sent >= delivered, "more is delivered than sent");
        Ok(())
    })
}

/// Pushes, and answers the task as soon as so many phones have shown it. The call itself need not have been answered.
async fn push_until(target: &Target, crowd: &Crowd, shown: u64) -> anyhow::Result<String> {
    let backend = Backend::new(target, &target.access);
    let task = || {
        let pushes = crowd.seen.pushes();
        let push = pushes.into_iter().find(|push| push.shown.get() >= shown);
        push.map(|push| push.id().to_owned())
    };
    let watched = crowd.reach(TOGETHER_MAX, |_| task().is_some());
    let mut watched = std::pin::pin!(watched);
    tokio::select! {
        reached = &mut watched => ensure!(reached, "the push did not reach enough phones"),
        pushed = backend.push(RANDOM) => {
            pushed?;
            ensure!(watched.await, "the push did not reach enough phones");
        }
    }
    task().context("the push is gone")
}

/// How a task stands.
struct Standing {
    counts: [u64; 4],
    lost: u64,
}

impl Standing {
    fn report(&self, report: &mut Report) {
        let names = ["planned", "sent", "delivered", "clicked"];
        for (name, count) in names.into_iter().zip(self.counts) {
            report.count(name, count, "");
        }
        report.count("lost before sending", self.lost, "");
    }
}

/// Waits until everything planned has ended.
async fn closed(crowd: &Crowd, backend: &Backend<'_>, task: &str) -> anyhow::Result<Standing> {
    let until = crowd.seen.now() + TOGETHER_MAX;
    loop {
        let shown = backend.task(task).await?;
        let counts = backend.totals(task).await?;
        let lost = shown["total"]["lost"].as_u64();
        let lost = lost.with_context(|| format!("the task tells no losses: {shown}"))?;
        if counts[0] >= crowd.count && counts[0] == counts[1] + lost {
            return Ok(Standing { counts, lost });
        }
        ensure!(
            crowd.seen.now() < until,
            "the ledger does not close: counts {counts:?}, {lost} lost, task {shown}"
        );
        sleep(ASK_INTERVAL).await;
    }
}
