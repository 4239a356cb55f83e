//! The devices that are pushed to: whose they are, and what their tokens ask the simulators to do. Pure but for the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use clap::ValueEnum as _;

use crate::args::VendorName;

/// In a hundred devices of a bad day, so many have tokens that reach nobody, and so many are too fast the first time.
const GONE_PERCENT: u64 = 5;
const RATE_PERCENT: u64 = 1;

/// A number of devices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Devices {
    pub(super) count: u32,
    /// The vendor of all; `None` spreads them over all nine, bad tokens among them.
    pub(super) vendor: Option<VendorName>,
}

/// What a token asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    Gone,
    Rate,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Ordinary => "",
            Self::Gone => "gone-",
            Self::Rate => "rate-",
        }
    }
}

/// How many devices a vendor has, and how many of them have dead tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) devices: u64,
    pub(super) gone: u64,
}

impl Devices {
    /// What each vendor has.
    pub(super) fn shares(self) -> BTreeMap<VendorName, Share> {
        let mut shares: BTreeMap<VendorName, Share> = BTreeMap::new();
        for index in 0..self.count {
            let share = shares.entry(self.vendor_of(index)).or_default();
            share.devices += 1;
            share.gone += u64::from(self.kind_of(index) == Kind::Gone);
        }
        shares
    }

    /// The RegistrationID of one.
    pub(super) fn name(index: u32) -> String {
        format!("phone-{index:08}")
    }

    /// Writes them as `pushtally import devices` reads them.
    pub(super) fn write(self, path: &Path) -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        for index in 0..self.count {
            let (name, vendor) = (Self::name(index), self.vendor_of(index).text());
            let (prefix, spread) = (self.kind_of(index).prefix(), spread(index));
            let token = format!("{prefix}{spread:016x}{index:08x}{spread:016x}");
            writeln!(
                out,
                r#"{{"registration_id":"{name}","tokens":[{{"channel":"{vendor}","token":"{token}"}}]}}"#
            )?;
        }
        out.flush()
    }

    /// What tells these devices from others.
    pub(super) fn describe(self) -> String {
        let vendor = self.vendor.map_or("all", VendorName::text);
        format!("{} of {vendor}", self.count)
    }

    fn vendor_of(self, index: u32) -> VendorName {
        let all = VendorName::value_variants();
        let at = spread(index) as usize % all.len();
        self.vendor
            .or_else(|| all.get(at).copied())
            .unwrap_or(VendorName::Apns)
    }

    fn kind_of(self, index: u32) -> Kind {
        if self.vendor.is_some() {
            return Kind::Ordinary;
        }
        match (spread(index) >> 32) % 100 {
            part if part < GONE_PERCENT => Kind::Gone,
            part if part < GONE_PERCENT + RATE_PERCENT => Kind::Rate,
            _ => Kind::Ordinary,
        }
    }
}

/// A number that looks like chance and is the same in every run (SplitMix64).
fn spread(index: u32) -> u64 {
    let mut mixed = (u64::from(index) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_day_has_all_vendors_and_few_bad_tokens_of_each() {
        let devices = Devices {
            count: 90_000,
            vendor: None,
        };
        let shares = devices.shares();
        assert_eq!(shares.len(), 9);
        for (vendor, share) in &shares {
            assert!(
                (9_500..10_500).contains(&share.devices),
                "{vendor:?} {share:?}"
            );
            assert!((400..600).contains(&share.gone), "{vendor:?} {share:?}");
        }
        let rate = (0..90_000).filter(|index| devices.kind_of(*index) == Kind::Rate);
        assert!((800..1_000).contains(&rate.count()));
        let all: u64 = shares.values().map(|share| share.devices).sum();
        assert_eq!(all, 90_000);
    }

    #[test]
    fn devices_of_one_vendor_are_all_good() {
        let devices = Devices {
            count: 1_000,
            vendor: Some(VendorName::Oppo),
        };
        let share = Share {
            devices: 1_000,
            gone: 0,
        };
        assert_eq!(
            devices.shares(),
            BTreeMap::from([(VendorName::Oppo, share)])
        );
    }
}
