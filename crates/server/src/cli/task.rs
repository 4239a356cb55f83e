//! `pushtally task`.

use clap::{Args, Subcommand};
use pushtally_http::operations::{ROWS, ROWS_MAX, TaskPage, TaskReport, TaskRow};

use super::funnel;
use super::moment;
use crate::acts::{Act, Done, Listing, Wanted};
use crate::terminal::sayln;

#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// List tasks, newest first.
    List(ListArgs),
    /// Show how a task stands: who was sent to, who was lost and why, who is in flight.
    Show {
        #[command(flatten)]
        task: Task,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a task wait; its deadline still holds.
    Pause(Task),
    /// Let a paused task go on.
    Resume(Task),
    /// Send nothing more of a task; what is planned ends as `cancelled`.
    Cancel(Task),
}

/// Which tasks.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Of this SDKAppID only.
    #[arg(long, value_name = "SDKAPPID")]
    app: Option<u32>,
    #[command(flatten)]
    page: Page,
}

/// Which task.
#[derive(Debug, Args)]
pub(super) struct Task {
    /// The SDKAppID.
    sdkappid: u32,
    /// The TaskId.
    id: String,
}

/// Which part of a list, and how.
#[derive(Debug, Args)]
pub(super) struct Page {
    /// Only what comes before this place.
    #[arg(long, value_name = "PLACE")]
    pub(super) before: Option<u64>,
    /// At most so many, 1 to 500.
    #[arg(long, default_value_t = ROWS, value_parser = rows)]
    pub(super) limit: usize,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn rows(text: &str) -> Result<usize, String> {
    let rows = text
        .parse()
        .ok()
        .filter(|rows| (1..=ROWS_MAX).contains(rows));
    rows.ok_or_else(|| format!("must be 1 to {ROWS_MAX}"))
}

pub(super) fn run(
    command: TaskCommand,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let set = |Task { sdkappid, id }, wanted| {
        perform(Act::TaskSet {
            sdkappid,
            id,
            wanted,
        })
    };
    let done = match command {
        TaskCommand::List(arguments) => return list(arguments, perform),
        TaskCommand::Show { task, json } => {
            let Task { sdkappid, id } = task;
            if let Done::Task { report } = perform(Act::TaskShow { sdkappid, id })? {
                if json {
                    sayln!("{}", serde_json::to_string(&report)?);
                } else {
                    show(&report);
                }
            }
            return Ok(());
        }
        TaskCommand::Pause(task) => set(task, Wanted::Paused)?,
        TaskCommand::Resume(task) => set(task, Wanted::Running)?,
        TaskCommand::Cancel(task) => set(task, Wanted::Cancelled)?,
    };
    if let Done::TaskSet { row } = done {
        sayln!("task {} is {}", row.id, row.status.name());
    }
    Ok(())
}

pub(super) fn list(
    ListArgs { app, page }: ListArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let listing = Listing {
        sdkappid: app,
        before: page.before,
        limit: page.limit,
    };
    if let Done::Tasks(tasks) = perform(Act::TaskList(listing))? {
        if page.json {
            sayln!("{}", serde_json::to_string(&tasks)?);
        } else {
            table(&tasks);
        }
    }
    Ok(())
}

fn table(page: &TaskPage) {
    sayln!(
        "{:<7} {:<11} {:<6} {:<10} {:<9} {:<20} {:<60} title",
        "place",
        "sdkappid",
        "kind",
        "status",
        "to",
        "accepted (UTC)",
        "task"
    );
    for row in &page.tasks {
        let TaskRow {
            place,
            app,
            id,
            kind,
            title,
            ..
        } = row;
        let (status, to, accepted) = (row.status.name(), to(row), moment(row.accepted));
        // A title may hold anything; the table has one line a task.
        let title = title.escape_debug();
        sayln!(
            "{place:<7} {app:<11} {kind:<6} {status:<10} {to:<9} {accepted:<20} {id:<60} {title}"
        );
    }
    if let Some(next) = page.next {
        sayln!("older ones: --before {next}");
    }
}

fn to(row: &TaskRow) -> String {
    row.accounts
        .map_or_else(|| "everyone".to_owned(), |accounts| accounts.to_string())
}

fn show(report: &TaskReport) {
    let row = &report.task;
    let paused = if report.app_paused {
        ", its app is paused"
    } else {
        ""
    };
    sayln!("task       {}", row.id);
    sayln!("status     {}{paused}", row.status.name());
    sayln!("to         {} ({})", to(row), row.kind);
    sayln!("from       {}", row.from.escape_debug());
    sayln!("title      {}", row.title.escape_debug());
    sayln!("accepted   {}", moment(row.accepted));
    sayln!("deadline   {}", moment(row.deadline));
    match row.done {
        Some(done) => sayln!("done       {}", moment(done)),
        None => sayln!("jobs left  {}", report.jobs_left),
    }
    sayln!();
    sayln!("{}", funnel::head());
    for route in &report.routes {
        let row = funnel::row(&route.route, &route.channel, &route.counts);
        sayln!("{row}");
        for loss in &route.losses {
            let text = loss.text.escape_debug();
            sayln!(
                "         {} lost before {}: {} {text}",
                loss.count,
                loss.before,
                loss.code
            );
        }
    }
    sayln!("{}", funnel::row("total", "", &report.total));
}
