//! The command line.

mod fanout;
mod losses;
mod online;
mod webhooks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use fanout::{FanoutArgs, VendorName};
pub(crate) use losses::LossesArgs;
pub(crate) use online::{
    CrashArgs, CrowdArgs, NatsArgs, OverloadArgs, PushArgs, ReconnectArgs, RegisterArgs,
    SocketsArgs,
};
pub(crate) use webhooks::WebhooksArgs;

use crate::server::Setup;

/// Loads a Pushtally server and tells what it took.
///
/// Exit codes: 0 done and all counts agree, 1 failed or a count differs, 2 wrong command line.
#[derive(Debug, Parser)]
#[command(name = "pushtally-load", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print one JSON object instead of lines.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which server, and as whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// Start a server of its own on free ports, with quotas raised; stop it at the end. Variables PUSHTALLY__… reach it.
    #[arg(long, global = true)]
    pub(crate) spawn: bool,
    /// The program that --spawn starts; default: `pushtally` beside this one.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) pushtally: Option<PathBuf>,
    /// Where --spawn keeps its data, afterwards too; default: a temporary folder, removed at the end.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// A running server's public listener.
    #[arg(long, global = true, value_name = "URL", conflicts_with = "spawn")]
    pub(crate) server: Option<String>,
    /// A running server's operator listener, for its own latency figures.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) operator: Option<String>,
    /// A running server's process, for its CPU time and memory.
    #[arg(long, global = true)]
    pub(crate) pid: Option<u32>,
    /// The SDKAppID.
    #[arg(long, global = true, default_value_t = 1_400_000_000)]
    pub(crate) app: u32,
    /// The app's key, for the UserSigs of queries.
    #[arg(long, global = true, default_value = "pushtally-load-key")]
    pub(crate) key: String,
    /// The app's callback token, which signs events.
    #[arg(long, global = true, default_value = "pushtally-load-token")]
    pub(crate) token: String,
    /// The app's client key, which phones register with.
    #[arg(
        long,
        global = true,
        default_value = "pushtally-load-client-key",
        value_name = "KEY"
    )]
    pub(crate) client_key: String,
    /// An administrator of the app.
    #[arg(long, global = true, default_value = "administrator")]
    pub(crate) administrator: String,
}

impl TargetArgs {
    /// The app beside the first in runs that need two; it has the same keys and administrator.
    pub(crate) fn other_app(&self) -> u32 {
        self.app.wrapping_add(1).max(1)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send documented bodies of 100 events, then compare the counts.
    Events(EventsArgs),
    /// The same over 29 days, day by day, to fill a ledger for `query`.
    Fill(EventsArgs),
    /// Kill the server after events (with --spawn), start it again, and compare the counts.
    Start(StartArgs),
    /// Ask for the statistics of 5 tasks over 30 days.
    Query(QueryArgs),
    /// Send many tasks of a fixed number of devices, watch memory, then send a late event twice.
    Tasks(TasksArgs),
    /// Ask while events come in.
    Mixed(MixedArgs),
    /// Send a random history and compare random windows with a naive count.
    Windows(WindowsArgs),
    /// Connect phones, let them idle, and read the server's memory.
    Sockets(SocketsArgs),
    /// Push to connected phones that acknowledge at once, and compare all counts.
    PushOnline(PushArgs),
    /// Drop all phones at once and let all reconnect at once.
    Reconnect(ReconnectArgs),
    /// Register phones, then register them again with nothing changed.
    Register(RegisterArgs),
    /// Kill the server in the middle of a push (with --spawn), start it again, and see whether the ledger closes.
    CrashOnline(CrashArgs),
    /// Ten times the reports, and a flood of registrations, while another app goes on (with --spawn).
    OverloadOnline(OverloadArgs),
    /// Push to registered devices through vendors' simulators (with --spawn), and account for every one.
    Fanout(FanoutArgs),
    /// Push to devices whose fates are written down before (with --spawn), and compare every count and loss, in random windows.
    Losses(LossesArgs),
    /// Take events in at full speed while webhooks go to a receiver that works, hangs, fails or drops calls (with --spawn).
    Webhooks(WebhooksArgs),
    /// The peer of push-online and sockets: a nats-server's WebSocket subscribers. Needs no Pushtally.
    NatsWebsocket(NatsArgs),
}

impl Command {
    /// What a server started for it must allow.
    pub(crate) fn setup(&self) -> Setup {
        match self {
            Self::Events(_)
            | Self::Fill(_)
            | Self::Start(_)
            | Self::Query(_)
            | Self::Tasks(_)
            | Self::Mixed(_)
            | Self::Windows(_)
            | Self::NatsWebsocket(_) => Setup::Backends,
            Self::Sockets(_)
            | Self::PushOnline(_)
            | Self::Reconnect(_)
            | Self::Register(_)
            | Self::CrashOnline(_)
            | Self::OverloadOnline(_)
            | Self::Fanout(_)
            | Self::Losses(_)
            | Self::Webhooks(_) => Setup::Phones,
        }
    }
}

/// What the events are about.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShapeArgs {
    /// Distinct recipients.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=99_000_000))]
    pub(crate) recipients: u32,
    /// Tasks, by Zipf.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(5..=1_000_000))]
    pub(crate) tasks: u32,
    /// The exponent of Zipf; 0 makes all tasks equal.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) zipf: f64,
    /// Events in a hundred that repeat an earlier one.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) repeats: f64,
    /// Seconds that an event may be older than what is told beside it; many make scattered rows.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=2_505_600))]
    pub(crate) late_s: u32,
    /// Names the tasks, eight hexadecimal digits at most; the same name means the same tasks. Default: from the clock.
    #[arg(long, value_parser = |text: &str| u32::from_str_radix(text, 16))]
    pub(crate) run: Option<u32>,
    /// Connections that send events.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) connections: u32,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    /// Events to send.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) events: u64,
    /// Stop after so many seconds at the latest.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Open loop at this many events a second, latency from the intended time; default: as fast as answered.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Send every recipient once before measuring, so that all of them are known.
    #[arg(long)]
    pub(crate) known: bool,
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    /// Events to send before each kill.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// How often it is killed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) kills: u32,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct VerifyArgs {
    /// Compare every task's counts with the endpoint's at the end.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    /// Events to send first; 0 asks for what an earlier --run left in --folder or on --server.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) fill: u64,
    #[command(flatten)]
    pub(crate) calls: CallsArgs,
    /// As fast as answered, instead of --rate.
    #[arg(long)]
    pub(crate) closed: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CallsArgs {
    /// Calls a second, open loop: latency counts from the intended time.
    #[arg(long, default_value_t = 1_000.0)]
    pub(crate) rate: f64,
    /// Seconds to measure.
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u64,
    /// Seconds to ask before measuring.
    #[arg(long, default_value_t = 2)]
    pub(crate) warm_up_s: u64,
    /// Connections that ask.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) callers: u32,
}

#[derive(Debug, Args)]
pub(crate) struct TasksArgs {
    /// Tasks.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(5..=99_000_000))]
    pub(crate) tasks: u32,
    /// Devices of each task, each sent to and delivered to once.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=99_000_000))]
    pub(crate) devices: u32,
    /// Devices there are.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=99_000_000))]
    pub(crate) population: u32,
    /// Connections that send events.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) connections: u32,
    /// Tasks whose counts are compared, evenly chosen.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) compare: u32,
}

#[derive(Debug, Args)]
pub(crate) struct MixedArgs {
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    /// Events to send before, over 29 days.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) fill: u64,
    /// Events a second while asking, open loop.
    #[arg(long, default_value_t = 200_000.0)]
    pub(crate) intake: f64,
    /// Also ask once, while events come in, for each task of this earlier run, which nobody has asked for since the
    /// server started: what a cold task's first query costs.
    #[arg(long, value_name = "RUN", value_parser = |text: &str| u32::from_str_radix(text, 16))]
    pub(crate) cold: Option<u32>,
    #[command(flatten)]
    pub(crate) calls: CallsArgs,
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WindowsArgs {
    /// Events of the history.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) events: u32,
    /// Tasks of the history, of very different sizes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(5..=100_000))]
    pub(crate) tasks: u32,
    /// Accounts of the history.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) accounts: u32,
    /// Windows to compare.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) windows: u32,
    /// Makes the same history again; default: from the clock, printed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}
