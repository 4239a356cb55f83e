//! How many different devices several tasks reached together, by route and channel, beside the sums in which a device counts
//! in each task.
//!
//! Tasks of this server's own reach devices, imported ones recipients (an account on a route and platform), which have numbers
//! of their own. Nobody knows which recipient is which device, so the two are told apart and never added up.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_ledger::{Reached, ReachedStages};
use pushtally_model::{AppId, Kind, Origin, TaskKey, TaskNumber};
use pushtally_stats::Stats;
use pushtally_store::{Identities, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tallies::{family_name, find};
use super::task_report::route_name;

/// What several tasks reached together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reach {
    /// The SDKAppID.
    pub app: u32,
    /// In the order in which they were asked for.
    pub tasks: Vec<ReachTask>,
    /// What counted tasks reached: devices before recipients, each only if a task names such.
    pub reached: Vec<ReachRow>,
}

/// A task that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachTask {
    /// The TaskId or PushID.
    pub task: String,
    /// `push` or `message`; null when the app knows no such task.
    #[schemars(extend("enum" = ["push", "message", null]))]
    pub family: Option<String>,
    /// What it names, `devices` or `recipients`; null when the app knows no such task.
    #[schemars(extend("enum" = ["devices", "recipients", null]))]
    pub of: Option<String>,
    /// `counted`, `forgotten` (too old: nothing is kept of it), or `unknown`. The last two reach nobody.
    #[schemars(extend("enum" = ["counted", "forgotten", "unknown"]))]
    pub state: String,
}

/// What some tasks reached together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachRow {
    /// `devices` that are or were registered here, of own tasks; `recipients` (account, route, platform), of imported ones.
    #[schemars(extend("enum" = ["devices", "recipients"]))]
    pub of: String,
    /// How many tasks that is of.
    pub tasks: usize,
    /// Over all routes and channels: one that was reached on several is one.
    pub total: ReachStages,
    /// By route and channel; only those with a count.
    pub routes: Vec<ReachRoute>,
}

/// What was reached on a route and channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachRoute {
    /// `online` or `offline`.
    #[schemars(extend("enum" = ["online", "offline"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// The counts.
    #[serde(flatten)]
    pub stages: ReachStages,
}

/// How many came how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachStages {
    /// Who could be reached.
    pub planned: ReachCount,
    /// Who was sent to.
    pub sent: ReachCount,
    /// Who got it.
    pub delivered: ReachCount,
    /// Who tapped it.
    pub clicked: ReachCount,
}

/// How many reached a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachCount {
    /// Different ones: the size of the union of the tasks.
    pub unique: u64,
    /// The sum of the tasks' own counts. What it has more is overlap.
    pub sum: u64,
}

/// Counts tasks together, of one family only if it is named; a task that is asked for twice counts once.
pub async fn reach(
    identities: &dyn Identities,
    stats: &Stats,
    app: AppId,
    (tasks, family): (&[String], Option<Kind>),
) -> Result<Reach, StoreError> {
    let mut found = Vec::with_capacity(tasks.len());
    let mut keys: BTreeMap<Origin, BTreeSet<TaskKey>> = BTreeMap::new();
    for id in tasks {
        let key = find(identities, app, id, family).await?;
        if let Some(key) = key {
            keys.entry(key.origin).or_default().insert(key);
        }
        found.push((id, key));
    }
    let (mut reached, mut forgotten) = (Vec::new(), BTreeSet::new());
    for origin in [Origin::Own, Origin::Imported] {
        let Some(keys) = keys.get(&origin) else {
            continue;
        };
        let counted = stats.reach(keys).await?;
        reached.push(ReachRow {
            of: of(origin).to_owned(),
            tasks: keys.len() - counted.forgotten.len(),
            total: ReachStages::from(counted.reach.total()),
            routes: counted
                .reach
                .ways()
                .map(|((route, channel), stages)| ReachRoute {
                    route: route_name(route).to_owned(),
                    channel: channel.name().to_owned(),
                    stages: stages.into(),
                })
                .collect(),
        });
        forgotten.extend(counted.forgotten);
    }
    let tasks = found.into_iter();
    Ok(Reach {
        app: app.0,
        tasks: tasks.map(|(id, key)| row(id, key, &forgotten)).collect(),
        reached,
    })
}

fn row(id: &str, key: Option<TaskKey>, forgotten: &BTreeSet<TaskNumber>) -> ReachTask {
    let state = match key {
        None => "unknown",
        Some(key) if forgotten.contains(&key.number) => "forgotten",
        Some(_) => "counted",
    };
    ReachTask {
        task: id.to_owned(),
        family: key.map(|key| family_name(key.kind).to_owned()),
        of: key.map(|key| of(key.origin).to_owned()),
        state: state.to_owned(),
    }
}

const fn of(origin: Origin) -> &'static str {
    match origin {
        Origin::Own => "devices",
        Origin::Imported => "recipients",
    }
}

impl From<&ReachedStages> for ReachStages {
    fn from([planned, sent, delivered, clicked]: &ReachedStages) -> Self {
        let count = |Reached { unique, sum }: &Reached| ReachCount {
            unique: *unique,
            sum: *sum,
        };
        Self {
            planned: count(planned),
            sent: count(sent),
            delivered: count(delivered),
            clicked: count(clicked),
        }
    }
}
