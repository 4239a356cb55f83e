//! The command line of `losses`.

use clap::Args;

/// How many devices, and how closely is looked.
#[derive(Debug, Clone, Args)]
pub(crate) struct LossesArgs {
    /// Devices to register, over all nine vendors.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=20_000_000))]
    pub(crate) devices: u32,
    /// Random windows to add up.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) windows: u32,
    /// Draws the same windows again; default: from the clock, printed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Calls at once of each account: `calls_max` of the configuration.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) calls: u32,
    /// Seconds that a push, and then the receipts of it, may take before the run is given up.
    #[arg(long, default_value_t = 600)]
    pub(crate) patience_s: u64,
}
