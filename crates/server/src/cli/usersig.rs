//! `pushtally usersig`. Needs neither configuration nor server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pushtally_model::{Clock as _, SystemClock};
use pushtally_usersig::{Claims, Request, check, explain, make, validate_identifier};

use super::UsageError;
use super::app::secret;
use crate::terminal::{say, sayln};

const DAY_S: i64 = 86_400;

#[derive(Debug, Subcommand)]
pub(super) enum UsersigCommand {
    /// Make a UserSig and print it.
    Make {
        #[command(flatten)]
        caller: Caller,
        #[command(flatten)]
        key: KeyArgs,
        /// Days it lasts.
        #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u16).range(1..))]
        expire_days: u16,
        /// Text to be signed along as TLS.userbuf.
        #[arg(long, value_name = "TEXT")]
        userbuf: Option<String>,
    },
    /// Check a UserSig as the server does; exit code 1 and the public code if it is refused.
    Check {
        #[command(flatten)]
        caller: Caller,
        #[command(flatten)]
        key: KeyArgs,
        usersig: String,
    },
    /// Take a UserSig apart, layer by layer. What is given is checked, the rest is left out.
    Explain {
        #[arg(long, requires = "identifier")]
        sdkappid: Option<u32>,
        #[arg(long, requires = "sdkappid")]
        identifier: Option<String>,
        #[command(flatten)]
        key: OptionalKeyArgs,
        usersig: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Caller {
    /// The app.
    #[arg(long)]
    sdkappid: u32,
    /// The account (UserID).
    #[arg(long)]
    identifier: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct KeyArgs {
    /// The app's key. Other users of this machine can see it in the process list: prefer --key-file.
    #[arg(long)]
    key: Option<String>,
    /// File whose first line is the app's key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(super) struct OptionalKeyArgs {
    /// The app's key.
    #[arg(long)]
    key: Option<String>,
    /// File whose first line is the app's key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

pub(super) fn run(command: UsersigCommand) -> anyhow::Result<ExitCode> {
    let now_s = SystemClock::default().now_ms().div_euclid(1000);
    match command {
        UsersigCommand::Make {
            caller,
            key,
            expire_days,
            userbuf,
        } => {
            validate_identifier(&caller.identifier)
                .map_err(|error| UsageError(error.to_string()))?;
            let claims = Claims {
                identifier: caller.identifier,
                sdkappid: caller.sdkappid,
                time: now_s,
                expire: i64::from(expire_days) * DAY_S,
                userbuf: userbuf.map(String::into_bytes),
            };
            sayln!("{}", make(&required_key(key)?, &claims));
        }
        UsersigCommand::Check {
            caller,
            key,
            usersig,
        } => {
            let request = Request {
                sdkappid: caller.sdkappid,
                identifier: &caller.identifier,
                now_s,
            };
            match check(&usersig, &[required_key(key)?.as_str()], &request) {
                Ok(claims) => sayln!(
                    "ok, {} seconds left",
                    claims.time.saturating_add(claims.expire) - now_s
                ),
                Err(error) => {
                    sayln!("{} {error}", error.code());
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        UsersigCommand::Explain {
            sdkappid,
            identifier,
            key,
            usersig,
        } => {
            let key = optional_key(key.key, key.key_file)?;
            let keys: Vec<&str> = key.as_deref().into_iter().collect();
            let request = sdkappid.zip(identifier.as_deref());
            let request = request.map(|(sdkappid, identifier)| Request {
                sdkappid,
                identifier,
                now_s,
            });
            let explanation = explain(&usersig, &keys, request.as_ref());
            say!("{explanation}");
            if explanation.fault().is_some() {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn required_key(KeyArgs { key, key_file }: KeyArgs) -> Result<String, UsageError> {
    optional_key(key, key_file)?.ok_or_else(|| UsageError("the key is empty".to_owned()))
}

fn optional_key(
    key: Option<String>,
    key_file: Option<PathBuf>,
) -> Result<Option<String>, UsageError> {
    let key = match (key, key_file) {
        (Some(key), _) => Some(key),
        (None, Some(path)) => Some(secret(&path)?),
        (None, None) => None,
    };
    Ok(key.filter(|key| !key.is_empty()))
}
