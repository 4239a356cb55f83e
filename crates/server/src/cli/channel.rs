//! `pushtally channel`.

use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use pushtally_model::{AppId, Channel, Entropy as _, SystemEntropy};

use super::UsageError;
use crate::acts::{Act, ChannelRow, Done, Trial, TrialStep};
use crate::channels::{ChannelId, KEY_LEN};
use crate::config::{CERT_ID_DEFAULT, ChannelSettings, read_given_channel};
use crate::terminal::{say, sayln};

/// A file with one account is its credentials and a few lines; anything larger is the wrong file.
const FILE_LEN_MAX: u64 = 128 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Give an app an account with a vendor, in place of the one with the same CertId. In use at once.
    Set(SetArgs),
    /// List accounts, those of the configuration too, without their secrets.
    List {
        /// The SDKAppID; without it all apps'.
        sdkappid: Option<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take an account away: pushes through it are then lost as `certificate id not set`.
    Remove(WhichArgs),
    /// Send one real notification and explain each step; exit code 1 if the vendor did not take it. Counts in no statistics.
    Test(TestArgs),
    /// Make a key that accounts are kept encrypted under.
    NewKey {
        /// A new file, which only its owner may read; without it the key is printed.
        file: Option<PathBuf>,
    },
    /// Encrypt all stored accounts anew, under the newest key of `storage.credentials_key_file`.
    Rekey,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// apns, xiaomi, huawei, harmony, fcm, meizu, oppo, vivo or honor.
    #[arg(value_parser = vendor)]
    channel: Channel,
    /// TOML or JSON with the keys of `[[app.channel]]`; `-` is standard input.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct WhichArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// apns, xiaomi, huawei, harmony, fcm, meizu, oppo, vivo or honor.
    #[arg(value_parser = vendor)]
    channel: Channel,
    /// Which of the app's accounts with that vendor.
    #[arg(long, value_name = "N", default_value_t = CERT_ID_DEFAULT)]
    cert_id: u32,
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// apns, xiaomi, huawei, harmony, fcm, meizu, oppo, vivo or honor.
    #[arg(value_parser = vendor)]
    channel: Channel,
    /// The phone's token, as its app registered it.
    token: String,
    /// Which of the app's accounts with that vendor; default: its only one.
    #[arg(long, value_name = "N")]
    cert_id: Option<u32>,
    /// What the notification shows.
    #[arg(long, default_value = "Pushtally")]
    title: String,
    /// What it says.
    #[arg(long, default_value = "This is a test.")]
    desc: String,
    /// The token is of an app under development (APNs).
    #[arg(long)]
    sandbox: bool,
}

impl TestArgs {
    fn into_trial(self) -> Trial {
        let Self {
            sdkappid,
            channel,
            token,
            cert_id,
            title,
            desc,
            sandbox,
        } = self;
        Trial {
            sdkappid,
            channel,
            cert_id,
            token,
            title,
            desc,
            sandbox,
        }
    }
}

impl WhichArgs {
    const fn id(&self) -> ChannelId {
        ChannelId {
            app: AppId(self.sdkappid),
            channel: self.channel,
            cert_id: self.cert_id,
        }
    }
}

fn vendor(name: &str) -> Result<Channel, String> {
    Channel::vendor(name).ok_or_else(|| {
        let names = Channel::VENDORS.map(Channel::name).join(", ");
        format!("one of {names}")
    })
}

pub(super) fn run(
    command: ChannelCommand,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<ExitCode> {
    match command {
        ChannelCommand::Set(arguments) => {
            let (settings, notes) = read(&arguments)?;
            for text in notes {
                note(&text);
            }
            let sdkappid = arguments.sdkappid;
            if let Done::ChannelSet { id, replaced } =
                perform(Act::ChannelSet { sdkappid, settings })?
            {
                let done = if replaced { "replaced" } else { "set" };
                sayln!("{id} is {done}");
            }
        }
        ChannelCommand::List { sdkappid, json } => {
            if let Done::Channels { channels } = perform(Act::ChannelList { sdkappid })? {
                if json {
                    sayln!("{}", serde_json::to_string_pretty(&channels)?);
                } else {
                    say!("{}", table(&channels));
                }
            }
        }
        ChannelCommand::Remove(which) => {
            let id = which.id();
            perform(Act::ChannelRemove(id))?;
            sayln!("{id} is removed");
        }
        ChannelCommand::Test(arguments) => {
            let trial = Act::ChannelTry(arguments.into_trial());
            if let Done::ChannelTried { steps, accepted } = perform(trial)? {
                for TrialStep { what, next } in &steps {
                    sayln!("{what}");
                    if !next.is_empty() {
                        sayln!("  next: {next}");
                    }
                }
                if !accepted {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        ChannelCommand::NewKey { file } => new_key(file.as_deref())?,
        ChannelCommand::Rekey => {
            if let Done::ChannelsRekeyed {
                sealed_again,
                newest_already,
                closed,
            } = perform(Act::ChannelRekey)?
            {
                sayln!(
                    "{sealed_again} accounts encrypted anew, {newest_already} were under the newest key already"
                );
                for one in &closed {
                    note(&format!("not opened: {one}"));
                }
                if !closed.is_empty() {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads here, where the caller's files are, what the server is then given whole.
fn read(arguments: &SetArgs) -> anyhow::Result<(ChannelSettings, Vec<String>)> {
    let file = &arguments.file;
    let (path, text) = if file.as_os_str() == "-" {
        (Path::new("standard input"), read_bounded(std::io::stdin()))
    } else {
        (file.as_path(), fs::File::open(file).and_then(read_bounded))
    };
    let text = text.with_context(|| format!("`{}` cannot be read", path.display()))?;
    if text.len() as u64 > FILE_LEN_MAX {
        let told = format!("{} has more than {FILE_LEN_MAX} bytes", path.display());
        return Err(UsageError(told).into());
    }
    Ok(read_given_channel(path, &text, arguments.channel)?)
}

/// At most a byte more than is allowed, which tells that it is too long.
fn read_bounded(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(FILE_LEN_MAX + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Advice, and what was left undone: to standard error, which may be closed.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn new_key(file: Option<&Path>) -> anyhow::Result<()> {
    let mut bytes = [0; KEY_LEN];
    let filled = SystemEntropy.fill(&mut bytes);
    filled.context("the system has no randomness to give")?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let Some(file) = file else {
        sayln!("{key}");
        return Ok(());
    };
    let mut options = fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    let mut made = match opened {
        Ok(made) => made,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!(
                "`{}` is there already: a key that is overwritten opens nothing any more",
                file.display()
            )
        }
        Err(error) => {
            return Err(error).with_context(|| format!("`{}` cannot be made", file.display()));
        }
    };
    writeln!(made, "{key}")
        .and_then(|()| made.sync_all())
        .with_context(|| format!("`{}` cannot be written", file.display()))?;
    sayln!("{} holds a new key", file.display());
    sayln!(
        "  name it as storage.credentials_key_file and restart the server; keep a copy of it away from the backups"
    );
    Ok(())
}

fn table(channels: &[ChannelRow]) -> String {
    let mut lines = vec![format!(
        "{:<11} {:<8} {:<10} {:<32} {:<11} {:<24} state",
        "sdkappid", "channel", "cert_id", "app", "environment", "owned by"
    )];
    lines.extend(channels.iter().map(|row| {
        let ChannelId {
            app,
            channel,
            cert_id,
        } = row.id;
        let (names, environment) = (or_dash(&row.names), or_dash(&row.environment));
        let owner = row.declared_at.as_deref().unwrap_or("the store");
        let state = row.closed.as_deref().unwrap_or("ok");
        let (app, channel) = (app.0, channel.name());
        format!(
            "{app:<11} {channel:<8} {cert_id:<10} {names:<32} {environment:<11} {owner:<24} {state}"
        )
    }));
    lines.push(String::new());
    lines.join("\n")
}

const fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
