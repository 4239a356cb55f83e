//! `overload-online`: one app's phones repeat every report, somebody floods registrations from one address, and another
//! app goes on. Tells what was refused, what memory did, and what the other app felt.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pushtally_sim::{Behaviour, Calls, Habits, Identity, Place};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{Backend, PUSH_GAP};
use crate::args::{CrowdArgs, OverloadArgs};
use crate::crowd::{Crowd, Kinds, TOGETHER_MAX, runtime};
use crate::latency::Latencies;
use crate::report::Report;
use crate::server::Setup;
use crate::target::Target;

/// Where the flood comes from; the phones use other addresses.
const FLOOD_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 99));
/// Phones of the flood that differ; each connection has its own.
const FLOOD_STRIDE: u32 = 10_000_000;
/// The first `MsgRandom` of the app that is loud, of the other while it is quiet, and of the other while it is loud.
const RANDOMS: [u32; 3] = [1, 1_000_000, 2_000_000];

pub(crate) fn run(
    target: &mut Target,
    args: &OverloadArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let repeating = Habits {
            acks: args.acks,
            away_ms: (1_000, 3_000),
            ..Habits::default()
        };
        let others = CrowdArgs {
            count: args.others,
            ..args.crowd.clone()
        };
        // Registered without limits; the server then starts again with the default ones.
        let loud = Crowd::register_with(target, &target.access, &args.crowd, |_| repeating.clone())
            .await?;
        let other = Crowd::register(target, &target.other, &others, &Behaviour::default()).await?;
        target.set_up(Setup::PhonesAsDefault, report)?;
        loud.connect().await?;
        other.connect().await?;
        let seconds = Duration::from_secs(args.seconds);

        report.heading("quiet");
        report_memory(target, "memory before", report);
        let until = Instant::now() + seconds;
        let quiet = Felt::feel(target, &other, args.queries, RANDOMS[1], until).await?;
        quiet.report("other app, quiet", report);

        report.heading("loud");
        let until = Instant::now() + seconds;
        let flood = flood(&loud.place, args.flood, until);
        let (felt, pushes, refused) = tokio::join!(
            Felt::feel(target, &other, args.queries, RANDOMS[2], until),
            push_on(target, &loud, until),
            flood,
        );
        felt?.report("other app, loud", report);
        report_memory(target, "memory after", report);
        target.report_memory(report);
        let tasks = pushes?;
        report.count("pushes of the loud app", tasks.len() as u64, "");
        report.count("reports sent", loud.seen.reports.get(), "");
        report.count("reports confirmed", loud.seen.confirmed.get(), "");
        refused.report("registrations of the flood", report);
        loud.report_oddities("loud app", report);
        other.report_oddities("other app", report);
        check(target, &loud, &tasks).await
    })
}

/// The repeated reports count once each.
async fn check(target: &Target, loud: &Crowd, tasks: &[String]) -> anyhow::Result<()> {
    let backend = Backend::new(target, &target.access);
    for task in tasks {
        let push = loud.seen.push(task);
        let confirmed = loud.reach(TOGETHER_MAX, |_| push.delivered.get() == push.shown.get());
        ensure!(
            confirmed.await,
            "not every delivery of `{task}` was confirmed"
        );
        let delivered = backend.totals(task).await?[2];
        ensure!(
            delivered == push.delivered.get(),
            "{} phones were told that `{task}` is recorded, {delivered} are counted",
            push.delivered.get()
        );
    }
    Ok(())
}

fn report_memory(target: &Target, name: &str, report: &mut Report) {
    if let Some(bytes) = target.resident_bytes() {
        report.figure(&format!("server {name}"), bytes as f64 / 1_048_576.0, "MiB");
    }
}

/// Pushes to the loud app as often as is allowed.
async fn push_on(target: &Target, loud: &Crowd, until: Instant) -> anyhow::Result<Vec<String>> {
    let backend = Backend::new(target, &target.access);
    let mut tasks = Vec::new();
    for random in RANDOMS[0].. {
        if Instant::now() >= until {
            break;
        }
        let task = backend.push(random).await?;
        let push = loud.seen.push(&task);
        tasks.push(task);
        sleep(PUSH_GAP).await;
        // A server that is behind gets the next push when it has sent this one: it is the reports that are to be many.
        loud.reach(TOGETHER_MAX, |_| push.shown.get() == loud.count)
            .await;
    }
    Ok(tasks)
}

/// What an app feels: from its push to the last phone, and its queries.
struct Felt {
    pushes: Latencies,
    queries: Latencies,
}

impl Felt {
    async fn feel(
        target: &Target,
        crowd: &Crowd,
        queries: u32,
        random: u32,
        until: Instant,
    ) -> anyhow::Result<Self> {
        let backend = Backend::new(target, &target.other);
        let first = backend.push(random).await?;
        let pushes = async {
            let mut latencies = Latencies::default();
            sleep(PUSH_GAP).await;
            for random in random + 1.. {
                if Instant::now() >= until {
                    break;
                }
                let start = crowd.seen.now();
                let task = backend.push(random).await?;
                let push = crowd.seen.push(&task);
                let all = crowd.reach(TOGETHER_MAX, |_| push.delivered.get() == crowd.count);
                ensure!(all.await, "a push of the other app did not arrive");
                latencies.add(push.delivered.last().saturating_sub(start));
                sleep(PUSH_GAP).await;
            }
            Ok(latencies)
        };
        // Open loop: a query's time counts from when it should have left.
        let asked = async {
            let mut latencies = Latencies::default();
            let gap = Duration::from_secs(1) / queries;
            let mut at = Instant::now();
            while at < until {
                sleep_until(at).await;
                backend.totals(&first).await?;
                latencies.add(at.elapsed());
                at += gap;
            }
            Ok::<_, anyhow::Error>(latencies)
        };
        let (pushes, queries) = tokio::join!(pushes, asked);
        Ok(Self {
            pushes: pushes?,
            queries: queries?,
        })
    }

    fn report(mut self, name: &str, report: &mut Report) {
        report.latencies(&format!("{name}: push to last recorded"), &mut self.pushes);
        report.latencies(&format!("{name}: query"), &mut self.queries);
    }
}

/// Registers new phones from one address as fast as it is answered; what each call came to.
async fn flood(place: &Arc<Place>, connections: u32, until: Instant) -> Kinds {
    let mut floods = JoinSet::new();
    for connection in 0..connections {
        let place = Arc::clone(place);
        floods.spawn(async move {
            let calls = Calls::new(place.address, 1).from(FLOOD_ADDRESS);
            let path = format!("/v1/devices?sdkappid={}", place.app);
            let mut kinds = Kinds::default();
            for index in 0..FLOOD_STRIDE {
                let identity =
                    Identity::numbered(&format!("flood-{connection}"), connection.into(), index);
                let body = place.registration(&identity);
                let call = calls.call("POST", &path, None, &body);
                let Ok(answer) = timeout_at(until, call).await else {
                    break;
                };
                kinds.add(match answer {
                    Ok(answer) if answer.status < 300 => answer.status.to_string(),
                    Ok(answer) => format!("{} {}", answer.status, answer.code()),
                    Err(_) => "no answer".to_owned(),
                });
            }
            kinds
        });
    }
    let mut all = Kinds::default();
    while let Some(kinds) = floods.join_next().await {
        all.append(kinds.context("a flood ended early").unwrap_or_default());
    }
    all
}
