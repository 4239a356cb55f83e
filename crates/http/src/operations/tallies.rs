//! How many devices came how far, by route and channel: of tasks, or of an app's pushes and message pushes, in a window.

use pushtally_model::{AppId, Kind, Scope, Window};
use pushtally_stats::Stats;
use pushtally_store::{Identities, StoreError};
use serde::{Deserialize, Serialize};

use super::task_report::{Counts, RouteRow, routes};
use super::trace::find_either;
use crate::reasons::Reasons;

/// The counts of several scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallies {
    /// The SDKAppID.
    pub app: u32,
    /// The first second that counts.
    pub from: u32,
    /// The first one that no longer does.
    pub to: u32,
    /// The scopes, in the order in which they were asked for.
    pub scopes: Vec<ScopeRow>,
}

/// The counts of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRow {
    /// `push` or `message`.
    pub family: String,
    /// The TaskId or PushID; `None` is the whole family.
    pub task: Option<String>,
    /// The sums of the routes. In flight means little in a window that does not hold all of a task.
    pub total: Counts,
    /// By route and channel; only those with a count.
    pub routes: Vec<RouteRow>,
}

/// Counts tasks, or without any both families. A task that the app does not know has no counts, as one that nothing
/// happened in.
pub async fn tallies(
    identities: &dyn Identities,
    stats: &Stats,
    app: AppId,
    tasks: &[String],
    window: Window,
) -> Result<Tallies, StoreError> {
    let mut scopes = Vec::with_capacity(tasks.len().max(2));
    if tasks.is_empty() {
        for family in [Kind::Push, Kind::Message] {
            let scope = Some(Scope::Overall(app, family));
            scopes.push(row(identities, stats, app, (family, None, scope), window).await?);
        }
    }
    for id in tasks {
        let task = find_either(identities, app, id).await?;
        let family = task.map_or(Kind::Push, |task| task.kind);
        let scope = task.map(|task| Scope::Task(task.number));
        let what = (family, Some(id.clone()), scope);
        scopes.push(row(identities, stats, app, what, window).await?);
    }
    Ok(Tallies {
        app: app.0,
        from: window.start().0,
        to: window.end().0,
        scopes,
    })
}

async fn row(
    identities: &dyn Identities,
    stats: &Stats,
    app: AppId,
    (family, task, scope): (Kind, Option<String>, Option<Scope>),
    window: Window,
) -> Result<ScopeRow, StoreError> {
    let routes = match scope {
        Some(scope) => {
            let tally = stats.tally(app, scope, window).await?;
            routes(&tally, &Reasons::of_tally(identities, app, &tally).await?)
        }
        None => Vec::new(),
    };
    let family = match family {
        Kind::Push => "push",
        Kind::Message => "message",
    };
    Ok(ScopeRow {
        family: family.to_owned(),
        task,
        total: Counts::sum(&routes),
        routes,
    })
}
