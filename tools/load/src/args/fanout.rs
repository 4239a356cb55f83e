//! The command line of `fanout`.

use clap::{Args, ValueEnum};

/// What is measured; without any of these flags, the fan-out itself.
#[derive(Debug, Clone, Args)]
pub(crate) struct FanoutArgs {
    /// Devices to register.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(9..=20_000_000))]
    pub(crate) devices: u32,
    /// The vendor of all of them; `--bad-day` takes all nine.
    #[arg(long, value_enum, default_value_t = VendorName::Xiaomi)]
    pub(crate) vendor: VendorName,
    /// A broadcast at the account's `--rate` while a `batch` of one is sent every 200 ms: how long each takes to arrive.
    #[arg(long, group = "mode")]
    pub(crate) urgent: bool,
    /// Peak memory of a broadcast to all with the vendor slowed to `--rate`, beside that of one to `--few`.
    #[arg(long, group = "mode")]
    pub(crate) memory: bool,
    /// All vendors, bad and hasty tokens, an outage, an expired credential, SIGKILL: whether every device is accounted for.
    #[arg(long, group = "mode")]
    pub(crate) bad_day: bool,
    /// With `--urgent` devices a second that the account may be sent, with `--memory` that the vendor takes.
    #[arg(long, default_value_t = 35_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// With `--memory`, the devices of the small broadcast.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) few: u32,
    /// With `--bad-day`, seconds of the outage.
    #[arg(long, default_value_t = 30)]
    pub(crate) down_s: u32,
    /// With `--bad-day`, the server is killed when this share of the devices, in percent, has ended.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u8).range(0..=99))]
    pub(crate) kill_at: u8,
    /// Calls at once of each account: `calls_max` of the configuration.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) calls: u32,
    /// Seconds that a push may take before the run is given up.
    #[arg(long, default_value_t = 600)]
    pub(crate) patience_s: u64,
}

/// A vendor, as configuration and simulators call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum VendorName {
    Apns,
    Xiaomi,
    Huawei,
    Harmony,
    Fcm,
    Meizu,
    Oppo,
    Vivo,
    Honor,
}

impl VendorName {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Xiaomi => "xiaomi",
            Self::Huawei => "huawei",
            Self::Harmony => "harmony",
            Self::Fcm => "fcm",
            Self::Meizu => "meizu",
            Self::Oppo => "oppo",
            Self::Vivo => "vivo",
            Self::Honor => "honor",
        }
    }
}
