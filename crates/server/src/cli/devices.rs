//! `pushtally devices`.

use anyhow::bail;
use clap::{Args, Subcommand};
use pushtally_http::operations::BrakeRow;
use pushtally_model::{Channel, Clock as _, SystemClock};

use super::moment::{moment, parse_moment};
use crate::acts::{Act, Counted, DevicesState, Done, Meant};
use crate::terminal::sayln;

#[derive(Debug, Subcommand)]
pub(super) enum DevicesCommand {
    /// Show how an app's tokens are: how many, dropped, silent, without an account, and which brakes are on.
    Check {
        /// The SDKAppID.
        sdkappid: u32,
        /// Of this channel only.
        #[arg(long, value_parser = channel)]
        channel: Option<Channel>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give devices back the tokens that were dropped, unless they have said something new since.
    Restore {
        #[command(flatten)]
        tokens: Tokens,
        /// Dropped at this moment or later: a Unix second, `2026-01-31 23:59:59` (UTC), or `90m`, `2h`, `3d` ago.
        #[arg(long, value_name = "MOMENT")]
        since: String,
    },
    /// Have dead tokens dropped again for a day, whatever their share: they are dead indeed.
    Release(Tokens),
}

/// Which tokens.
#[derive(Debug, Args)]
pub(super) struct Tokens {
    /// The SDKAppID.
    sdkappid: u32,
    /// The channel, such as `apns`.
    #[arg(value_parser = channel)]
    channel: Channel,
    /// Of this CertId only.
    #[arg(long, value_name = "CERTID")]
    cert_id: Option<u32>,
}

impl Tokens {
    const fn meant(&self) -> Meant {
        Meant {
            sdkappid: self.sdkappid,
            channel: self.channel as u8,
            cert_id: self.cert_id,
        }
    }
}

fn channel(text: &str) -> Result<Channel, String> {
    let vendors = || {
        let all = Channel::ALL.into_iter();
        all.filter(|channel| !matches!(channel, Channel::Unknown | Channel::Online))
    };
    vendors()
        .find(|channel| channel.name() == text)
        .ok_or_else(|| {
            let names: Vec<&str> = vendors().map(Channel::name).collect();
            format!("must be one of {}", names.join(", "))
        })
}

pub(super) fn run(
    command: DevicesCommand,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    match command {
        DevicesCommand::Check {
            sdkappid,
            channel,
            json,
        } => {
            let act = Act::DevicesCheck {
                sdkappid,
                channel: channel.map(|channel| channel as u8),
            };
            if let Done::DevicesChecked(state) = perform(act)? {
                if json {
                    sayln!("{}", serde_json::to_string(&state)?);
                } else {
                    show(&state);
                }
            }
        }
        DevicesCommand::Restore { tokens, since } => {
            let now = SystemClock::default().now().0;
            let Some(since) = parse_moment(&since, now) else {
                bail!(super::UsageError(format!(
                    "`--since` must be a Unix second, `2026-01-31 23:59:59`, or `90m`, `2h`, `3d` ago, not `{since}`"
                )));
            };
            let meant = tokens.meant();
            if let Done::TokensRestored { tokens } = perform(Act::DevicesRestore { meant, since })?
            {
                sayln!(
                    "{tokens} tokens given back, of those dropped since {}",
                    moment(since)
                );
            }
        }
        DevicesCommand::Release(tokens) => {
            let meant = tokens.meant();
            if let Done::BrakesReleased { brakes } = perform(Act::DevicesRelease { meant })? {
                sayln!("{brakes} brakes released");
            }
        }
    }
    Ok(())
}

fn show(state: &DevicesState) {
    sayln!("devices            {}", state.devices);
    sayln!("without a token    {}", state.without_token);
    sayln!("only dropped ones  {}", state.dropped);
    sayln!();
    sayln!(
        "{:<8} {:<13} {:>10} {:<7} {:>10} {:>10} {:>10} {:>10} last dropped (UTC)",
        "channel",
        "kind",
        "certid",
        "account",
        "tokens",
        "silent 30d",
        "silent 90d",
        "dropped"
    );
    for row in &state.lines {
        let account = match row.has_account {
            Some(true) => "yes",
            Some(false) => "none",
            None => "?",
        };
        let cert_id = row.cert_id.to_string();
        line(&row.channel, &row.kind, &cert_id, account, &row.counted);
    }
    let others = &state.others;
    if others.tokens + others.dropped > 0 {
        line("others", "", "", "", others);
    }
    sayln!();
    match state.brakes.as_deref() {
        None => sayln!("no server runs: nothing is known of brakes and accounts"),
        Some([]) => sayln!("no brake is on"),
        Some(brakes) => brakes.iter().for_each(brake),
    }
}

fn line(channel: &str, kind: &str, cert_id: &str, account: &str, counted: &Counted) {
    let Counted {
        tokens,
        silent_30_days,
        silent_90_days,
        dropped,
        dropped_last,
    } = *counted;
    let last = match dropped_last {
        0 => String::new(),
        last => moment(last),
    };
    sayln!(
        "{channel:<8} {kind:<13} {cert_id:>10} {account:<7} {tokens:>10} {silent_30_days:>10} {silent_90_days:>10} {dropped:>10} {last}"
    );
}

fn brake(row: &BrakeRow) {
    let since = u32::try_from(row.since_ms / 1000).unwrap_or(u32::MAX);
    let BrakeRow {
        channel,
        cert_id,
        live,
        gone,
        ..
    } = row;
    sayln!(
        "brake on: {channel}, CertId {cert_id}, since {} (UTC); since then {gone} dead, {live} live in ten minutes",
        moment(since)
    );
}
