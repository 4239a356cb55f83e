//! `pushtally forget` and `pushtally forgotten`.

use clap::Args;
use pushtally_http::operations::{ErasedRow, ForgetReport, ForgettingPage, ForgettingRow};

use super::moment;
use crate::acts::{Act, Done, Listing};
use crate::terminal::sayln;

/// Whom to forget.
#[derive(Debug, Args)]
pub(super) struct ForgetArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// The accounts, 1 to 100.
    #[arg(required = true, num_args = 1..=100)]
    accounts: Vec<String>,
    /// Erase everything now, and wait for it. Else a running server does it within `storage.forget_within_s`.
    #[arg(long)]
    now: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which forgettings.
#[derive(Debug, Args)]
pub(super) struct ForgottenArgs {
    /// One app instead of all.
    #[arg(long, value_name = "SDKAPPID")]
    app: Option<u32>,
    /// Only what is before this place.
    #[arg(long)]
    before: Option<u64>,
    /// How many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    arguments: ForgetArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let ForgetArgs {
        sdkappid,
        accounts,
        now,
        json,
    } = arguments;
    let act = Act::Forget {
        sdkappid,
        accounts: accounts.clone(),
        now,
    };
    if let Done::Forgot(report) = perform(act)? {
        if json {
            sayln!("{}", serde_json::to_string(&report)?);
        } else {
            show(&report, &accounts);
        }
    }
    Ok(())
}

pub(super) fn list(
    arguments: ForgottenArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let listing = Listing {
        sdkappid: arguments.app,
        before: arguments.before,
        limit: arguments.limit.into(),
    };
    if let Done::Forgettings(page) = perform(Act::Forgettings(listing))? {
        if arguments.json {
            sayln!("{}", serde_json::to_string(&page)?);
        } else {
            show_page(&page);
        }
    }
    Ok(())
}

fn show(report: &ForgetReport, accounts: &[String]) {
    for (account, row) in accounts.iter().zip(&report.accounts) {
        let account = account.escape_debug();
        if row.known {
            sayln!("{account}: forgotten, with {} devices", row.devices);
        } else {
            sayln!("{account}: not known, but whatever names it is erased");
        }
    }
    report.forgettings.iter().for_each(show_forgetting);
    if report.relay_calls > 0 {
        let calls = report.relay_calls;
        sayln!("{calls} calls wait to be passed on and may name them: they go when they are");
    }
}

fn show_page(page: &ForgettingPage) {
    page.forgettings.iter().for_each(show_forgetting);
    if let Some(next) = page.next {
        sayln!("more with --before {next}");
    }
}

fn show_forgetting(row: &ForgettingRow) {
    let (place, app, named) = (row.place, row.app, row.named);
    let at = moment(row.at);
    sayln!("forgetting {place} of app {app}: {named} named, {at} UTC");
    let erased = counted(&row.erased);
    let erased = if erased.is_empty() {
        "nothing"
    } else {
        &erased
    };
    match row.done {
        Some(done) => sayln!("  erased {erased}; done {} UTC", moment(done)),
        None => {
            let due = moment(row.due);
            sayln!("  erased {erased} so far; a running server erases the rest by {due} UTC");
        }
    }
    for backup in &row.backups {
        let (at, to) = (moment(backup.at), backup.to.escape_debug());
        sayln!("  a backup of {at} UTC still holds it: {to}");
    }
}

/// What there was of each kind.
fn counted(erased: &ErasedRow) -> String {
    let counts = [
        (erased.accounts, "accounts"),
        (erased.phones, "phones"),
        (erased.devices, "devices"),
        (erased.tokens, "tokens"),
        (erased.tags, "tags"),
        (erased.attributes, "attribute values"),
        (erased.recipients, "imported names"),
        (erased.audiences, "mentions in tasks"),
        (erased.texts, "tasks' texts"),
        (erased.senders, "senders"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let texts: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    texts.join(", ")
}
