//! `pushtally app`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::UsageError;
use crate::acts::{Act, AppRow, Done, NewApp, NewToken};
use crate::config::read_secret_file;
use crate::terminal::{say, sayln};

#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Make an app. What is generated is printed this once.
    Add(AddArgs),
    /// List apps, without their keys.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add a new newest key; UserSigs of the old ones stay valid until they are dropped.
    RotateKey {
        /// The SDKAppID.
        sdkappid: u32,
        /// Make no key, but drop all except the newest.
        #[arg(long)]
        drop_old: bool,
    },
    /// Make a new client key; copies of the app that carry the one before register no new phone.
    RotateClientKey {
        /// The SDKAppID.
        sdkappid: u32,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// A UserID that may call the server API; repeat for several. Default: administrator.
    #[arg(long, value_name = "USERID")]
    admin: Vec<String>,
    /// File with the key the app has already; without it one is generated.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Generate a token that proves webhook calls.
    #[arg(long)]
    callback_token: bool,
    /// File with the callback token the app has already.
    #[arg(long, value_name = "FILE", conflicts_with = "callback_token")]
    callback_token_file: Option<PathBuf>,
    /// Generate the key that every copy of the app shows to register a phone.
    #[arg(long)]
    generate_client_key: bool,
    /// File with the client key that copies of the app carry already.
    #[arg(long, value_name = "FILE", conflicts_with = "generate_client_key")]
    client_key_file: Option<PathBuf>,
    /// URL that every accepted webhook call is passed on to.
    #[arg(long, value_name = "URL")]
    relay_to: Option<String>,
}

pub(super) fn run(
    command: AppCommand,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    match command {
        AppCommand::Add(arguments) => {
            let sdkappid = arguments.sdkappid;
            if let Done::AppAdded {
                administrators,
                key,
                callback_token,
                client_key,
            } = perform(Act::AppAdd(arguments.into_app()?))?
            {
                sayln!(
                    "app {sdkappid} added, administrators: {}",
                    administrators.join(", ")
                );
                show_once("key", key.as_deref());
                show_once("callback token", callback_token.as_deref());
                show_once("client key", client_key.as_deref());
            }
        }
        AppCommand::List { json } => {
            if let Done::Apps { apps } = perform(Act::AppList)? {
                if json {
                    sayln!("{}", serde_json::to_string(&apps)?);
                } else {
                    say!("{}", table(&apps));
                }
            }
        }
        AppCommand::RotateKey {
            sdkappid,
            drop_old: false,
        } => {
            if let Done::KeyRotated { key, keys } = perform(Act::AppRotateKey { sdkappid })? {
                sayln!("app {sdkappid} has {keys} keys now");
                show_once("key", Some(&key));
            }
        }
        AppCommand::RotateKey {
            sdkappid,
            drop_old: true,
        } => {
            if let Done::OldKeysDropped { dropped } = perform(Act::AppDropOldKeys { sdkappid })? {
                sayln!("{dropped} old keys of app {sdkappid} dropped");
            }
        }
        AppCommand::RotateClientKey { sdkappid } => {
            if let Done::ClientKeyRotated {
                client_key,
                replaced,
            } = perform(Act::AppRotateClientKey { sdkappid })?
            {
                let before = if replaced {
                    ", the one before is good no more"
                } else {
                    ""
                };
                sayln!("app {sdkappid} has a new client key{before}");
                show_once("client key", Some(&client_key));
            }
        }
    }
    Ok(())
}

impl AddArgs {
    fn into_app(self) -> anyhow::Result<NewApp> {
        let callback_token = token(self.callback_token_file.as_deref(), self.callback_token)?;
        let client_key = token(self.client_key_file.as_deref(), self.generate_client_key)?;
        let key = self.key_file.as_deref().map(secret).transpose()?;
        let (administrators, relay_to) = (self.admin, self.relay_to);
        Ok(NewApp {
            sdkappid: self.sdkappid,
            administrators,
            key,
            callback_token,
            client_key,
            relay_to,
        })
    }
}

fn token(file: Option<&Path>, generate: bool) -> Result<NewToken, UsageError> {
    Ok(match file {
        Some(path) => NewToken::Given(secret(path)?),
        None if generate => NewToken::Generated,
        None => NewToken::None,
    })
}

/// The first secret of a file.
pub(super) fn secret(path: &Path) -> Result<String, UsageError> {
    let secrets = read_secret_file(path).map_err(UsageError)?;
    Ok(secrets
        .first()
        .map(|secret| secret.expose().to_owned())
        .unwrap_or_default())
}

fn show_once(what: &str, secret: Option<&str>) {
    if let Some(secret) = secret {
        sayln!("{what}: {secret}");
        sayln!("  keep it now, it is not shown again");
    }
}

fn table(apps: &[AppRow]) -> String {
    let mut lines = vec![format!(
        "{:<11} {:<4} {:<5} {:<6} {:<7} {:<6} {:<24} administrators",
        "sdkappid", "on", "keys", "token", "clients", "relay", "owned by"
    )];
    let yes = |flag| if flag { "yes" } else { "no" };
    lines.extend(apps.iter().map(|app| {
        let owner = app.declared_at.as_deref().unwrap_or("the store");
        let AppRow { sdkappid, keys, .. } = app;
        let (on, token, clients, relay) = (
            yes(app.enabled),
            yes(app.has_callback_token),
            yes(app.has_client_key),
            yes(app.has_relay),
        );
        let administrators = app.administrators.join(", ");
        format!(
            "{sdkappid:<11} {on:<4} {keys:<5} {token:<6} {clients:<7} {relay:<6} {owner:<24} {administrators}"
        )
    }));
    lines.push(String::new());
    lines.join("\n")
}
