//! How a task stands: its jobs, and its counts from the ledger, by route and channel.
//!
//! For every route and channel: planned = sent + lost before sending + in flight.

use std::collections::BTreeMap;

use pushtally_ledger::Tally;
use pushtally_model::{AppId, Cell, Channel, Lane, Route, Stage, TaskId, Window};
use pushtally_store::{Identities, LossText, StoredTask, Tasks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TaskRow;
use super::kept::KeptError;
use super::numbers::Numbers;
use crate::reasons::Reasons;

/// A task and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskReport {
    /// The task.
    #[serde(flatten)]
    pub task: TaskRow,
    /// Whether all tasks of its app wait.
    pub app_paused: bool,
    /// Jobs that are left.
    pub jobs_left: usize,
    /// The Unix millisecond in which the counts were known; left out when they are known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of_ms: Option<i64>,
    /// The sums of the routes.
    pub total: Counts,
    /// By route and channel; only those with a count.
    pub routes: Vec<RouteRow>,
}

/// Counts of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Who could be reached.
    pub planned: u64,
    /// Who was sent to.
    pub sent: u64,
    /// Who got it.
    pub delivered: u64,
    /// Who tapped it.
    pub clicked: u64,
    /// Who was lost before sending.
    pub lost: u64,
    /// Who is planned and has not ended. Never negative unless the ledger does not close.
    pub in_flight: i64,
}

/// The counts of a route and channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteRow {
    /// `online` or `offline`.
    #[schemars(extend("enum" = ["online", "offline"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// Why devices were lost, most first.
    pub losses: Vec<LossRow>,
}

/// How many devices were lost for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LossRow {
    /// The stage they did not reach: `sent`, `delivered` or `clicked`.
    #[schemars(extend("enum" = ["sent", "delivered", "clicked"]))]
    pub before: String,
    /// The code of whoever refused them; ours are negative.
    pub code: i64,
    /// Its text.
    pub text: String,
    /// How many.
    pub count: u64,
}

/// How an app's task stands; `None` when it has no such task. Jobs and counts are read one after the other, so a task that
/// is moving may show a job more than its counts.
pub async fn task_report(
    tasks: &dyn Tasks,
    identities: &dyn Identities,
    numbers: Numbers<'_>,
    app: AppId,
    id: &TaskId,
) -> Result<Option<TaskReport>, KeptError> {
    numbers.check().await?;
    let Some(task) = tasks.find_stored_task(app, id).await? else {
        return Ok(None);
    };
    let tally = tally(identities, numbers, &task).await?;
    let reasons = Reasons::of_tally(identities, app, &tally).await?;
    let routes = routes(&tally, &reasons);
    Ok(Some(TaskReport {
        task: TaskRow::from(&task),
        app_paused: tasks.app_paused(app).await?,
        jobs_left: tasks.jobs_left(task.seq).await?,
        as_of_ms: numbers.as_of_ms(),
        total: Counts::sum(&routes),
        routes,
    }))
}

/// A task that has no number yet has no counts.
async fn tally(
    identities: &dyn Identities,
    numbers: Numbers<'_>,
    task: &StoredTask,
) -> Result<Tally, KeptError> {
    let (app, id) = (task.draft.app, task.draft.id.as_str());
    let family = task.draft.kind.family();
    let Some(key) = identities.find_task(app, family, id).await? else {
        return Ok(Tally::default());
    };
    let tallies = numbers.of_task(app, (key, id), &[Window::all()]).await?;
    Ok(tallies.into_iter().next().unwrap_or_default())
}

pub(super) fn routes(tally: &Tally, reasons: &Reasons) -> Vec<RouteRow> {
    let mut rows: BTreeMap<(Route, Channel), RouteRow> = BTreeMap::new();
    for (cell, _) in tally.cells() {
        let (route, channel) = (cell.route(), cell.channel());
        rows.entry((route, channel)).or_insert_with(|| RouteRow {
            route: route_name(route).to_owned(),
            channel: channel.name().to_owned(),
            counts: Counts::of(tally, route, channel),
            losses: Vec::new(),
        });
    }
    for (cell, loss, count) in tally.losses() {
        let row = rows.get_mut(&(cell.route(), cell.channel()));
        if let (Some(row), Some(before)) = (row, before(cell.lane())) {
            let LossText { code, text } = reasons.of(loss);
            row.losses.push(LossRow {
                before: before.to_owned(),
                code,
                text,
                count,
            });
        }
    }
    let mut rows: Vec<RouteRow> = rows.into_values().collect();
    for row in &mut rows {
        row.losses.sort_by_key(|loss| std::cmp::Reverse(loss.count));
    }
    rows
}

impl Counts {
    pub(super) fn of(tally: &Tally, route: Route, channel: Channel) -> Self {
        let reached = |stage| tally.reached(route, channel, stage);
        let lost = tally.cell(Cell::new(route, channel, Lane::LostBeforeSent));
        let (planned, sent) = (reached(Stage::Planned), reached(Stage::Sent));
        Self {
            planned,
            sent,
            delivered: reached(Stage::Delivered),
            clicked: reached(Stage::Clicked),
            lost,
            in_flight: planned.cast_signed() - sent.cast_signed() - lost.cast_signed(),
        }
    }

    pub(super) fn sum(routes: &[RouteRow]) -> Self {
        let add = |total: Self, route: &RouteRow| total.plus(&route.counts);
        routes.iter().fold(Self::default(), add)
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            planned: self.planned + other.planned,
            sent: self.sent + other.sent,
            delivered: self.delivered + other.delivered,
            clicked: self.clicked + other.clicked,
            lost: self.lost + other.lost,
            in_flight: self.in_flight + other.in_flight,
        }
    }
}

pub(super) const fn route_name(route: Route) -> &'static str {
    match route {
        Route::Offline => "offline",
        Route::Online => "online",
    }
}

/// The stage that a loss is a loss before.
pub(super) const fn before(lane: Lane) -> Option<&'static str> {
    match lane {
        Lane::LostBeforeSent => Some("sent"),
        Lane::LostBeforeDelivered => Some("delivered"),
        Lane::LostBeforeClicked => Some("clicked"),
        Lane::Planned | Lane::Sent | Lane::Delivered | Lane::Clicked => None,
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::LossId;

    use super::*;

    #[test]
    fn what_is_planned_has_ended_or_is_in_flight() {
        let mut tally = Tally::default();
        let online = |lane| Cell::new(Route::Online, Channel::Online, lane);
        tally.add(online(Lane::Planned), LossId::NONE, 10);
        tally.add(online(Lane::Sent), LossId::NONE, 5);
        tally.add(online(Lane::Delivered), LossId::NONE, 4);
        tally.add(online(Lane::LostBeforeSent), LossId(2), 1);
        tally.add(online(Lane::LostBeforeSent), LossId(3), 2);
        let apns = Cell::new(Route::Offline, Channel::Apns, Lane::Planned);
        tally.add(apns, LossId::NONE, 3);
        let reasons = Reasons(BTreeMap::from([(LossId(3), LossText::new(-7, "slow"))]));
        let rows = routes(&tally, &reasons);
        let counts = |row: &RouteRow| {
            let counts = row.counts;
            (counts.planned, counts.sent, counts.lost, counts.in_flight)
        };
        assert_eq!(rows.len(), 2);
        assert_eq!(counts(&rows[0]), (3, 0, 0, 3));
        assert_eq!(counts(&rows[1]), (10, 5, 3, 2));
        let losses: Vec<_> = rows[1]
            .losses
            .iter()
            .map(|loss| (loss.code, loss.text.as_str(), loss.count))
            .collect();
        assert_eq!(losses, [(-7, "slow", 2), (0, "other", 1)]);
        assert_eq!(rows[1].losses[0].before, "sent");
    }
}
