//! The devices, each with its fate, and what the ledger must hold of them. Pure but for the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use clap::ValueEnum as _;

use super::fate::{DOWN, Fate, platform, tells};
use super::ledger::Counts;
use crate::args::VendorName;
use crate::random::mix;

/// Devices that further pushes are to: as many accounts as one `batch` may name, and some room.
const LATE_MAX: usize = 400;
/// What they are found by.
pub(super) const LATE_TAG: &str = "late";
/// Of so many pushes that arrive one is clicked.
pub(super) const CLICK_ONE_IN: u64 = 10;
/// A CertId that no account has.
const NO_CERT_ID: u32 = 999;

/// A device.
#[derive(Debug, Clone, Copy)]
struct Member {
    vendor: VendorName,
    fate: Fate,
}

/// All devices.
#[derive(Debug)]
pub(super) struct Crowd {
    members: Vec<Member>,
}

impl Crowd {
    /// So many devices; the same in every run.
    pub(super) fn new(count: u32) -> Self {
        let vendors = VendorName::value_variants();
        let mut late = 0;
        let member = |index: u32| {
            let spread = mix(u64::from(index) + 1);
            let vendor = vendors[spread as usize % vendors.len()];
            let mut fate = Fate::of(vendor, (spread >> 32) % 1_000);
            if fate == Fate::Late {
                late += 1;
                if late > LATE_MAX {
                    fate = Fate::Ordinary;
                }
            }
            Member { vendor, fate }
        };
        Self {
            members: (0..count).map(member).collect(),
        }
    }

    /// What tells these devices from others.
    pub(super) fn describe(&self) -> String {
        format!(
            "{} of all vendors, with scripted losses",
            self.members.len()
        )
    }

    /// Writes them as `pushtally import devices` reads them.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        let mut line = String::new();
        for (index, Member { vendor, fate }) in self.members.iter().enumerate() {
            line.clear();
            let (name, spread) = (vendor.text(), mix(index as u64));
            let _ = write!(line, r#"{{"registration_id":"phone-{index:08}""#);
            if matches!(fate, Fate::Leaver | Fate::Late) {
                let _ = write!(line, r#","account":"user-{index:08}""#);
            }
            if *fate != Fate::NoVendor {
                let _ = write!(line, r#","vendor":"{name}""#);
            }
            if !matches!(fate, Fate::NoToken | Fate::NoVendor) {
                let prefix = fate.prefix();
                let cert_id = match fate {
                    Fate::NoCredentials => format!(r#","cert_id":{NO_CERT_ID}"#),
                    _ => String::new(),
                };
                let _ = write!(
                    line,
                    r#","tokens":[{{"channel":"{name}","token":"{prefix}{spread:016x}{index:08x}{spread:016x}"{cert_id}}}]"#
                );
            }
            writeln!(out, "{line}}}")?;
        }
        out.flush()
    }

    /// The accounts of the devices of this fate.
    pub(super) fn accounts(&self, fate: Fate) -> Vec<String> {
        let members = self.members.iter().enumerate();
        members
            .filter(|(_, member)| member.fate == fate)
            .map(|(index, _)| format!("user-{index:08}"))
            .collect()
    }

    /// How many devices of each vendor have each fate.
    pub(super) fn shares(&self) -> BTreeMap<(VendorName, Fate), u64> {
        let mut shares = BTreeMap::new();
        for member in &self.members {
            *shares.entry((member.vendor, member.fate)).or_default() += 1;
        }
        shares
    }

    /// What the ledger must hold of the push to everybody when nothing moves any more.
    pub(super) fn expected(&self) -> Counts {
        let mut counts = Counts::default();
        let mut arrived: BTreeMap<VendorName, u64> = BTreeMap::new();
        for ((vendor, fate), devices) in self.shares() {
            let at = match fate {
                Fate::NoVendor => 0,
                _ => platform(vendor),
            };
            let end = fate.end(vendor);
            let row = counts.rows.entry((1, at)).or_default();
            row[0] += devices;
            match end.lost_before {
                Some(code) => *counts.before.entry((1, at, code)).or_default() += devices,
                None => row[1] += devices,
            }
            if let Some(code) = end.lost_after {
                *counts.after.entry((1, at, code)).or_default() += devices;
            }
            if end.delivered {
                row[2] += devices;
                *arrived.entry(vendor).or_default() += devices;
            }
        }
        for (vendor, arrived) in arrived {
            if tells(vendor).clicks
                && let Some(row) = counts.rows.get_mut(&(1, platform(vendor)))
            {
                row[3] += arrived / CLICK_ONE_IN;
            }
        }
        counts
    }

    /// What it must hold of a push to the late ones that all end so.
    pub(super) fn expected_of_late(&self, code: i64) -> Counts {
        let devices = self.accounts(Fate::Late).len() as u64;
        let at = platform(DOWN);
        Counts {
            rows: BTreeMap::from([((1, at), [devices, 0, 0, 0])]),
            before: BTreeMap::from([((1, at, code), devices)]),
            after: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_accounts_for_every_device() {
        let crowd = Crowd::new(60_000);
        let counts = crowd.expected();
        let sum = |stage: usize| counts.rows.values().map(|row| row[stage]).sum::<u64>();
        let before: u64 = counts.before.values().sum();
        assert_eq!(sum(0), 60_000);
        assert_eq!(sum(1) + before, 60_000);
        let late = crowd.accounts(Fate::Late).len();
        assert!((100..=LATE_MAX).contains(&late), "{late}");
        assert!(!crowd.accounts(Fate::Leaver).is_empty());
        // Every fate, and with the largest crowd no more than a batch may name.
        let fates: std::collections::BTreeSet<Fate> =
            crowd.members.iter().map(|member| member.fate).collect();
        assert_eq!(fates.len(), 12);
        assert_eq!(Crowd::new(400_000).accounts(Fate::Late).len(), LATE_MAX);
    }
}
