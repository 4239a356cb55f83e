//! `pushtally stats`: the funnel of tasks or of an app, once or live, now or as it was known; and how long deliveries took.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use pushtally_http::operations::{Counts, ScopeRow, Tallies};
use pushtally_model::{Clock as _, Second, SystemClock, Window};

use super::moment::{moment, parse_moment};
use super::{UsageError, funnel, latency};
use crate::acts::{Act, Done};
use crate::terminal::{say, sayln};

/// How often a watched funnel is drawn.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Cells of a bar.
const BAR_LEN: u64 = 40;
/// Tasks of one call: a screenful.
pub(super) const TASKS_MAX: usize = 50;

/// Whose counts, in which window.
#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// Of this task, by its TaskId or PushID; several times for several. Without any: of all pushes, and of all message pushes.
    #[arg(long = "task", value_name = "ID")]
    tasks: Vec<String>,
    /// Count from this moment on: a Unix second, `2026-01-31 23:59:59` (UTC), or `90m`, `2h`, `3d` ago.
    #[arg(long, value_name = "MOMENT")]
    from: Option<String>,
    /// Count what was before this moment.
    #[arg(long, value_name = "MOMENT")]
    to: Option<String>,
    /// As it was known at this moment, of tasks.
    #[arg(long, value_name = "MOMENT", requires = "tasks")]
    as_of: Option<String>,
    /// How long deliveries and clicks took, in place of counts: of tasks, of what was delivered or clicked in the window.
    #[arg(long, requires = "tasks", conflicts_with_all = ["as_of", "watch"])]
    latencies: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Go on: draw it each second on a terminal, print it each second elsewhere.
    #[arg(long, conflicts_with = "as_of")]
    watch: bool,
}

pub(super) fn run(
    arguments: StatsArgs,
    mut perform: impl FnMut(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let StatsArgs {
        sdkappid,
        tasks,
        from,
        to,
        as_of,
        latencies,
        json,
        watch,
    } = arguments;
    if tasks.len() > TASKS_MAX {
        bail!(UsageError(format!(
            "`--task` is given {} times, more than {TASKS_MAX}",
            tasks.len()
        )));
    }
    let window = window(from.as_deref(), to.as_deref())?;
    if latencies {
        return latency::run(sdkappid, tasks, window, json, perform);
    }
    let as_of = as_of.as_deref().map(|text| second("--as-of", text));
    let as_of_ms = as_of.transpose()?.map(|as_of| i64::from(as_of.0) * 1000);
    let draws = watch && !json && std::io::stdout().is_terminal();
    let mut drawn = 0;
    loop {
        let act = Act::Stats {
            sdkappid,
            tasks: tasks.clone(),
            from: window.start().0,
            to: window.end().0,
            as_of_ms,
        };
        let Done::Tallied(tallies) = perform(act)? else {
            return Ok(());
        };
        if json {
            sayln!("{}", serde_json::to_string(&tallies)?);
        } else if draws {
            let picture = picture(&tallies);
            // Over what stands there.
            if drawn > 0 {
                say!("\x1b[{drawn}A\x1b[J");
            }
            drawn = picture.lines().count();
            say!("{picture}");
        } else if watch {
            for scope in &tallies.scopes {
                sayln!("{}", line(SystemClock::default().now(), scope));
            }
        } else {
            say!("{}", table(&tallies));
        }
        if !watch {
            return Ok(());
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

/// The window that two moments are given for; always, where they are left out.
pub(super) fn window(from: Option<&str>, to: Option<&str>) -> anyhow::Result<Window> {
    let all = Window::all();
    let from = from.map_or(Ok(all.start()), |text| second("--from", text))?;
    let to = to.map_or(Ok(all.end()), |text| second("--to", text))?;
    Window::new(from, to).map_err(|_| {
        let (from, to) = (moment(from.0), moment(to.0));
        UsageError(format!("`--from` {from} must be before `--to` {to}")).into()
    })
}

fn second(option: &str, text: &str) -> Result<Second, UsageError> {
    let now = SystemClock::default().now().0;
    parse_moment(text, now).map(Second).ok_or_else(|| {
        UsageError(format!(
            "`{option}` must be a Unix second, `2026-01-31 23:59:59`, or `90m`, `2h`, `3d` ago, not `{text}`"
        ))
    })
}

/// What is counted, in words.
fn name(scope: &ScopeRow) -> String {
    match (&scope.task, scope.family.as_str()) {
        (Some(task), _) => format!("task {}", task.escape_debug()),
        (None, "message") => "all message pushes".to_owned(),
        (None, _) => "all pushes".to_owned(),
    }
}

fn table(tallies: &Tallies) -> String {
    let mut out = String::new();
    if let Some(as_of) = tallies.as_of_ms.and_then(Second::from_millis) {
        let _ = writeln!(out, "as known at {} UTC", moment(as_of.0));
    }
    for scope in &tallies.scopes {
        let _ = writeln!(out, "{}", name(scope));
        rows(scope, &mut out);
    }
    out
}

fn rows(scope: &ScopeRow, out: &mut String) {
    let _ = writeln!(out, "  {}", funnel::head());
    for route in &scope.routes {
        let row = funnel::row(&route.route, &route.channel, &route.counts);
        let _ = writeln!(out, "  {row}");
    }
    let _ = writeln!(out, "  {}", funnel::row("total", "", &scope.total));
}

/// The stages as bars, and the table below them.
fn picture(tallies: &Tallies) -> String {
    let mut out = String::new();
    for scope in &tallies.scopes {
        let _ = writeln!(out, "{}", name(scope));
        let total = &scope.total;
        // Imports can bring more of a later stage than of an earlier one.
        let stages = [
            ("planned", total.planned),
            ("sent", total.sent),
            ("delivered", total.delivered),
            ("clicked", total.clicked),
        ];
        let most = stages.iter().map(|(_, count)| *count).max();
        let most = most.unwrap_or_default().max(1);
        for (stage, count) in stages {
            let len = u128::from(count) * u128::from(BAR_LEN) / u128::from(most);
            let bar = "█".repeat(usize::try_from(len).unwrap_or_default());
            let _ = writeln!(out, "  {stage:<9} {count:>12}  {bar}");
        }
        rows(scope, &mut out);
    }
    out
}

fn line(now: Second, scope: &ScopeRow) -> String {
    let &Counts {
        planned,
        sent,
        delivered,
        clicked,
        lost,
        in_flight,
    } = &scope.total;
    format!(
        "{}  {}  planned {planned} sent {sent} delivered {delivered} clicked {clicked} lost {lost} in flight {in_flight}",
        now.date_time(0),
        name(scope)
    )
}

#[cfg(test)]
mod tests {
    use pushtally_http::operations::RouteRow;

    use super::*;

    fn tallies() -> Tallies {
        let counts = Counts {
            planned: 200,
            sent: 100,
            delivered: 50,
            clicked: 0,
            lost: 60,
            in_flight: 40,
        };
        let route = RouteRow {
            route: "offline".to_owned(),
            channel: "fcm".to_owned(),
            counts,
            losses: Vec::new(),
        };
        let scope = ScopeRow {
            family: "push".to_owned(),
            task: Some("a\nb".to_owned()),
            total: counts,
            routes: vec![route],
        };
        Tallies {
            app: 7,
            from: 0,
            to: 9,
            as_of_ms: None,
            scopes: vec![scope],
        }
    }

    #[test]
    fn a_funnel_is_bars_and_a_table_on_a_terminal_and_a_line_elsewhere() {
        let (tallies, bar) = (tallies(), |len: usize| "█".repeat(len));
        let drawn = picture(&tallies);
        for expected in [
            "task a\\nb\n".to_owned(),
            format!("  planned            200  {}\n", bar(40)),
            format!("  sent               100  {}\n", bar(20)),
            format!("  delivered           50  {}\n", bar(10)),
            "  clicked              0  \n".to_owned(),
            table(&tallies).split_once('\n').unwrap().1.to_owned(),
        ] {
            assert!(drawn.contains(&expected), "{drawn:?} has no {expected:?}");
        }
        let said = line(Second(0), &tallies.scopes[0]);
        assert_eq!(
            said,
            "1970-01-01 00:00:00  task a\\nb  planned 200 sent 100 delivered 50 clicked 0 lost 60 in flight 40"
        );
        let earlier = Tallies {
            as_of_ms: Some(60_000),
            ..tallies.clone()
        };
        let told = format!("as known at 1970-01-01 00:01:00 UTC\n{}", table(&tallies));
        assert_eq!(table(&earlier), told);
        assert!(table(&tallies).contains(
            "  offline  fcm             200        100         50          0         60         40\n"
        ));
    }

    #[test]
    fn a_window_is_moments_in_order_or_everything() {
        assert_eq!(window(None, None).unwrap(), Window::all());
        let some = window(Some("5"), Some("1970-01-01 00:00:09")).unwrap();
        assert_eq!((some.start(), some.end()), (Second(5), Second(9)));
        for (from, to, expected) in [
            (Some("soon"), None, "`--from` must be a Unix second"),
            (None, Some("-1"), "`--to` must be a Unix second"),
            (
                Some("9"),
                Some("9"),
                "must be before `--to` 1970-01-01 00:00:09",
            ),
        ] {
            let error = window(from, to).unwrap_err();
            assert!(error.downcast_ref::<UsageError>().is_some());
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
