//! The command line of the commands that play phones.

use std::net::SocketAddr;

use clap::Args;

/// How many phones, and how they come.
#[derive(Debug, Clone, Args)]
pub(crate) struct CrowdArgs {
    /// Phones. The open-files limit of a process, often 20,000, holds for the server's and for ours.
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    pub(crate) count: u32,
    /// Sockets being opened at once; beyond the backlog of the listener a connection waits for a second.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) opening: u32,
    /// HTTP connections that register.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) connections: u32,
    /// Makes the same phones again.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct SocketsArgs {
    #[command(flatten)]
    pub(crate) crowd: CrowdArgs,
    /// Seconds to idle before memory is read.
    #[arg(long, default_value_t = 5)]
    pub(crate) idle_s: u64,
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    pub(crate) crowd: CrowdArgs,
    /// Pushes, one after another.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) pushes: u32,
    /// Phones in a hundred that click, two seconds after showing it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) clicks: u8,
}

#[derive(Debug, Args)]
pub(crate) struct ReconnectArgs {
    #[command(flatten)]
    pub(crate) crowd: CrowdArgs,
    /// Times that all drop and come back.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) times: u32,
}

#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    /// Phones that register, each once.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=99_000_000))]
    pub(crate) count: u32,
    /// Registrations that change nothing, afterwards.
    #[arg(long, default_value_t = 300_000)]
    pub(crate) repeats: u32,
    /// Connections, each with a thread.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) connections: u32,
    /// Makes other phones.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CrashArgs {
    #[command(flatten)]
    pub(crate) crowd: CrowdArgs,
    /// The server is killed when this share of the phones, in percent, has shown the push.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u8).range(0..=99))]
    pub(crate) kill_at: u8,
}

#[derive(Debug, Args)]
pub(crate) struct OverloadArgs {
    #[command(flatten)]
    pub(crate) crowd: CrowdArgs,
    /// Phones of the other app.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) others: u32,
    /// How often each phone sends each report.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) acks: u8,
    /// Connections that flood with registrations, all from one address.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) flood: u32,
    /// Seconds of each phase, quiet and loud.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=3_600))]
    pub(crate) seconds: u64,
    /// Queries a second of the other app.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) queries: u32,
}

#[derive(Debug, Args)]
pub(crate) struct NatsArgs {
    /// The WebSocket listener of a nats-server without TLS.
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) websocket: SocketAddr,
    /// Its process, for its memory.
    #[arg(long = "nats-pid")]
    pub(crate) pid: Option<u32>,
    /// Subscribers.
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    pub(crate) count: u32,
    /// Sockets being opened at once.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) opening: u32,
    /// Messages published, one after another.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) messages: u32,
    /// Bytes of a message: those of a push frame.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=65_000))]
    pub(crate) bytes: u32,
    /// Seconds to idle before memory is read.
    #[arg(long, default_value_t = 5)]
    pub(crate) idle_s: u64,
}
