//! The command line: what can be said, and which code does it.

mod app;
mod audience;
mod audit;
mod bulk;
mod channel;
mod config;
mod devices;
mod forget;
mod funnel;
mod history;
mod latency;
mod ledger;
mod moment;
mod perform;
mod push;
mod reach;
mod reconcile;
mod sim;
mod stats;
mod task;
mod trace;
mod usersig;
mod webhook;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::acts::{Act, Done};
use crate::config::{Config, ConfigError};
use crate::demo::DemoArgs;
use crate::engine::Purpose;
use crate::terminal::sayln;
use crate::{demo, engine, logs, serve};
use moment::moment;
use perform::{perform, perform_all};

/// Exit code of a wrong command line or configuration; clap uses the same.
const EXIT_USAGE: u8 = 2;
/// Threads for commands that serve nobody: one to wait on the terminal, one for the engine.
const COMMAND_THREADS: usize = 2;

/// A push server whose numbers can be trusted.
///
/// Exit codes: 0 done, 1 failed, 2 wrong command line or configuration.
#[derive(Debug, Parser)]
#[command(name = "pushtally", version, propagate_version = true)]
struct Cli {
    /// Configuration file; default $PUSHTALLY_CONFIG, then ./pushtally.toml, then the built-in defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT.
    Serve,
    /// Push to phones on all channels, play the callbacks of a push to 200,000 devices, and compare the counts.
    Demo(DemoArgs),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Make, check or take apart a UserSig.
    #[command(subcommand)]
    Usersig(usersig::UsersigCommand),
    /// Look into the ledger.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Check the index by which conditions find their devices.
    #[command(subcommand)]
    Audience(audience::AudienceCommand),
    /// Copy everything, consistently, into a new or empty folder, while the server runs or not.
    Backup {
        /// The folder; of the machine and the user that the server runs as.
        to: PathBuf,
    },
    /// Copy a backup into the storage folder, which must be new or empty, and check every byte of it.
    Restore {
        /// The folder of the backup.
        from: PathBuf,
    },
    /// Import devices, tags or attributes from a file; exit code 1 if a row was not taken in.
    Import(bulk::ImportArgs),
    /// Export devices, tags or attributes to a file.
    Export(bulk::ExportArgs),
    /// Send a push, to everyone or to accounts.
    Push(push::PushArgs),
    /// List, show, pause, resume or cancel tasks.
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// List tasks, newest first: `task list`.
    Tasks(task::ListArgs),
    /// Show how many came how far, by route and channel: of tasks, or of all pushes; once, or live with `--watch`.
    Stats(stats::StatsArgs),
    /// Show how many different devices several tasks reached together, by route and channel.
    Reach(reach::ReachArgs),
    /// Tell step by step what happened to a user's devices in a task.
    Trace(trace::TraceArgs),
    /// Tell what happened to a device, or to all of an account's, over all tasks, newest first.
    History(history::HistoryArgs),
    /// Compare our counts with those of the Tencent Cloud Chat app whose callbacks come here. Exit codes: 0 equal, 1 something
    /// differs, 2 could not compare.
    Reconcile(reconcile::ReconcileArgs),
    /// Forget accounts: their names, devices, tokens, labels and texts; every count stays.
    Forget(forget::ForgetArgs),
    /// List what was forgotten, newest first: what was erased, what waits, which backups still hold it.
    Forgotten(forget::ForgottenArgs),
    /// Check the tokens of devices, and give back those that were dropped by mistake.
    #[command(subcommand)]
    Devices(devices::DevicesCommand),
    /// Show who did what, newest first.
    Audit(audit::AuditArgs),
    /// Make, list, pause or change apps that the configuration does not declare.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Give, list or remove accounts with vendors that the configuration does not declare.
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// Send events to an app's backend as webhooks; see how that goes, and send after all what was given up.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Run simulators of the nine vendors, to configure, to push against and to break.
    Sim(sim::SimArgs),
    /// Print the OpenAPI document of the operator's API.
    Openapi,
    /// Print a completion script.
    Completions {
        /// The shell it is for.
        shell: Shell,
    },
}

/// Reads the command line and does what it says.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            let usage = error.downcast_ref::<ConfigError>().is_some()
                || error.downcast_ref::<UsageError>().is_some();
            // Standard error may be closed; the exit code still says it.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            if usage {
                ExitCode::from(EXIT_USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// A command line that clap cannot see the fault of.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

fn dispatch(Cli { config, command }: Cli) -> anyhow::Result<ExitCode> {
    let load = || Config::load(config.as_deref(), variables());
    match command {
        Command::Serve => {
            let config = load()?;
            logs::start(&config.log);
            runtime(config.workers)?.block_on(serve::run(config))?;
        }
        Command::Demo(arguments) => return runtime(0)?.block_on(demo::run(arguments)),
        Command::Config(command) => config::run(&command, load)?,
        Command::Usersig(command) => return usersig::run(command),
        Command::Ledger(command) => return ledger::run(&command, |act| perform(&load()?, act)),
        Command::Audience(command) => {
            return audience::run(command, |act| perform(&load()?, act));
        }
        Command::Import(arguments) => return bulk::import(arguments, &load()?),
        Command::Export(arguments) => return bulk::export(arguments, &load()?),
        Command::Push(arguments) => push::run(arguments, |act| perform(&load()?, act))?,
        Command::Task(command) => task::run(command, |act| perform(&load()?, act))?,
        Command::Tasks(arguments) => task::list(arguments, |act| perform(&load()?, act))?,
        Command::Stats(arguments) => {
            let config = load()?;
            perform_all(&config, Purpose::Service, |perform| {
                stats::run(arguments, perform)
            })?;
        }
        Command::Reach(arguments) => reach::run(arguments, |act| perform(&load()?, act))?,
        Command::Trace(arguments) => trace::run(arguments, |act| perform(&load()?, act))?,
        Command::History(arguments) => history::run(arguments, |act| perform(&load()?, act))?,
        Command::Reconcile(arguments) => {
            let compared = load().map_err(anyhow::Error::from);
            let compared =
                compared.and_then(|config| reconcile::run(arguments, &config, &variables()));
            return compared.map_err(|error| {
                // 1 says that something differs, so whatever failed is 2.
                match error.downcast_ref::<UsageError>() {
                    Some(_) => error,
                    None => UsageError(format!("{error:#}")).into(),
                }
            });
        }
        Command::Forget(arguments) => forget::run(arguments, |act| perform(&load()?, act))?,
        Command::Forgotten(arguments) => forget::list(arguments, |act| perform(&load()?, act))?,
        Command::Devices(command) => devices::run(command, |act| perform(&load()?, act))?,
        Command::Audit(arguments) => audit::run(&arguments, |act| perform(&load()?, act))?,
        Command::App(command) => app::run(command, |act| perform(&load()?, act))?,
        Command::Webhook(command) => webhook::run(command, |act| perform(&load()?, act))?,
        Command::Channel(command) => {
            return channel::run(command, |act| perform(&load()?, act));
        }
        Command::Backup { to } => {
            // The server has another working directory.
            let to = std::path::absolute(&to)
                .with_context(|| format!("`{}` is no path", to.display()))?;
            if let Done::BackedUp { bytes, pause_us } =
                perform(&load()?, Act::Backup { to: to.clone() })?
            {
                sayln!(
                    "{bytes} bytes copied to {}, commits waited {pause_us} µs",
                    to.display()
                );
            }
        }
        Command::Restore { from } => {
            let config = load()?;
            logs::start_quietly(&config.log);
            let pages =
                runtime(COMMAND_THREADS)?.block_on(async { engine::restore(&config, &from) })?;
            sayln!("restored and checked, {pages} pages");
        }
        Command::Sim(arguments) => runtime(0)?.block_on(sim::run(arguments))?,
        Command::Openapi => sayln!("{:#}", pushtally_http::openapi_document()),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "pushtally",
                &mut std::io::stdout(),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Variables that are UTF-8; ours are, and no other matters.
fn variables() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

fn runtime(workers: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder
        .enable_all()
        .build()
        .context("threads cannot be started")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
