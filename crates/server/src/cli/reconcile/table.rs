//! A comparison as text: a block a task, a line a row, the difference and its likely reasons below it.

use std::fmt::Write as _;

use pushtally_model::Stage;
use pushtally_reconcile::{Comparison, Line, Origin, Pair, TaskComparison};

/// Draws the tasks, then all together.
pub(super) fn draw(tasks: &Comparison, overall: Option<&Comparison>) -> String {
    let mut out = String::new();
    for task in &tasks.tasks {
        let known = match task.origin {
            Origin::Imported => "",
            Origin::Own => ", sent from here",
            Origin::Unknown => ", unknown here",
        };
        let _ = writeln!(out, "task {}{known}", task.task.escape_debug());
        block(task, &mut out);
    }
    for all in overall.iter().flat_map(|overall| &overall.tasks) {
        let _ = writeln!(out, "all tasks");
        block(all, &mut out);
    }
    let differing = tasks.tasks.iter().filter(|task| !task.equal).count();
    let all = match overall {
        None => "",
        Some(overall) if overall.equal => "; all together are equal",
        Some(_) => "; all together differ",
    };
    let _ = writeln!(out, "{} tasks, {differing} differ{all}", tasks.tasks.len());
    out
}

fn block(task: &TaskComparison, out: &mut String) {
    let _ = writeln!(
        out,
        "  {:<8} {:<8} {:>21} {:>21} {:>21} {:>21}",
        "route",
        "platform",
        "planned ours/theirs",
        "sent ours/theirs",
        "delivered ours/theirs",
        "clicked ours/theirs"
    );
    for line in task.rows.iter().chain([&task.total]) {
        let (route, platform) = match line.place {
            Some(place) => (place.route_name(), place.platform_name()),
            None => ("total".to_owned(), String::new()),
        };
        let _ = write!(out, "  {route:<8} {platform:<8}");
        for (_, Pair { ours, theirs }) in line.stages() {
            let both = format!("{ours}/{theirs}");
            let _ = write!(out, " {both:>21}");
        }
        let _ = writeln!(out);
        if !line.is_equal() {
            let _ = writeln!(out, "           {}", differences(line));
            for reason in &line.reasons {
                let (name, text) = (reason.name(), reason.text());
                let _ = writeln!(out, "           {name}: {text}");
            }
        }
    }
    let _ = writeln!(out);
}

/// By how much we are off, by stage.
fn differences(line: &Line) -> String {
    let stage = |(stage, Pair { ours, theirs }): (Stage, Pair)| {
        let name = match stage {
            Stage::Planned => "planned",
            Stage::Sent => "sent",
            Stage::Delivered => "delivered",
            Stage::Clicked => "clicked",
        };
        let (by, word) = (
            ours.abs_diff(theirs),
            if ours < theirs { "fewer" } else { "more" },
        );
        (by > 0).then(|| format!("{by} {word} {name} here"))
    };
    let all: Vec<String> = line.stages().into_iter().filter_map(stage).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use pushtally_reconcile::{Place, Reason};

    use super::*;

    #[test]
    fn a_difference_is_told_with_its_reason_below_its_row() {
        let line = |place, sent, reasons| Line {
            place,
            planned: Pair { ours: 9, theirs: 9 },
            sent,
            delivered: Pair { ours: 2, theirs: 1 },
            clicked: Pair { ours: 0, theirs: 0 },
            reasons,
        };
        let place = Place {
            route: 1,
            platform: 4,
        };
        let sent = Pair { ours: 5, theirs: 8 };
        let why = vec![Reason::CallsMissing];
        let comparison = Comparison {
            equal: false,
            tasks: vec![TaskComparison {
                task: "a\n".to_owned(),
                origin: Origin::Imported,
                equal: false,
                rows: vec![line(Some(place), sent, why.clone())],
                total: line(None, sent, why),
            }],
        };
        let drawn = draw(&comparison, Some(&comparison));
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[0], "task a\\n");
        assert_eq!(
            lines[2],
            "  offline  fcm                        9/9                   5/8                   2/1                   0/0"
        );
        assert_eq!(
            lines[3],
            "           3 fewer sent here, 1 more delivered here"
        );
        assert!(lines[4].starts_with("           calls_missing: calls that did not come"));
        assert!(lines[5].starts_with("  total             "));
        assert_eq!(lines[9], "all tasks");
        assert_eq!(
            lines.last(),
            Some(&"1 tasks, 1 differ; all together differ")
        );
    }
}
