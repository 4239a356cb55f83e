//! `webhooks`: intake at full speed while an app's own events go out to a receiver that works, hangs, answers 500, or drops every
//! second call. The intake must not feel which; afterwards every event must have arrived, each with one number.

mod receiver;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::args::{TargetArgs, WebhooksArgs};
use crate::fanout::installation;
use crate::history::{History, Times};
use crate::online::Backend;
use crate::report::Report;
use crate::server::{Plan, Setup};
use crate::target::Target;
use receiver::{Mood, Receiver};

/// Between two looks at what has arrived.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// More than a second must lie between two pushes to everybody.
const PUSH_GAP: Duration = Duration::from_millis(1_100);
/// As many events as no run comes to: it ends by time.
const NO_END: u64 = u64::MAX >> 8;

pub(crate) fn run(
    target: &TargetArgs,
    args: &WebhooksArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    ensure!(
        target.spawn,
        "this command needs a server of its own: --spawn"
    );
    let shortest = PUSH_GAP * args.pushes;
    ensure!(
        shortest <= Duration::from_secs(args.seconds),
        "`--pushes` {} take {shortest:?}, longer than `--seconds` {}",
        args.pushes,
        args.seconds
    );
    let mut rates = Vec::new();
    for mood in Mood::ALL {
        report.heading(&format!("a receiver that {}", mood.name()));
        let rate = run_one(target, args, mood, report)?;
        rates.push((mood, rate));
    }
    report.heading("intake, beside that with a receiver that works");
    let works = rates.first().map_or(0.0, |(_, rate)| *rate);
    for (mood, rate) in rates {
        report.figure(&format!("{}: to works", mood.name()), rate / works, "times");
    }
    Ok(())
}

/// Runs with one receiver; answers the intake's events a second.
fn run_one(
    args: &TargetArgs,
    webhooks: &WebhooksArgs,
    mood: Mood,
    report: &mut Report,
) -> anyhow::Result<f64> {
    let name = mood.name();
    let mut args = args.clone();
    // Each begins with nothing.
    let own = |folder: std::path::PathBuf| folder.join(name.replace(' ', "-"));
    args.folder = args.folder.map(own);
    let receiver = Receiver::start(mood)?;
    let plan = Plan::new(&args)?.with_webhook(receiver.address);
    register(&args, &plan, webhooks.phones)?;
    let target = Target::planned(&args, plan, Setup::Phones)?;
    let (rate, tasks) = take_in(&target, webhooks)?;
    report.figure(&format!("{name}: intake"), rate, "events/s");
    let during = receiver.events();
    report.count(&format!("{name}: events out during the intake"), during, "");
    // Whatever it was, it works from now on.
    if mood != Mood::DropsEverySecond {
        receiver.set(Mood::Works);
    }
    let expected = tasks.len() * webhooks.phones as usize;
    let start = Instant::now();
    let patience = Duration::from_secs(webhooks.patience_s);
    while receiver.len() < expected && start.elapsed() < patience {
        thread::sleep(LOOK_INTERVAL);
    }
    report.figure(
        &format!("{name}: all out after the intake"),
        start.elapsed().as_secs_f64(),
        "s",
    );
    report.count(&format!("{name}: calls"), receiver.calls(), "");
    report.count(
        &format!("{name}: events sent again"),
        receiver.events() - receiver.len() as u64,
        "",
    );
    check(&receiver, &tasks, webhooks.phones)?;
    target.stop(report)?;
    Ok(rate)
}

fn register(args: &TargetArgs, plan: &Plan, phones: u32) -> anyhow::Result<()> {
    let config = plan.write(Setup::Phones)?;
    let mut rows = String::new();
    for index in 0..phones {
        writeln!(rows, r#"{{"registration_id":"{}"}}"#, phone(index))?;
    }
    let file = plan.folder().join("phones.ndjson");
    fs::write(&file, rows)?;
    installation::import(plan.program(), &config, "devices", args.app, &file)
}

fn phone(index: u32) -> String {
    format!("phone-{index:08}")
}

/// Takes events in while pushes are made; answers the rate, and the pushes' tasks.
fn take_in(target: &Target, args: &WebhooksArgs) -> anyhow::Result<(f64, Vec<String>)> {
    let mut history = History::new(&args.shape, Times::Now);
    let time = Duration::from_secs(args.seconds);
    let until = Instant::now() + time;
    thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            let runtime = crate::crowd::runtime()?;
            let backend = Backend::new(target, &target.access);
            let mut tasks = Vec::new();
            for nth in 0..args.pushes {
                let at = until - time + time * nth / args.pushes;
                thread::sleep(at.saturating_duration_since(Instant::now()));
                tasks.push(runtime.block_on(backend.push(nth + 1))?);
            }
            Ok::<_, anyhow::Error>(tasks)
        });
        let sent = history.send(target, NO_END, None, Some(until))?;
        let tasks = pushing.join();
        let tasks = tasks.ok().context("what pushes has panicked")??;
        Ok((sent.events_per_s(), tasks))
    })
}

/// Whether every event has arrived, and none that there is not; each is one phone's of one push, with a number of its own.
fn check(receiver: &Receiver, tasks: &[String], phones: u32) -> anyhow::Result<()> {
    let (taken, strange) = receiver.taken();
    ensure!(strange.is_empty(), "{}", strange.join("\n"));
    for task in tasks {
        for index in 0..phones {
            let key = (task.clone(), phone(index));
            ensure!(
                taken.contains_key(&key),
                "the event of `{}` in `{task}` has not arrived",
                key.1
            );
        }
    }
    ensure!(
        taken.len() == tasks.len() * phones as usize,
        "{} events arrived, {} happened",
        taken.len(),
        tasks.len() * phones as usize
    );
    let numbers: HashSet<u64> = taken.values().map(|(seq, _)| *seq).collect();
    ensure!(
        numbers.len() == taken.len(),
        "{} events have {} numbers",
        taken.len(),
        numbers.len()
    );
    Ok(())
}
