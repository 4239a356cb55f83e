//! `pushtally-load`: the load generator behind docs/PERFORMANCE.md.
//!
//! It speaks to a server over HTTP only, as strangers do, and knows by construction what the server must count, so
//! every run that writes also compares. It shares its machine with the server: threads block, requests are patched in
//! place, nothing is allocated or parsed in a hot loop that the figures do not need.

mod access;
mod args;
mod bodies;
mod client;
mod crowd;
mod events;
mod fanout;
mod history;
mod intake;
mod latency;
mod losses;
mod mixed;
mod nats;
mod online;
mod process;
mod query;
mod random;
mod register;
mod report;
mod scrape;
mod sequence;
mod server;
mod start;
mod statistics;
mod target;
mod tasks;
mod webhooks;
mod windows;

use std::io::Write as _;
use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use report::Report;
use target::Target;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut report = Report::new(cli.json);
    match run(&cli, &mut report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; the exit code still says it.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli, report: &mut Report) -> anyhow::Result<()> {
    process::sleep_precisely();
    if let Command::NatsWebsocket(args) = &cli.command {
        let done = nats::run(args, report);
        report.finish();
        return done;
    }
    if let Command::Fanout(args) = &cli.command {
        let done = fanout::run(&cli.target, args, report);
        report.finish();
        return done;
    }
    if let Command::Webhooks(args) = &cli.command {
        let done = webhooks::run(&cli.target, args, report);
        report.finish();
        return done;
    }
    if let Command::Losses(args) = &cli.command {
        let done = losses::run(&cli.target, args, report);
        report.finish();
        return done;
    }
    let mut target = Target::find(&cli.target, cli.command.setup())?;
    target.describe(report);
    let done = match &cli.command {
        Command::Events(args) => events::run(&target, args, report),
        Command::Fill(args) => events::fill(&target, args, report),
        Command::Start(args) => start::run(&mut target, args, report),
        Command::Query(args) => query::run(&target, args, report),
        Command::Tasks(args) => tasks::run(&target, args, report),
        Command::Mixed(args) => mixed::run(&target, args, report),
        Command::Windows(args) => windows::run(&target, args, report),
        Command::Sockets(args) => online::sockets::run(&target, args, report),
        Command::PushOnline(args) => online::push::run(&target, args, report),
        Command::Reconnect(args) => online::reconnect::run(&target, args, report),
        Command::Register(args) => register::run(&target, args, report),
        Command::CrashOnline(args) => online::crash::run(&mut target, args, report),
        Command::OverloadOnline(args) => online::overload::run(&mut target, args, report),
        // Done above: one has no server of ours, the others start their own with devices in it.
        Command::NatsWebsocket(_)
        | Command::Fanout(_)
        | Command::Losses(_)
        | Command::Webhooks(_) => Ok(()),
    };
    let stopped = target.stop(report);
    report.finish();
    done.and(stopped)
}
