//! `pushtally webhook`.

use clap::{Args, Subcommand};

use super::UsageError;
use super::moment::moment;
use crate::acts::{Act, Done, NewWebhook, WebhookRow};
use crate::config::WEBHOOK_CALLS_PER_SECOND_MAX;
use crate::terminal::sayln;

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Show how the webhooks of all apps stand.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what was not sent in time.
    Dead {
        /// Of this app only.
        sdkappid: Option<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send dead letters after all, as far as the log still has their events.
    Replay {
        /// The SDKAppID.
        sdkappid: u32,
        /// Which one, as `dead` lists it; default: all of the app.
        letter: Option<u64>,
    },
    /// Have an app's events sent, from now on or from where it stopped.
    Set(SetArgs),
    /// Have an app's events sent no more.
    Remove {
        /// The SDKAppID.
        sdkappid: u32,
    },
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// URL of the receiver.
    url: String,
    /// Send only this command: `Push.AllMemberPush` or `Push.OfflinePush`. Default: both.
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// Calls a second.
    #[arg(long, value_name = "CALLS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(WEBHOOK_CALLS_PER_SECOND_MAX)))]
    calls_per_second: u32,
}

pub(super) fn run(
    command: WebhookCommand,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    match command {
        WebhookCommand::List { json } => list(json, &rows(perform)?, show_standing)?,
        WebhookCommand::Dead { sdkappid, json } => {
            let mut rows = rows(perform)?;
            rows.retain(|row| sdkappid.is_none_or(|id| id == row.sdkappid));
            rows.retain(|row| !row.letters.is_empty());
            list(json, &rows, show_dead)?;
        }
        WebhookCommand::Replay { sdkappid, letter } => {
            let act = Act::WebhookReplay {
                sdkappid,
                id: letter,
            };
            if let Done::WebhookReplays { letters } = perform(act)? {
                sayln!("{letters} dead letters of app {sdkappid} are sent after all");
            }
        }
        WebhookCommand::Set(arguments) => {
            let sdkappid = arguments.sdkappid;
            let webhook = Some(arguments.into_webhook()?);
            perform(Act::WebhookSet { sdkappid, webhook })?;
            sayln!("events of app {sdkappid} are sent");
        }
        WebhookCommand::Remove { sdkappid } => {
            perform(Act::WebhookSet {
                sdkappid,
                webhook: None,
            })?;
            sayln!("events of app {sdkappid} are sent no more");
        }
    }
    Ok(())
}

fn rows(perform: impl Fn(Act) -> anyhow::Result<Done>) -> anyhow::Result<Vec<WebhookRow>> {
    match perform(Act::WebhookList)? {
        Done::Webhooks { webhooks } => Ok(webhooks),
        _ => Ok(Vec::new()),
    }
}

fn list(json: bool, rows: &[WebhookRow], show: fn(&[WebhookRow])) -> anyhow::Result<()> {
    if json {
        sayln!("{}", serde_json::to_string(rows)?);
    } else {
        show(rows);
    }
    Ok(())
}

fn show_standing(rows: &[WebhookRow]) {
    sayln!(
        "{:<11} {:<4} {:>12} {:>10} {:>10} {:>10} {:>8} {:>13}",
        "sdkappid",
        "on",
        "sent",
        "calls",
        "failed",
        "nameless",
        "lag s",
        "dead letters"
    );
    for row in rows {
        let on = match (row.on, row.done.as_ref().is_some_and(|done| done.failing)) {
            (false, _) => "no",
            (true, true) => "fails",
            (true, false) => "yes",
        };
        let numbers = match &row.done {
            Some(done) => [
                done.sent.to_string(),
                done.calls.to_string(),
                done.failed.to_string(),
                done.nameless.to_string(),
                done.lag_s.to_string(),
            ],
            None => ["-", "-", "-", "-", "-"].map(str::to_owned),
        };
        let [sent, calls, failed, nameless, lag_s] = numbers;
        sayln!(
            "{:<11} {on:<4} {sent:>12} {calls:>10} {failed:>10} {nameless:>10} {lag_s:>8} {:>13}",
            row.sdkappid,
            row.letters.len()
        );
    }
}

fn show_dead(rows: &[WebhookRow]) {
    sayln!(
        "{:<11} {:>6} {:>10} {:<20} {:>20} {:>20} why",
        "sdkappid",
        "letter",
        "events",
        "given up",
        "after",
        "to"
    );
    for row in rows {
        for letter in &row.letters {
            let events = letter
                .events
                .map_or("?".to_owned(), |events| events.to_string());
            let (at, sent) = (
                moment(letter.at),
                if letter.replaying { ", being sent" } else { "" },
            );
            sayln!(
                "{:<11} {:>6} {events:>10} {at:<20} {:>20} {:>20} {}{sent}",
                row.sdkappid,
                letter.id,
                letter.after,
                letter.to,
                letter.why
            );
        }
    }
}

impl SetArgs {
    fn into_webhook(self) -> Result<NewWebhook, UsageError> {
        let (push, message) = match self.command.as_deref() {
            None => (true, true),
            Some("Push.AllMemberPush") => (true, false),
            Some("Push.OfflinePush") => (false, true),
            Some(other) => {
                return Err(UsageError(format!(
                    "`--command` must be `Push.AllMemberPush` or `Push.OfflinePush`, not `{other}`"
                )));
            }
        };
        Ok(NewWebhook {
            url: self.url,
            push,
            message,
            calls_per_second: self.calls_per_second,
        })
    }
}
