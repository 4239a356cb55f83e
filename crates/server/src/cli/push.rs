//! `pushtally push`.

use clap::Args;
use pushtally_http::operations::{Order, UnknownRule};

use crate::acts::{Act, Done};
use crate::terminal::sayln;

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// The notification's title.
    #[arg(long, default_value_t)]
    title: String,
    /// The notification's text.
    #[arg(long, default_value_t)]
    desc: String,
    /// What is passed through to the app.
    #[arg(long, default_value_t)]
    ext: String,
    /// An account or RegistrationID; repeat for several. Without it the push goes to everyone.
    #[arg(long, value_name = "ACCOUNT")]
    to: Vec<String>,
    /// To connected devices only.
    #[arg(long)]
    online_only: bool,
    /// How long it may take, in seconds, 1 to 604800; default: the app's setting.
    #[arg(long, value_name = "S")]
    life_time: Option<u32>,
    /// When nobody knows whether a device was sent to: repeat (at least once) or skip (at most once); default: the app's
    /// setting.
    #[arg(long, value_name = "repeat|skip", value_parser = unknown_rule)]
    on_unknown: Option<UnknownRule>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn unknown_rule(text: &str) -> Result<UnknownRule, String> {
    match text {
        "repeat" => Ok(UnknownRule::Repeat),
        "skip" => Ok(UnknownRule::Skip),
        _ => Err("it must be repeat or skip".to_owned()),
    }
}

pub(super) fn run(
    arguments: PushArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let PushArgs {
        sdkappid,
        title,
        desc,
        ext,
        to,
        online_only,
        life_time,
        on_unknown,
        json,
    } = arguments;
    let order = Order {
        title,
        desc,
        ext,
        to: (!to.is_empty()).then_some(to),
        online_only,
        life_time_s: life_time,
        on_unknown,
    };
    if let Done::Pushed { ordered, waits } = perform(Act::Push { sdkappid, order })? {
        if json {
            sayln!("{}", serde_json::to_string(&ordered)?);
            return Ok(());
        }
        sayln!("task {}", ordered.task.id);
        for name in &ordered.unknown {
            sayln!("  no such account: {}", name.escape_debug());
        }
        if waits {
            sayln!(
                "  no server runs: it is stored and goes out when one starts, before its deadline"
            );
        }
    }
    Ok(())
}
