//! How long deliveries and clicks took, in percentiles: of tasks, and of all of them together, by route and channel.
//!
//! Read from the log. What they are made of, and how exact they are, is in `docs/STATISTICS.md`.

use std::collections::BTreeMap;

use pushtally_ledger::{Latency, Span};
use pushtally_model::{App, Channel, Route, TaskKey, Window};
use pushtally_stats::Stats;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kept::{Kept, KeptError, kept};
use super::tallies::counted;
use super::task_report::route_name;
use super::trace::Sources;

/// How long the devices of several tasks took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyReport {
    /// The SDKAppID.
    pub app: u32,
    /// The first second that counts: in which it was delivered, or clicked.
    pub start: u32,
    /// The first one that no longer does.
    pub end: u32,
    /// In the order in which they were asked for.
    pub tasks: Vec<TaskLatencies>,
    /// All of them together, one that is asked for twice once.
    pub merged: LatencyRows,
}

/// How long the devices of a task took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskLatencies {
    /// `push` or `message`.
    #[schemars(extend("enum" = ["push", "message"]))]
    pub family: String,
    /// The TaskId or PushID.
    pub task: String,
    /// How long they took.
    #[serde(flatten)]
    pub rows: LatencyRows,
}

/// All together, and by route and channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyRows {
    /// Of all routes and channels.
    pub total: Steps,
    /// By route and channel; only those with a pair.
    pub routes: Vec<LatencyRow>,
}

/// How long devices took on a route and channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyRow {
    /// `online` or `offline`.
    #[schemars(extend("enum" = ["online", "offline"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// How long they took.
    #[serde(flatten)]
    pub steps: Steps,
}

/// How long both steps took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Steps {
    /// From sent to delivered.
    pub delivery: Percentiles,
    /// From delivered to clicked.
    pub click: Percentiles,
}

/// How long a step took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// Devices that have both ends: what the percentiles are made of.
    pub pairs: u64,
    /// Those of them whose later end bears an earlier second than the other: they count as 0 s.
    pub clamped: u64,
    /// Half took no longer, in seconds; null without pairs. Exact below 128 s, else at most 1/128 off, as the others.
    pub p50_s: Option<u32>,
    /// Nine of ten took no longer.
    pub p90_s: Option<u32>,
    /// Ninety-nine of a hundred took no longer.
    pub p99_s: Option<u32>,
}

type ByWay = BTreeMap<(Route, Channel), Latency>;

/// Tells how long the steps took that were completed in the window. A task that the app does not know has no pairs.
pub async fn latencies(
    sources: Sources<'_>,
    app: &App,
    tasks: &[String],
    window: Window,
) -> Result<LatencyReport, KeptError> {
    let mut told = BTreeMap::new();
    let (mut rows, mut merged) = (Vec::with_capacity(tasks.len()), ByWay::new());
    for (counted, id) in counted(sources.identities, app.id, tasks, None)
        .await?
        .iter()
        .zip(tasks)
    {
        let row = match told.get(id) {
            Some(row) => LatencyRows::clone(row),
            None => {
                let of = match counted.key {
                    Some(key) => of_task(sources, app, (key, id), window).await?,
                    None => ByWay::new(),
                };
                for (way, latency) in &of {
                    merged.entry(*way).or_default().absorb(latency);
                }
                LatencyRows::of(&of)
            }
        };
        told.insert(id.clone(), row.clone());
        rows.push(TaskLatencies {
            family: counted.family_name(),
            task: id.clone(),
            rows: row,
        });
    }
    Ok(LatencyReport {
        app: app.id.0,
        start: window.start().0,
        end: window.end().0,
        tasks: rows,
        merged: LatencyRows::of(&merged),
    })
}

async fn of_task(
    sources: Sources<'_>,
    app: &App,
    (task, id): (TaskKey, &str),
    window: Window,
) -> Result<ByWay, KeptError> {
    let recorded_from_ms = match kept(sources, app, (task, id)).await? {
        Kept::All { recorded_from_ms } => recorded_from_ms,
        Kept::Since { earliest_ms } => return Err(KeptError::OutOfReach { earliest_ms }),
    };
    let read = sources.stats.latencies(task, window, recorded_from_ms);
    read.await?.finish().ok_or(KeptError::TooManyDevices {
        devices_max: Stats::LATENCY_DEVICES_MAX,
    })
}

impl LatencyRows {
    fn of(ways: &ByWay) -> Self {
        let mut total = Latency::default();
        ways.values().for_each(|latency| total.absorb(latency));
        let row = |((route, channel), latency): (&(Route, Channel), &Latency)| LatencyRow {
            route: route_name(*route).to_owned(),
            channel: channel.name().to_owned(),
            steps: Steps::of(latency),
        };
        Self {
            total: Steps::of(&total),
            routes: ways.iter().map(row).collect(),
        }
    }
}

impl Steps {
    fn of(latency: &Latency) -> Self {
        Self {
            delivery: Percentiles::of(&latency.delivery),
            click: Percentiles::of(&latency.click),
        }
    }
}

impl Percentiles {
    fn of(span: &Span) -> Self {
        Self {
            pairs: span.sketch.len(),
            clamped: span.clamped,
            p50_s: span.sketch.percentile(50),
            p90_s: span.sketch.percentile(90),
            p99_s: span.sketch.percentile(99),
        }
    }
}
