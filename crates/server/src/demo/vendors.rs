//! The demo's vendors: simulators of all nine, what they saw, and the configuration that knows them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use pushtally_model::{Channel, Entropy, SystemEntropy};
use pushtally_sim::vendor::{Fleet, MessageCounts, ServiceSettings};

use super::compare::Row;

/// The vendors, with their numbers on the wire, where HarmonyOS NEXT is Huawei.
pub(super) const VENDORS: [(Channel, u8); 9] = [
    (Channel::Apns, 1),
    (Channel::Xiaomi, 2),
    (Channel::Huawei, 3),
    (Channel::Harmony, 3),
    (Channel::Fcm, 4),
    (Channel::Meizu, 5),
    (Channel::Oppo, 6),
    (Channel::Vivo, 7),
    (Channel::Honor, 8),
];

/// How long after it was taken a push arrives on a phone.
const DELAY: Duration = Duration::from_millis(150);
/// Of so many that arrive one is clicked.
const CLICK_ONE_IN: u64 = 6;
/// Of so many receipts one comes twice.
const REPEAT_ONE_IN: u64 = 3;
/// Bytes of a key; it has twice as many digits.
const KEY_LEN: usize = 16;

/// The vendors, running.
pub(super) struct Vendors(Fleet);

impl Vendors {
    /// Starts them, and writes a configuration into the folder: of an app that has an account with each.
    pub(super) async fn start(
        dir: &Path,
        data: &Path,
        port: u16,
    ) -> anyhow::Result<(Self, PathBuf)> {
        // The vendors must know where the server will be.
        let port = match port {
            0 => free_port()?,
            port => port,
        };
        let app = super::APP;
        let url = format!("http://127.0.0.1:{port}");
        let keys: [String; 4] = [key()?, key()?, key()?, key()?];
        let [_, _, _, receipts_key] = &keys;
        let fleet = Fleet::start(|name| ServiceSettings {
            delay: DELAY,
            click_one_in: CLICK_ONE_IN,
            repeat_one_in: REPEAT_ONE_IN,
            receipts_url: format!("{url}/v3/offline_push_report/{name}/{app}/{receipts_key}"),
            ..ServiceSettings::default()
        });
        let fleet = fleet.await.context("the vendors cannot be started")?;
        let dir = dir.join("vendors");
        fs::create_dir_all(&dir)?;
        let data = std::path::absolute(data)?;
        let mut config = format!(
            "# Written by the demo, anew each time.\n\
             [storage]\nurl = {storage:?}\n\
             [outgoing]\nallow_private = true\n[listen]\npublic = \"127.0.0.1:{port}\"\noperator = \"127.0.0.1:0\"\npublic_url = \"{url}\"\n\
             [log]\nlevel = \"warn\"\n\
             # All phones register from the loopback's one address.\n\
             [limits]\nregistrations_per_address = 0\n\
             [[app]]\nsdkappid = {app}\n",
            storage = format!("local:{}", data.display()),
        );
        for (name, key) in ["key", "callback_token", "client_key", "receipts_key"]
            .iter()
            .zip(&keys)
        {
            secret(&dir.join(name), key)?;
            writeln!(config, "{name}_file = \"{name}\"")?;
        }
        config.push('\n');
        config += &fleet.write(&dir, "")?;
        let path = dir.join("pushtally.toml");
        fs::write(&path, config)?;
        Ok((Self(fleet), path))
    }

    /// What a vendor saw of the push with this title.
    pub(super) fn saw(&self, channel: Channel, title: &str) -> MessageCounts {
        let vendor = self.0.vendors.get(channel.name());
        let messages = vendor.map(|vendor| vendor.service.messages());
        let counts = messages.and_then(|messages| messages.get(title).copied());
        counts.unwrap_or_default()
    }

    /// What all of them together took, and reported as delivered and as clicked.
    pub(super) fn saw_in_all(&self, title: &str) -> Row {
        let mut sum = Row::default();
        for (channel, _) in VENDORS {
            let counts = self.saw(channel, title);
            let row = [
                0,
                counts.taken - counts.repeats,
                counts.delivered,
                counts.clicked,
            ];
            sum = std::array::from_fn(|at| sum[at] + row[at]);
        }
        sum
    }

    /// Whether everything that was taken was reported by those who report.
    pub(super) fn have_reported(&self, title: &str) -> bool {
        VENDORS.iter().all(|(channel, _)| {
            let counts = self.saw(*channel, title);
            !reports(*channel) || counts.delivered == counts.taken - counts.repeats
        })
    }

    /// Receipts that nobody took.
    pub(super) fn refused_receipts(&self) -> u64 {
        let vendors = self.0.vendors.values();
        vendors
            .map(|vendor| vendor.service.counts().refused_receipts)
            .sum()
    }
}

/// Whether a vendor reports deliveries at all: of APNs and FCM only the app could.
pub(super) const fn reports(channel: Channel) -> bool {
    !matches!(channel, Channel::Apns | Channel::Fcm)
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

fn key() -> anyhow::Result<String> {
    let mut bytes = [0; KEY_LEN];
    SystemEntropy.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    Ok(options.open(path)?.write_all(text.as_bytes())?)
}
