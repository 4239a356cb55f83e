//! `pushtally audit`.

use clap::Args;
use pushtally_http::operations::{AuditPage, AuditRow};

use super::moment;
use super::task::Page;
use crate::acts::{Act, Done, Listing};
use crate::terminal::sayln;

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Of this SDKAppID only.
    #[arg(long, value_name = "SDKAPPID")]
    app: Option<u32>,
    #[command(flatten)]
    page: Page,
}

pub(super) fn run(
    AuditArgs { app, page }: &AuditArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let listing = Listing {
        sdkappid: *app,
        before: page.before,
        limit: page.limit,
    };
    if let Done::Audited(entries) = perform(Act::Audit(listing))? {
        if page.json {
            sayln!("{}", serde_json::to_string(&entries)?);
        } else {
            list(&entries);
        }
    }
    Ok(())
}

fn list(page: &AuditPage) {
    sayln!(
        "{:<7} {:<20} {:<11} {:<20} {:<15} {:<18} {:<6} to what",
        "place",
        "when (UTC)",
        "sdkappid",
        "who",
        "from",
        "what",
        "code"
    );
    for entry in &page.entries {
        let AuditRow {
            at,
            when,
            app,
            who,
            from,
            what,
            target,
            code,
            body_hash: _,
        } = entry;
        let when = moment(*when);
        let app = app.map_or_else(String::new, |app| app.to_string());
        let (who, target) = (who.escape_debug().to_string(), target.escape_debug());
        sayln!("{at:<7} {when:<20} {app:<11} {who:<20} {from:<15} {what:<18} {code:<6} {target}");
    }
    if let Some(next) = page.next {
        sayln!("older ones: --before {next}");
    }
}
