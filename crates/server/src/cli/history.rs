//! `pushtally history`: what counted of a device or an account over all tasks.

use clap::Args;
use pushtally_http::operations::{HistoryPage, HistoryRow, ROWS};

use super::moment;
use super::stats::window;
use super::task::rows;
use super::trace::line;
use crate::acts::{Act, Done, HistoryWanted};
use crate::terminal::sayln;

/// Whose history, and which part of it.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub(super) struct HistoryArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// Of the device that is registered on this phone, by its RegistrationID.
    #[arg(long, group = "whose", value_name = "ID")]
    device: Option<String>,
    /// Of this account's devices, and of its recipients in imported tasks.
    #[arg(long, group = "whose", value_name = "ACCOUNT")]
    account: Option<String>,
    /// What happened from this moment on: a Unix second, `2026-01-31 23:59:59` (UTC), or `90m`, `2h`, `3d` ago.
    #[arg(long, value_name = "MOMENT")]
    from: Option<String>,
    /// What happened before this moment.
    #[arg(long, value_name = "MOMENT")]
    to: Option<String>,
    /// Only what is before this place: `next` of the page before.
    #[arg(long, value_name = "PLACE")]
    before: Option<String>,
    /// At most so many events, 1 to 500.
    #[arg(long, default_value_t = ROWS, value_parser = rows)]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    arguments: HistoryArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let HistoryArgs {
        sdkappid,
        device,
        account,
        from,
        to,
        before,
        limit,
        json,
    } = arguments;
    let window = window(from.as_deref(), to.as_deref())?;
    let wanted = HistoryWanted {
        device,
        account,
        from: window.start().0,
        to: window.end().0,
        before,
        limit,
    };
    if let Done::History(page) = perform(Act::History { sdkappid, wanted })? {
        if json {
            sayln!("{}", serde_json::to_string(&page)?);
        } else {
            show(&page);
        }
    }
    Ok(())
}

fn show(page: &HistoryPage) {
    for event in &page.events {
        sayln!("{}", row(event));
    }
    let since = moment(page.complete_from);
    match &page.next {
        Some(next) => sayln!("there is more: --before {next}"),
        None => sayln!("nothing more is known since {since} UTC"),
    }
    if page.cut {
        sayln!("more devices are not looked at");
    }
}

/// Names are anything; the table has one line an event.
fn row(event: &HistoryRow) -> String {
    let task = event.task.as_deref().unwrap_or("a task without a name");
    let device = match &event.registration_id {
        Some(phone) => format!("phone {}", phone.escape_debug()),
        None => format!("recipient {}", event.device),
    };
    let (route, channel) = (&event.route, &event.channel);
    let (step, task) = (line(&event.step), task.escape_debug());
    format!("{step}  {route} on {channel}, {device}, task {task}")
}

#[cfg(test)]
mod tests {
    use pushtally_http::operations::StepRow;

    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_its_names_hold() {
        let event = HistoryRow {
            task: Some("t\n1".to_owned()),
            family: "push".to_owned(),
            device: 7,
            registration_id: None,
            route: "offline".to_owned(),
            channel: "fcm".to_owned(),
            step: StepRow {
                step: "sent".to_owned(),
                at: 0,
                recorded_ms: 1_000,
                source: "import".to_owned(),
                loss: None,
            },
        };
        let expected = "1970-01-01 00:00:00  sent      said by import recorded 1970-01-01 00:00:01  offline on fcm, recipient 7, task t\\n1";
        assert_eq!(row(&event), expected);
    }
}
