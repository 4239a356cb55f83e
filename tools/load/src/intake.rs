//! Sends calls of 100 events over many connections, a blocking thread each, in a closed or an open loop.
//!
//! A refused call is sent again until it is taken, so that what has to be counted stays known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::access::now_s;
use crate::bodies::{EVENTS_LEN, EventsCall};
use crate::client::Connection;
use crate::latency::Latencies;
use crate::report::Report;
use crate::sequence::Event;
use crate::target::Target;

/// The documented reply to a call that was taken.
const ACCEPTED: &[u8] = br#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;
/// `ErrorCode`s after which the same call may be sent again: too frequent, incomplete, overloaded.
const AGAIN: [i64; 3] = [60007, 60008, 60018];
const AGAIN_PAUSE: Duration = Duration::from_millis(2);
/// A call that is refused so often is a fault and no overload.
const REFUSALS_MAX: u32 = 10_000;

/// How much to send, and when.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) run: u32,
    pub(crate) task_time_s: u32,
    pub(crate) calls: u64,
    /// Calls a second, latency from the intended time; `None` is as fast as answered.
    pub(crate) rate: Option<f64>,
    /// Nothing is sent from this moment on.
    pub(crate) until: Option<Instant>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) calls: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Latencies,
    /// How often each `ErrorCode` was answered.
    pub(crate) refusals: BTreeMap<i64, u64>,
}

impl Sent {
    pub(crate) fn events(&self) -> u64 {
        self.calls * EVENTS_LEN as u64
    }

    pub(crate) fn events_per_s(&self) -> f64 {
        self.events() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn report(&mut self, report: &mut Report) {
        report.count("events sent", self.events(), "events");
        report.figure("duration", self.elapsed.as_secs_f64(), "s");
        report.figure("intake", self.events_per_s(), "events/s");
        report.latencies("call of 100 events", &mut self.latencies);
        report.count(
            "calls refused and repeated",
            self.refusals.values().sum(),
            "calls",
        );
        for (code, count) in &self.refusals {
            report.count(&format!("  with ErrorCode {code}"), *count, "calls");
        }
    }
}

/// Sends what the sources give, a connection each, until the plan is done.
pub(crate) fn run<S>(target: &Target, plan: &Plan, sources: &mut [S]) -> anyhow::Result<Sent>
where
    S: FnMut() -> Event + Send,
{
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let start = Instant::now();
    let parts = thread::scope(|scope| {
        let senders: Vec<_> = sources
            .iter_mut()
            .map(|source| {
                let (next, failed) = (&next, &failed);
                scope.spawn(move || {
                    let sent = send(target, plan, source, (start, next, failed));
                    failed.fetch_or(sent.is_err(), Ordering::Relaxed);
                    sent
                })
            })
            .collect();
        senders
            .into_iter()
            .map(|sender| {
                sender
                    .join()
                    .unwrap_or_else(|_| bail!("a sender has panicked"))
            })
            .collect::<Vec<_>>()
    });
    let mut whole = Sent {
        elapsed: start.elapsed(),
        ..Sent::default()
    };
    for part in parts {
        let part = part?;
        whole.calls += part.calls;
        whole.latencies.append(part.latencies);
        for (code, count) in part.refusals {
            *whole.refusals.entry(code).or_default() += count;
        }
    }
    Ok(whole)
}

fn send(
    target: &Target,
    plan: &Plan,
    source: &mut impl FnMut() -> Event,
    (start, next, failed): (Instant, &AtomicU64, &AtomicBool),
) -> anyhow::Result<Sent> {
    let mut connection =
        Connection::open(target.address).context("the server cannot be reached")?;
    let mut call = EventsCall::new(&target.access, plan.run, plan.task_time_s, now_s());
    let mut sent = Sent::default();
    loop {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        let intended = plan
            .rate
            .map(|rate| start + Duration::from_secs_f64(turn as f64 / rate));
        let late = plan
            .until
            .is_some_and(|until| intended.unwrap_or_else(Instant::now) >= until);
        if turn >= plan.calls || late || failed.load(Ordering::Relaxed) {
            return Ok(sent);
        }
        for index in 0..EVENTS_LEN {
            call.set(index, &source());
        }
        let intended = intended.map_or_else(Instant::now, wait_until);
        deliver(&mut connection, &mut call, &mut sent)?;
        sent.latencies.add(intended.elapsed());
        sent.calls += 1;
    }
}

fn deliver(
    connection: &mut Connection,
    call: &mut EventsCall<'_>,
    sent: &mut Sent,
) -> anyhow::Result<()> {
    for _ in 0..REFUSALS_MAX {
        call.sign(now_s());
        let reply = connection
            .call(call.bytes())
            .context("a call was not answered")?;
        if reply == ACCEPTED {
            return Ok(());
        }
        let reply: Value = serde_json::from_slice(reply).context("the reply is no JSON")?;
        let code = reply["ErrorCode"].as_i64().unwrap_or(-1);
        if !AGAIN.contains(&code) {
            bail!("a call was refused: {reply}");
        }
        *sent.refusals.entry(code).or_default() += 1;
        thread::sleep(AGAIN_PAUSE);
    }
    bail!("a call was refused {REFUSALS_MAX} times")
}

/// A source that gives the events of `0..total` in turns of a whole call, shared by all that take from `next`; beyond
/// the end it repeats the last, which counts no more.
pub(crate) fn turns<'a>(
    next: &'a AtomicU64,
    total: u64,
    event: impl Fn(u64) -> Event + Send + 'a,
) -> impl FnMut() -> Event + Send + 'a {
    let mut turn = 0..0;
    move || {
        if turn.is_empty() {
            let start = next.fetch_add(EVENTS_LEN as u64, Ordering::Relaxed);
            turn = start..start + EVENTS_LEN as u64;
        }
        event(turn.next().unwrap_or_default().min(total - 1))
    }
}

/// Sends one call of a few events outside of any measurement.
pub(crate) fn post(
    target: &Target,
    connection: &mut Connection,
    events: &[String],
) -> anyhow::Result<()> {
    let body = format!(r#"{{"Events":[{}]}}"#, events.join(","));
    let request = target.access.events_head(body.len(), now_s()) + &body;
    let reply = connection
        .call(request.as_bytes())
        .context("a call was not answered")?;
    if reply != ACCEPTED {
        bail!("a call was refused: {}", String::from_utf8_lossy(reply));
    }
    Ok(())
}

/// Waits for a moment, unless it is past, and answers it: whoever is late counts from when it should have been.
pub(crate) fn wait_until(moment: Instant) -> Instant {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
    moment
}
