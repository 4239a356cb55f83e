//! How many devices came how far from step to step, by route and channel: of tasks, or of an app's families.
//!
//! Each point is an exact sum of its own window, so the points of a series add up to the window that they divide.

use std::collections::BTreeSet;

use pushtally_ledger::Tally;
use pushtally_model::{AppId, Channel, Kind, Route, Second, Window};
use pushtally_store::Identities;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kept::KeptError;
use super::numbers::Numbers;
use super::tallies::counted;
use super::task_report::{Counts, route_name};

/// Series of several tasks or families.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// The SDKAppID.
    pub app: u32,
    /// The first second that counts.
    pub start: u32,
    /// The first one that no longer does.
    pub end: u32,
    /// Seconds between two points.
    pub step: u32,
    /// The Unix millisecond in which it was known; left out when it is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of_ms: Option<i64>,
    /// In the order in which they were asked for.
    pub series: Vec<SeriesRow>,
}

/// The series of one task or family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesRow {
    /// `push` or `message`.
    #[schemars(extend("enum" = ["push", "message"]))]
    pub family: String,
    /// The TaskId or PushID; null is the whole family.
    pub task: Option<String>,
    /// Ascending in time; what has no count is left out.
    pub points: Vec<Point>,
}

/// What happened from one point to the next, or to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Its first second: `start` and a multiple of `step`.
    pub at: u32,
    /// By route and channel; only those with a count.
    pub routes: Vec<PointRow>,
}

/// What happened on a route and channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PointRow {
    /// `online` or `offline`.
    #[schemars(extend("enum" = ["online", "offline"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// Devices that were planned.
    pub planned: u64,
    /// Devices that were sent to.
    pub sent: u64,
    /// Devices that got it.
    pub delivered: u64,
    /// Devices on which it was tapped.
    pub clicked: u64,
    /// Devices that were lost before sending.
    pub lost: u64,
}

/// Counts tasks, or without any the families, in each step of a window. A task that the app does not know has no points.
pub async fn series(
    identities: &dyn Identities,
    numbers: Numbers<'_>,
    app: AppId,
    (tasks, family): (&[String], Option<Kind>),
    (window, step): (Window, u32),
) -> Result<Series, KeptError> {
    numbers.check().await?;
    let windows = divide(window, step);
    let mut rows = Vec::new();
    for counted in counted(identities, app, tasks, family).await? {
        let tallies = numbers.of(app, &counted, &windows).await?;
        let points = windows.iter().zip(&tallies).map(|(window, tally)| Point {
            at: window.start().0,
            routes: routes(tally),
        });
        rows.push(SeriesRow {
            family: counted.family_name(),
            points: points.filter(|point| !point.routes.is_empty()).collect(),
            task: counted.task,
        });
    }
    Ok(Series {
        app: app.0,
        start: window.start().0,
        end: window.end().0,
        step,
        as_of_ms: numbers.as_of_ms(),
        series: rows,
    })
}

/// The windows of the steps; the last one ends with the whole.
fn divide(window: Window, step: u32) -> Vec<Window> {
    let (mut start, end) = (window.start(), window.end());
    let mut windows = Vec::new();
    loop {
        let next = Second(start.0.saturating_add(step.max(1))).min(end);
        match Window::new(start, next) {
            Ok(window) => windows.push(window),
            Err(_) => return windows,
        }
        start = next;
    }
}

fn routes(tally: &Tally) -> Vec<PointRow> {
    let cells = tally.cells();
    let found: BTreeSet<_> = cells
        .map(|(cell, _)| (cell.route(), cell.channel()))
        .collect();
    let row = |(route, channel): (Route, Channel)| {
        let counts = Counts::of(tally, route, channel);
        PointRow {
            route: route_name(route).to_owned(),
            channel: channel.name().to_owned(),
            planned: counts.planned,
            sent: counts.sent,
            delivered: counts.delivered,
            clicked: counts.clicked,
            lost: counts.lost,
        }
    };
    found.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_cover_a_window_once_and_the_last_is_cut_short() {
        let all = u32::MAX;
        for (start, end, step, expected) in [
            (10, 20, 5, vec![(10, 15), (15, 20)]),
            (10, 21, 10, vec![(10, 20), (20, 21)]),
            (10, 11, 1, vec![(10, 11)]),
            (10, 20, all, vec![(10, 20)]),
            (all - 2, all, 1, vec![(all - 2, all - 1), (all - 1, all)]),
        ] {
            let window = Window::new(Second(start), Second(end)).unwrap();
            let divided: Vec<_> = divide(window, step)
                .into_iter()
                .map(|window| (window.start().0, window.end().0))
                .collect();
            assert_eq!(divided, expected);
        }
    }
}
