//! How many devices came how far, by route and channel: of tasks, or of an app's pushes and message pushes, in a window.

use pushtally_model::{AppId, Kind, TaskKey, Window};
use pushtally_store::{Identities, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kept::KeptError;
use super::numbers::Numbers;
use super::task_report::{Counts, RouteRow, routes};
use super::trace::find_either;
use crate::reasons::Reasons;

/// The counts of several scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tallies {
    /// The SDKAppID.
    pub app: u32,
    /// The first second that counts.
    pub from: u32,
    /// The first one that no longer does.
    pub to: u32,
    /// The Unix millisecond in which it was known; left out when it is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of_ms: Option<i64>,
    /// The scopes, in the order in which they were asked for.
    pub scopes: Vec<ScopeRow>,
}

/// The counts of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScopeRow {
    /// `push` or `message`.
    #[schemars(extend("enum" = ["push", "message"]))]
    pub family: String,
    /// The TaskId or PushID; `None` is the whole family.
    pub task: Option<String>,
    /// The sums of the routes. In flight means little in a window that does not hold all of a task.
    pub total: Counts,
    /// By route and channel; only those with a count.
    pub routes: Vec<RouteRow>,
}

/// Counts tasks, or without any both families. A task that the app does not know has no counts, as one that nothing
/// happened in. Earlier numbers are told of tasks only.
pub async fn tallies(
    identities: &dyn Identities,
    numbers: Numbers<'_>,
    app: AppId,
    tasks: &[String],
    window: Window,
) -> Result<Tallies, KeptError> {
    numbers.check().await?;
    let mut scopes = Vec::with_capacity(tasks.len().max(2));
    for counted in counted(identities, app, tasks, None).await? {
        scopes.push(row(identities, numbers, app, counted, window).await?);
    }
    Ok(Tallies {
        app: app.0,
        from: window.start().0,
        to: window.end().0,
        as_of_ms: numbers.as_of_ms(),
        scopes,
    })
}

/// Something that is counted.
pub(super) struct Counted {
    pub(super) family: Kind,
    /// The TaskId or PushID; `None` is the whole family.
    pub(super) task: Option<String>,
    /// `None` is the whole family, or a task that the app does not know, which then has no counts.
    pub(super) key: Option<TaskKey>,
}

impl Counted {
    pub(super) fn family_name(&self) -> String {
        family_name(self.family).to_owned()
    }
}

pub(super) const fn family_name(family: Kind) -> &'static str {
    match family {
        Kind::Push => "push",
        Kind::Message => "message",
    }
}

/// What tasks are counted as, or without any the families; of one family only if it is named.
pub(super) async fn counted(
    identities: &dyn Identities,
    app: AppId,
    tasks: &[String],
    family: Option<Kind>,
) -> Result<Vec<Counted>, StoreError> {
    let mut all = Vec::with_capacity(tasks.len().max(2));
    if tasks.is_empty() {
        let families = [Kind::Push, Kind::Message].into_iter();
        all.extend(
            families
                .filter(|kind| family.is_none_or(|family| family == *kind))
                .map(|family| Counted {
                    family,
                    task: None,
                    key: None,
                }),
        );
    }
    for id in tasks {
        let task = find(identities, app, id, family).await?;
        all.push(Counted {
            family: task.map_or(family.unwrap_or(Kind::Push), |task| task.kind),
            task: Some(id.clone()),
            key: task,
        });
    }
    Ok(all)
}

/// A task by its name: of this family, or of either.
pub(super) async fn find(
    identities: &dyn Identities,
    app: AppId,
    id: &str,
    family: Option<Kind>,
) -> Result<Option<TaskKey>, StoreError> {
    match family {
        None => find_either(identities, app, id).await,
        Some(family) => identities.find_task(app, family, id).await,
    }
}

async fn row(
    identities: &dyn Identities,
    numbers: Numbers<'_>,
    app: AppId,
    counted: Counted,
    window: Window,
) -> Result<ScopeRow, KeptError> {
    let tally = numbers.one_of(app, &counted, window).await?;
    let routes = routes(&tally, &Reasons::of_tally(identities, app, &tally).await?);
    Ok(ScopeRow {
        family: counted.family_name(),
        task: counted.task,
        total: Counts::sum(&routes),
        routes,
    })
}
