//! `register`: durable registrations of new phones, then registrations that change nothing.

use std::thread;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use pushtally_sim::{Identity, Place, Settings};

use crate::args::RegisterArgs;
use crate::client::Connection;
use crate::latency::Latencies;
use crate::report::Report;
use crate::target::{CpuMeter, Target};

pub(crate) fn run(target: &Target, args: &RegisterArgs, report: &mut Report) -> anyhow::Result<()> {
    let count = args.count;
    phase(target, args, count, 201, "new", report)?;
    if args.repeats > 0 {
        phase(target, args, args.repeats, 200, "repeated", report)?;
    }
    target.report_memory(report);
    target.report_storage(count.into(), report);
    Ok(())
}

/// Sends so many registrations, each of which must be answered with this status.
fn phase(
    target: &Target,
    args: &RegisterArgs,
    calls: u32,
    status: u16,
    name: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let cpu = CpuMeter::start(target);
    let start = Instant::now();
    let mut latencies = thread::scope(|scope| {
        let threads: Vec<_> = (0..args.connections)
            .map(|first| scope.spawn(move || send(target, args, first, calls, status)))
            .collect();
        let mut all = Latencies::default();
        for thread in threads {
            let sent = thread
                .join()
                .unwrap_or_else(|_| bail!("a connection has panicked"));
            all.append(sent?);
        }
        anyhow::Ok(all)
    })?;
    let time = start.elapsed();
    report.count(&format!("{name} registrations"), calls.into(), "");
    report.figure(
        &format!("{name} registrations a second"),
        f64::from(calls) / time.as_secs_f64(),
        "/s",
    );
    report.latencies(&format!("{name} registration"), &mut latencies);
    cpu.report(calls.into(), "call", report);
    Ok(())
}

/// One connection's share: every so many-th call, of phones that are counted round.
fn send(
    target: &Target,
    args: &RegisterArgs,
    first: u32,
    calls: u32,
    status: u16,
) -> anyhow::Result<Latencies> {
    let settings = Settings::default();
    let app = target.access.app;
    let place = Place::new(target.address, app, &target.client_key, &settings);
    let mut connection = Connection::open(target.address)?;
    let mut latencies = Latencies::default();
    for call in (first..calls).step_by(args.connections as usize) {
        let identity = Identity::numbered("register", args.seed, call % args.count);
        let body = place.registration(&identity);
        let request = format!(
            "POST /v1/devices?sdkappid={app} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            target.address,
            body.len()
        );
        let start = Instant::now();
        let (answered, reply) = connection
            .exchange(request.as_bytes())
            .context("a registration was not answered")?;
        ensure!(
            answered == status,
            "a registration was answered with {answered}, not {status}: {}",
            String::from_utf8_lossy(reply)
        );
        latencies.add(start.elapsed());
    }
    Ok(latencies)
}
