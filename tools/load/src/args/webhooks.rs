//! The command line of `webhooks`.

use clap::Args;

use super::ShapeArgs;

/// What is taken in, and what is sent out meanwhile.
#[derive(Debug, Args)]
pub(crate) struct WebhooksArgs {
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
    /// Seconds of intake at full speed with each receiver.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=600))]
    pub(crate) seconds: u64,
    /// Phones without a token: each of them is an event to send out, of each push.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) phones: u32,
    /// Pushes to all of them during the intake, spread over it.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) pushes: u32,
    /// Seconds in which all events must have arrived after the intake, at a receiver that works again.
    #[arg(long, default_value_t = 300)]
    pub(crate) patience_s: u64,
}
