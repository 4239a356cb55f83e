//! `query`: statistics of 5 tasks, 9 channels and 30 days, in an open or a closed loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::access::now_s;
use crate::args::{CallsArgs, QueryArgs};
use crate::bodies::{put_8, put_10, task_name};
use crate::client::Connection;
use crate::history::{History, Names, Times};
use crate::intake::wait_until;
use crate::latency::Latencies;
use crate::random::Random;
use crate::report::Report;
use crate::scrape::Histogram;
use crate::statistics::{SPAN_S, TASKS_LEN, body};
use crate::target::{CpuMeter, Target};

/// How every reply begins that is one.
const ANSWERED: &[u8] = br#"{"ActionStatus":"OK","ErrorCode":0,"#;
/// Windows begin and end at random seconds of the days at either end of the 30.
const EDGE_S: u32 = 86_400;
/// Tasks whose first query is measured at most.
const FIRST_TASKS_MAX: u32 = 10_000;

pub(crate) fn run(target: &Target, args: &QueryArgs, report: &mut Report) -> anyhow::Result<()> {
    let mut history = History::new(&args.shape, Times::Days);
    if args.fill > 0 {
        let sent = history.send(target, args.fill, None, None)?;
        report.count("events before", sent.events(), "events");
        report.figure("intake before", sent.events_per_s(), "events/s");
    } else {
        ensure!(
            args.shape.run.is_some(),
            "--fill 0 needs the --run that filled the ledger"
        );
    }
    let mut first = first_queries(target, history.names)?;
    report.latencies("first query of 5 tasks", &mut first);
    let rate = (!args.closed).then_some(args.calls.rate);
    measure(target, history.names, &args.calls, rate, report)?;
    if args.fill > 0 {
        history.compare(target, report)?;
    }
    Ok(())
}

/// Warms up, measures, and tells.
pub(crate) fn measure(
    target: &Target,
    names: Names,
    calls: &CallsArgs,
    rate: Option<f64>,
    report: &mut Report,
) -> anyhow::Result<()> {
    ask(
        target,
        names,
        calls,
        rate,
        Duration::from_secs(calls.warm_up_s),
    )?;
    let before = Histogram::read(target)?;
    let cpu = CpuMeter::start(target);
    let mut asked = ask(
        target,
        names,
        calls,
        rate,
        Duration::from_secs(calls.seconds),
    )?;
    report.count("queries", asked.calls, "calls");
    report.figure(
        "query rate",
        asked.calls as f64 / asked.elapsed.as_secs_f64(),
        "calls/s",
    );
    report.latencies("query, from intended time", &mut asked.intended);
    report.latencies("query, from sending", &mut asked.actual);
    cpu.report(asked.calls, "call", report);
    if let (Some(before), Some(after)) = (before, Histogram::read(target)?) {
        after.since(&before).report("query, in the server", report);
    }
    target.report_memory(report);
    Ok(())
}

/// What came of asking.
#[derive(Debug, Default)]
struct Asked {
    calls: u64,
    elapsed: Duration,
    /// From when a call should have been sent; in a closed loop the same as the other.
    intended: Latencies,
    /// From when it was.
    actual: Latencies,
}

fn ask(
    target: &Target,
    names: Names,
    calls: &CallsArgs,
    rate: Option<f64>,
    during: Duration,
) -> anyhow::Result<Asked> {
    let next = AtomicU64::new(0);
    let start = Instant::now();
    let caller = |seed: u64| {
        let mut connection =
            Connection::open(target.address).context("the server cannot be reached")?;
        let mut call = QueryCall::new(target, names);
        let mut random = Random::new(seed);
        let mut asked = Asked::default();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let intended = rate.map(|rate| start + Duration::from_secs_f64(turn as f64 / rate));
            if intended.unwrap_or_else(Instant::now) >= start + during {
                return Ok(asked);
            }
            call.set(&mut random);
            let intended = intended.map(wait_until);
            let sent = Instant::now();
            call.send(&mut connection)?;
            asked.actual.add(sent.elapsed());
            asked.intended.add(intended.unwrap_or(sent).elapsed());
            asked.calls += 1;
        }
    };
    let parts: Vec<anyhow::Result<Asked>> = thread::scope(|scope| {
        let callers: Vec<_> = (0..calls.callers)
            .map(|seed| scope.spawn(move || caller(seed.into())))
            .collect();
        callers
            .into_iter()
            .map(|caller| {
                caller
                    .join()
                    .unwrap_or_else(|_| bail!("a caller has panicked"))
            })
            .collect()
    });
    let mut whole = Asked {
        elapsed: start.elapsed(),
        ..Asked::default()
    };
    for part in parts {
        let part = part?;
        whole.calls += part.calls;
        whole.intended.append(part.intended);
        whole.actual.append(part.actual);
    }
    Ok(whole)
}

/// Asks for each task once, one call after another: what a task's first query costs.
pub(crate) fn first_queries(target: &Target, names: Names) -> anyhow::Result<Latencies> {
    let mut connection =
        Connection::open(target.address).context("the server cannot be reached")?;
    let mut call = QueryCall::new(target, names);
    let mut random = Random::new(0);
    let mut latencies = Latencies::default();
    for first in 0..call.apart.min(FIRST_TASKS_MAX / TASKS_LEN as u32) {
        call.set(&mut random);
        call.set_tasks(first);
        let sent = Instant::now();
        call.send(&mut connection)?;
        latencies.add(sent.elapsed());
    }
    Ok(latencies)
}

/// A query rendered once and patched in place.
struct QueryCall {
    bytes: Vec<u8>,
    body_at: usize,
    task_at: usize,
    task_len: usize,
    tasks: u32,
    /// The five tasks of a query lie so far apart, hence are five.
    apart: u32,
    earliest_s: u32,
}

impl QueryCall {
    fn new(target: &Target, names: Names) -> Self {
        let name = task_name(names.run, 0);
        let body = body(&vec![name.clone(); TASKS_LEN], 0, 0);
        let head = target.access.statistics_head(body.len());
        Self {
            body_at: head.len(),
            task_at: head.len() + body.find(&name).unwrap_or_default() + "00000000_".len(),
            task_len: name.len() + r#"","#.len(),
            bytes: [head, body].concat().into_bytes(),
            tasks: names.tasks,
            apart: names.tasks / TASKS_LEN as u32,
            earliest_s: now_s() - SPAN_S,
        }
    }

    fn set(&mut self, random: &mut Random) {
        let start_s = self.earliest_s + random.below(EDGE_S);
        let end_s = start_s + SPAN_S - random.below(EDGE_S);
        put_10(
            &mut self.bytes,
            self.body_at + r#"{"StartTime":"#.len(),
            start_s,
        );
        put_10(
            &mut self.bytes,
            self.body_at + r#"{"StartTime":0000000000,"EndTime":"#.len(),
            end_s,
        );
        self.set_tasks(random.below(self.tasks));
    }

    fn set_tasks(&mut self, first: u32) {
        for index in 0..TASKS_LEN {
            let task = (first + index as u32 * self.apart) % self.tasks;
            put_8(&mut self.bytes, self.task_at + index * self.task_len, task);
        }
    }

    fn send(&self, connection: &mut Connection) -> anyhow::Result<()> {
        let reply = connection
            .call(&self.bytes)
            .context("a query was not answered")?;
        if !reply.starts_with(ANSWERED) {
            bail!("a query was refused: {}", String::from_utf8_lossy(reply));
        }
        Ok(())
    }
}
