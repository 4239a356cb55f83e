//! `pushtally reach`: how many different devices several tasks reached together.

use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use pushtally_http::operations::{Reach, ReachCount, ReachRow, ReachStages};

use super::UsageError;
use super::stats::TASKS_MAX;
use crate::acts::{Act, Done};
use crate::terminal::{say, sayln};

/// Of which tasks.
#[derive(Debug, Args)]
pub(super) struct ReachArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// TaskIds and PushIDs, at most 50.
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    arguments: ReachArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let ReachArgs {
        sdkappid,
        tasks,
        json,
    } = arguments;
    if tasks.len() > TASKS_MAX {
        bail!(UsageError(format!(
            "`{}` tasks are given, more than {TASKS_MAX}",
            tasks.len()
        )));
    }
    if let Done::Reached(reach) = perform(Act::Reach { sdkappid, tasks })? {
        if json {
            sayln!("{}", serde_json::to_string(&reach)?);
        } else {
            say!("{}", table(&reach));
        }
    }
    Ok(())
}

fn table(reach: &Reach) -> String {
    let mut out = String::new();
    for task in reach.tasks.iter().filter(|task| task.state != "counted") {
        let _ = writeln!(out, "task {} is {}", task.task.escape_debug(), task.state);
    }
    for row in &reach.reached {
        rows(row, &mut out);
    }
    out
}

fn rows(row: &ReachRow, out: &mut String) {
    let ReachRow {
        of,
        tasks,
        total,
        routes,
    } = row;
    let _ = writeln!(out, "different {of} of {tasks} tasks, and their sum");
    let head = ["planned", "sent", "delivered", "clicked"].map(|name| format!("{name:>22}"));
    let _ = writeln!(out, "  {:<8} {:<8}{}", "route", "channel", head.concat());
    for route in routes {
        let counts = counts(&route.stages);
        let _ = writeln!(out, "  {:<8} {:<8}{counts}", route.route, route.channel);
    }
    let _ = writeln!(out, "  {:<8} {:<8}{}", "total", "", counts(total));
}

fn counts(stages: &ReachStages) -> String {
    let ReachStages {
        planned,
        sent,
        delivered,
        clicked,
    } = stages;
    let count = |ReachCount { unique, sum }: &ReachCount| format!(" {unique:>10} {sum:>10}");
    [planned, sent, delivered, clicked].map(count).concat()
}

#[cfg(test)]
mod tests {
    use pushtally_http::operations::{ReachRoute, ReachTask};

    use super::*;

    #[test]
    fn different_ones_stand_beside_their_sum_and_what_is_not_counted_above() {
        let count = |unique, sum| ReachCount { unique, sum };
        let stages = ReachStages {
            planned: count(1_234_567_890, 2_345_678_901),
            sent: count(3, 4),
            delivered: count(0, 0),
            clicked: count(1, 1),
        };
        let reach = Reach {
            app: 1,
            tasks: vec![ReachTask {
                task: "old\n".to_owned(),
                family: None,
                of: None,
                state: "unknown".to_owned(),
            }],
            reached: vec![ReachRow {
                of: "devices".to_owned(),
                tasks: 2,
                total: stages,
                routes: vec![ReachRoute {
                    route: "offline".to_owned(),
                    channel: "xiaomi".to_owned(),
                    stages,
                }],
            }],
        };
        let expected = "\
task old\\n is unknown
different devices of 2 tasks, and their sum
  route    channel                planned                  sent             delivered               clicked
  offline  xiaomi   1234567890 2345678901          3          4          0          0          1          1
  total             1234567890 2345678901          3          4          0          0          1          1
";
        assert_eq!(table(&reach), expected);
    }
}
