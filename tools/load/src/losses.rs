//! `losses`: a push to devices whose fates are written down before, through all nine vendors, and three more that expire, are
//! cancelled and are revoked. Every stage and every loss must be counted once, under its route, platform and code, and the
//! sums must close in every window.

mod crowd;
mod fate;
mod ledger;
mod windows;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::access::now_s;
use crate::args::{LossesArgs, TargetArgs};
use crate::fanout::installation::{Installation, Made};
use crate::fanout::task::Caller;
use crate::random::Random;
use crate::report::Report;
use crate::server::RECEIPTS_KEY;
use crowd::{CLICK_ONE_IN, Crowd, LATE_TAG};
use fate::{DOWN, Fate};
use ledger::{Counts, Ledger};
use windows::Whole;

/// How long the push that is to expire lives, in seconds.
const LIFE_S: u32 = 3;
/// Accounts that one call deletes: the documented most.
const ACCOUNTS_A_CALL: usize = 100;
/// Between two looks at the counts.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Of so many receipts one is sent twice.
const REPEAT_ONE_IN: u32 = 20;

pub(crate) fn run(
    target: &TargetArgs,
    args: &LossesArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    ensure!(
        target.spawn,
        "this command needs a server of its own: --spawn"
    );
    let seed = args.seed.unwrap_or_else(|| now_s().into());
    report.count("seed", seed, "");
    let crowd = Crowd::new(args.devices);
    let mut all = install(target, args, &crowd, report)?;
    all.spoil();
    tag_late(&all, &crowd)?;
    let first_s = now_s();
    let start = Instant::now();
    all.vendors.say(&format!("0 {} down", DOWN.text()))?;
    let pushes = push_all(&all, args, &crowd)?;
    all.vendors.say(&format!("0 {} up", DOWN.text()))?;
    let expected: Vec<&Counts> = pushes.iter().map(|push| &push.expected).collect();
    let tasks: Vec<String> = pushes.iter().map(|push| push.task.clone()).collect();
    let mut ledger = Ledger::open(&all.target)?;
    let patience = Duration::from_secs(args.patience_s);
    wait_for_ends(&mut ledger, &tasks, &expected, first_s, patience)?;
    report.figure("all ended after", start.elapsed().as_secs_f64(), "s");
    let counted = wait_for_receipts(&mut ledger, &tasks, &expected, first_s, patience)?;
    report.figure("all receipts after", start.elapsed().as_secs_f64(), "s");
    compare(&pushes, &counted, report)?;
    let whole = Whole {
        tasks: &tasks,
        counts: &counted,
        first_s,
        end_s: now_s() + 1,
    };
    let mut random = Random::new(seed);
    let [asked, covering] = windows::compare(&mut ledger, &whole, args.windows, &mut random)?;
    report.count("random windows that add up", asked, "");
    report.count("of them covering everything, and closed", covering, "");
    drop(ledger);
    all.stop(report)
}

/// A push, and what must be counted of it.
struct Push {
    name: &'static str,
    task: String,
    expected: Counts,
}

fn install(
    target: &TargetArgs,
    args: &LossesArgs,
    crowd: &Crowd,
    report: &mut Report,
) -> anyhow::Result<Installation> {
    // Vendors must know where the server will be before it starts: a port that is free at this moment.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let receipts = SocketAddr::from((Ipv4Addr::LOCALHOST, free.port()));
    let (app, calls) = (target.app, args.calls);
    let mut flags = Vec::new();
    for (name, value) in [
        ("--public-url", format!("http://{receipts}")),
        ("--sdkappid", app.to_string()),
        ("--receipts-key", RECEIPTS_KEY.to_owned()),
        ("--click-one-in", CLICK_ONE_IN.to_string()),
        ("--repeat-one-in", REPEAT_ONE_IN.to_string()),
    ] {
        flags.extend([name.to_owned(), value]);
    }
    let made = Made {
        described: crowd.describe(),
        write: &|path| crowd.write(path),
        flags,
        account: format!("calls_max = {calls}\n"),
        receipts: Some(receipts),
    };
    Installation::of(target, made, report)
}

fn tag_late(all: &Installation, crowd: &Crowd) -> anyhow::Result<()> {
    let accounts = crowd.accounts(Fate::Late).into_iter();
    let lines = accounts.map(|account| {
        let line = json!({"account": account, "kind": "user", "tags": [LATE_TAG]});
        format!("{line}\n")
    });
    all.import("tags", &lines.collect::<String>())
}

/// Pushes to everybody and to the late ones while one vendor is down, and has happen what must happen then.
fn push_all(all: &Installation, args: &LossesArgs, crowd: &Crowd) -> anyhow::Result<Vec<Push>> {
    let caller = all.caller()?;
    let patience = Duration::from_secs(args.patience_s);
    let everybody = caller.push("push", "To everybody", Value::Null)?;
    let planned = u64::from(args.devices);
    caller.wait(&everybody, patience, |it| it.total().planned == planned)?;
    delete(&caller, &crowd.accounts(Fate::Leaver))?;

    let late = crowd.accounts(Fate::Late);
    let to_late = json!({"To_Account": &late});
    let fitting = json!({"Condition": {"TagsOr": [LATE_TAG]}});
    let mut lives = to_late.clone();
    lives["MsgLifeTime"] = LIFE_S.into();
    let expires = caller.push("batch", "Expires", lives)?;
    let cancelled = caller.push("batch", "Is cancelled", to_late)?;
    let revoked = caller.push("push", "Is revoked", fitting)?;
    for task in [&cancelled, &revoked] {
        let planned = late.len() as u64;
        caller.wait(task, patience, |it| it.total().planned == planned)?;
    }
    all.command(["task", "cancel"], &cancelled)?;
    caller.command("revoke", &json!({"TaskId": revoked}))?;
    for task in [&expires, &cancelled, &revoked] {
        let planned = late.len() as u64;
        caller.wait(task, patience, |it| it.has_ended(planned))?;
    }
    let of_late = |name, task, code| Push {
        name,
        task,
        expected: crowd.expected_of_late(code),
    };
    Ok(vec![
        Push {
            name: "to everybody",
            task: everybody,
            expected: crowd.expected(),
        },
        of_late("expires", expires, -3),
        of_late("is cancelled", cancelled, -4),
        of_late("is revoked", revoked, -9),
    ])
}

/// Deletes accounts, whose devices are then registered no more.
fn delete(caller: &Caller<'_>, accounts: &[String]) -> anyhow::Result<()> {
    for some in accounts.chunks(ACCOUNTS_A_CALL) {
        let items: Vec<Value> = some.iter().map(|id| json!({"UserID": id})).collect();
        let reply = caller.delete_accounts(&json!({"DeleteItem": items}))?;
        let results = reply["ResultItem"].as_array().context("no `ResultItem`")?;
        let failed = results.iter().find(|result| result["ResultCode"] != 0);
        ensure!(failed.is_none(), "an account was not deleted: {failed:?}");
    }
    Ok(())
}

/// Waits until everything planned has ended. At no moment may more have ended than was planned.
fn wait_for_ends(
    ledger: &mut Ledger<'_>,
    tasks: &[String],
    expected: &[&Counts],
    first_s: u32,
    patience: Duration,
) -> anyhow::Result<()> {
    let until = Instant::now() + patience;
    loop {
        let counted = ledger.ask(tasks, first_s, now_s() + 1)?;
        let mut is_over = true;
        for ((task, counted), expected) in tasks.iter().zip(&counted).zip(expected) {
            let ([planned, sent, lost], [all, ..]) = (counted.ends(), expected.ends());
            ensure!(
                planned <= all && sent + lost <= all,
                "`{task}`: {planned} planned, {sent} sent, {lost} lost before, of {all}"
            );
            is_over &= planned == all && sent + lost == all;
        }
        if is_over {
            return Ok(());
        }
        ensure!(
            Instant::now() < until,
            "not all has ended in {patience:?}: {:?}",
            counted.iter().map(Counts::ends).collect::<Vec<_>>()
        );
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Waits until the counts are those that are expected, or until nothing has moved for a while; answers them.
fn wait_for_receipts(
    ledger: &mut Ledger<'_>,
    tasks: &[String],
    expected: &[&Counts],
    first_s: u32,
    patience: Duration,
) -> anyhow::Result<Vec<Counts>> {
    /// Receipts come at least as often while there are any: the simulators' longest wait before one is repeated is half of it.
    const STILL: Duration = Duration::from_secs(15);
    let until = Instant::now() + patience;
    let (mut last, mut moved) = (Vec::new(), Instant::now());
    loop {
        let counted = ledger.ask(tasks, first_s, now_s() + 1)?;
        if counted.iter().eq(expected.iter().copied()) {
            // What is repeated, or counted twice, would come now.
            thread::sleep(Duration::from_secs(1));
            return ledger.ask(tasks, first_s, now_s() + 1);
        }
        if counted != last {
            (last, moved) = (counted, Instant::now());
        }
        if moved.elapsed() > STILL {
            return Ok(last);
        }
        if Instant::now() > until {
            bail!("receipts still come after {patience:?}");
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Tells every count, and every one that is not as it was written down.
fn compare(pushes: &[Push], counted: &[Counts], report: &mut Report) -> anyhow::Result<()> {
    let (mut compared, mut different) = (0, Vec::new());
    for (push, counted) in pushes.iter().zip(counted) {
        let name = push.name;
        let [planned, sent, lost] = counted.ends();
        for (what, count) in [
            ("planned", planned),
            ("sent", sent),
            ("lost before sending", lost),
            ("lost after sending", counted.after.values().sum()),
        ] {
            report.count(&format!("{name}: {what}"), count, "");
        }
        let expected = &push.expected;
        compared += expected.rows.len() * 4 + expected.before.len() + expected.after.len();
        let differences = counted.differences(expected);
        different.extend(differences.iter().map(|it| format!("{name}: {it}")));
        report.count(
            &format!("{name}: kinds of loss"),
            (expected.before.len() + expected.after.len()) as u64,
            "",
        );
    }
    report.count("counts compared", compared as u64, "");
    report.count("of them different", different.len() as u64, "");
    ensure!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}
