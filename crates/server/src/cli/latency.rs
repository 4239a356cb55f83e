//! `pushtally stats --latencies`: how long deliveries and clicks of tasks took, as a table or JSON.

use std::fmt::Write as _;

use pushtally_http::operations::{LatencyReport, LatencyRows, Percentiles, Steps};
use pushtally_model::Window;

use crate::acts::{Act, Done};
use crate::terminal::{say, sayln};

pub(super) fn run(
    sdkappid: u32,
    tasks: Vec<String>,
    window: Window,
    json: bool,
    mut perform: impl FnMut(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let act = Act::Latencies {
        sdkappid,
        tasks,
        from: window.start().0,
        to: window.end().0,
    };
    let Done::Latencies(report) = perform(act)? else {
        return Ok(());
    };
    if json {
        sayln!("{}", serde_json::to_string(&report)?);
    } else {
        say!("{}", table(&report));
    }
    Ok(())
}

fn table(report: &LatencyReport) -> String {
    let mut out = String::new();
    for of in &report.tasks {
        let _ = writeln!(out, "task {}", of.task.escape_debug());
        rows(&of.rows, &mut out);
    }
    if report.tasks.len() > 1 {
        let _ = writeln!(out, "together");
        rows(&report.merged, &mut out);
    }
    out
}

fn rows(of: &LatencyRows, out: &mut String) {
    let _ = writeln!(
        out,
        "  {:<8} {:<8} {:<18} {:>10} {:>8} {:>8} {:>8} {:>10}",
        "route", "channel", "from, to", "pairs", "p50 s", "p90 s", "p99 s", "clamped"
    );
    for row in &of.routes {
        steps(&row.route, &row.channel, &row.steps, out);
    }
    steps("total", "", &of.total, out);
}

fn steps(route: &str, channel: &str, of: &Steps, out: &mut String) {
    for (step, took) in [
        ("sent, delivered", &of.delivery),
        ("delivered, clicked", &of.click),
    ] {
        let &Percentiles {
            pairs,
            clamped,
            p50_s,
            p90_s,
            p99_s,
        } = took;
        let told = |seconds: Option<u32>| seconds.map_or("-".to_owned(), |s| s.to_string());
        let [p50, p90, p99] = [p50_s, p90_s, p99_s].map(told);
        let _ = writeln!(
            out,
            "  {route:<8} {channel:<8} {step:<18} {pairs:>10} {p50:>8} {p90:>8} {p99:>8} {clamped:>10}"
        );
    }
}

#[cfg(test)]
mod tests {
    use pushtally_http::operations::{LatencyRow, TaskLatencies};

    use super::*;

    #[test]
    fn a_table_has_both_steps_of_every_route_and_what_has_no_pairs_is_a_dash() {
        let steps = Steps {
            delivery: Percentiles {
                pairs: 12,
                clamped: 1,
                p50_s: Some(0),
                p90_s: Some(7),
                p99_s: Some(4_000),
            },
            click: Percentiles::default(),
        };
        let route = LatencyRow {
            route: "offline".to_owned(),
            channel: "fcm".to_owned(),
            steps,
        };
        let rows = LatencyRows {
            total: steps,
            routes: vec![route],
        };
        let task = |id: &str| TaskLatencies {
            family: "push".to_owned(),
            task: id.to_owned(),
            rows: rows.clone(),
        };
        let mut report = LatencyReport {
            app: 7,
            start: 0,
            end: 9,
            tasks: vec![task("a\nb")],
            merged: rows.clone(),
        };
        let drawn = table(&report);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(
            lines,
            [
                "task a\\nb",
                "  route    channel  from, to                pairs    p50 s    p90 s    p99 s    clamped",
                "  offline  fcm      sent, delivered            12        0        7     4000          1",
                "  offline  fcm      delivered, clicked          0        -        -        -          0",
                "  total             sent, delivered            12        0        7     4000          1",
                "  total             delivered, clicked          0        -        -        -          0",
            ]
        );
        report.tasks.push(task("c"));
        assert!(table(&report).contains("\ntogether\n"));
    }
}
