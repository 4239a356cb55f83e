//! Our side of a comparison with the service whose callbacks are imported: tasks, their counts, and when they began.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_ledger::Tally;
use pushtally_model::{AppId, Kind, Origin, Scope, Second, Stage, TaskKey, TaskNumber, Window};
use pushtally_reconcile::{Counts, OurRow, OurTask, Place, whole_days};
use pushtally_stats::Stats;
use pushtally_store::{Identities, NamedTask, StoreError};
use serde::{Deserialize, Serialize};

use super::{ActError, Acts, Done};

/// Tasks that one answer holds, some 10 KiB each.
pub(crate) const TASKS_A_PAGE: usize = 50;
/// Names that are looked at for one answer.
const NAMES_A_PAGE: usize = 500;
/// The oldest tasks, of which the first event of all is the first one. More than one, since events of several tasks come in
/// any order.
const OLDEST: usize = 20;

/// A part of our side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OurSide {
    pub(crate) tasks: Vec<OurTask>,
    /// Ask on from here; `None` at the end.
    pub(crate) next: Option<u32>,
    /// The second of the first imported event of all; told at the beginning only.
    pub(crate) first: Option<u32>,
    /// Events of the app that were counted already when they came.
    pub(crate) repeated: u64,
}

impl Acts {
    /// The tasks of these names or, without any, the imported ones on from a place that have an event in the window.
    pub(super) async fn our_side(
        &self,
        app: AppId,
        names: &[String],
        (from, to): (u32, u32),
        place: u32,
    ) -> Result<Done, ActError> {
        self.require(app)?;
        let window = Window::new(Second(from), Second(to)).unwrap_or(Window::all());
        let identities = &*self.opened.engine.identities;
        let side = async |stats: &Stats| {
            let look = Look {
                identities,
                stats,
                app,
                window,
            };
            let (tasks, next) = match names {
                [] => look.imported(TaskNumber(place)).await?,
                names => (look.named(names).await?, None),
            };
            Ok::<_, StoreError>(OurSide {
                tasks,
                next,
                first: match place {
                    0 => look.first().await?,
                    _ => None,
                },
                repeated: stats.counters(app, Kind::Push).await?.duplicate,
            })
        };
        Ok(Done::OurSide(self.with_ledger(side).await?))
    }
}

/// Looks at the tasks of an app.
struct Look<'a> {
    identities: &'a dyn Identities,
    stats: &'a Stats,
    app: AppId,
    window: Window,
}

impl Look<'_> {
    async fn named(&self, names: &[String]) -> Result<Vec<OurTask>, StoreError> {
        let mut tasks = Vec::with_capacity(names.len());
        for id in names {
            let key = self.identities.find_task(self.app, Kind::Push, id);
            tasks.push(match key.await? {
                Some(key) => self.task(id, key).await?,
                None => OurTask {
                    id: id.clone(),
                    origin: pushtally_reconcile::Origin::Unknown,
                    rows: Vec::new(),
                    first: None,
                    last: None,
                },
            });
        }
        Ok(tasks)
    }

    async fn imported(&self, from: TaskNumber) -> Result<(Vec<OurTask>, Option<u32>), StoreError> {
        let names = self.names(from, NAMES_A_PAGE).await?;
        let may_be_more = names.len() == NAMES_A_PAGE;
        let end = |task: &NamedTask| task.key.number.0 + 1;
        let last = names.last().map(end).filter(|_| may_be_more);
        let mut tasks = Vec::new();
        for task in &names {
            if !is_imported(task) || !self.has_any(task.key, self.window).await? {
                continue;
            }
            tasks.push(self.task(&task.id, task.key).await?);
            if tasks.len() == TASKS_A_PAGE {
                return Ok((tasks, Some(end(task))));
            }
        }
        Ok((tasks, last))
    }

    async fn names(&self, from: TaskNumber, max: usize) -> Result<Vec<NamedTask>, StoreError> {
        self.identities.tasks_of(self.app, from, max).await
    }

    /// Numbers are given as tasks become known, so the oldest have the lowest.
    async fn first(&self) -> Result<Option<u32>, StoreError> {
        let (mut from, mut first, mut seen) = (TaskNumber(0), None, 0);
        loop {
            let names = self.names(from, NAMES_A_PAGE).await?;
            for task in names.iter().filter(|task| is_imported(task)) {
                let began = self.first_of(task.key).await?;
                seen += usize::from(began.is_some());
                first = [first, began].into_iter().flatten().min();
                if seen == OLDEST {
                    return Ok(first);
                }
            }
            match names.last() {
                Some(last) if names.len() == NAMES_A_PAGE => {
                    from = TaskNumber(last.key.number.0 + 1);
                }
                _ => return Ok(first),
            }
        }
    }

    async fn task(&self, id: &str, key: TaskKey) -> Result<OurTask, StoreError> {
        let scope = Scope::Task(key.number);
        let tally = async |window| self.stats.tally(self.app, scope, window).await;
        let (within, in_days, ever) = (
            tally(self.window).await?,
            tally(whole_days(self.window)).await?,
            tally(Window::all()).await?,
        );
        let mut rows: BTreeMap<Place, OurRow> = BTreeMap::new();
        let ways = ever.cells().map(|(cell, _)| (cell.route(), cell.channel()));
        for (route, channel) in ways.collect::<BTreeSet<_>>() {
            let counts = |tally: &Tally| {
                let of = |stage| tally.reached(route, channel, stage);
                Counts {
                    planned: of(Stage::Planned),
                    sent: of(Stage::Sent),
                    delivered: of(Stage::Delivered),
                    clicked: of(Stage::Clicked),
                }
            };
            let place = Place {
                route: route as u64,
                platform: channel.push_platform().into(),
            };
            // Two channels of a task of our own may be shown under one number.
            let row = rows.entry(place).or_insert(OurRow {
                place,
                within: Counts::default(),
                in_days: Counts::default(),
                ever: Counts::default(),
            });
            row.within = row.within.plus(counts(&within));
            row.in_days = row.in_days.plus(counts(&in_days));
            row.ever = row.ever.plus(counts(&ever));
        }
        Ok(OurTask {
            id: id.to_owned(),
            origin: match key.origin {
                Origin::Imported => pushtally_reconcile::Origin::Imported,
                Origin::Own => pushtally_reconcile::Origin::Own,
            },
            rows: rows.into_values().collect(),
            first: self.first_of(key).await?,
            last: self.last_of(key).await?,
        })
    }

    async fn has_any(&self, key: TaskKey, window: Window) -> Result<bool, StoreError> {
        let scope = Scope::Task(key.number);
        let tally = self.stats.tally(self.app, scope, window).await?;
        Ok(tally.cells().next().is_some())
    }

    /// The second of the first event: the highest before which there is none.
    async fn first_of(&self, key: TaskKey) -> Result<Option<u32>, StoreError> {
        if !self.has_any(key, Window::all()).await? {
            return Ok(None);
        }
        let mut edge = Edge::default();
        while let Some(at) = edge.ask() {
            edge.hear(at, self.has_any_in(key, 0, at).await?);
        }
        Ok(Some(edge.low))
    }

    /// The second of the last event: the highest from which on there is one.
    async fn last_of(&self, key: TaskKey) -> Result<Option<u32>, StoreError> {
        if !self.has_any(key, Window::all()).await? {
            return Ok(None);
        }
        let mut edge = Edge::default();
        while let Some(at) = edge.ask() {
            edge.hear(at, !self.has_any_in(key, at, u32::MAX).await?);
        }
        Ok(Some(edge.low))
    }

    async fn has_any_in(&self, key: TaskKey, from: u32, to: u32) -> Result<bool, StoreError> {
        match Window::new(Second(from), Second(to)) {
            Ok(window) => self.has_any(key, window).await,
            Err(_) => Ok(false),
        }
    }
}

/// Looks for the highest second that is not beyond an edge: 0 is not, and whatever is after one that is beyond is beyond, too.
/// Rows say when something was counted only by their sums, so it goes by halves.
struct Edge {
    /// Not beyond.
    low: u32,
    /// Beyond.
    high: u32,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            low: 0,
            high: u32::MAX,
        }
    }
}

impl Edge {
    /// The second to look at next; `None` when the lower end is what was looked for.
    fn ask(&self) -> Option<u32> {
        let between = self.high - self.low;
        (between > 1).then_some(self.low + between / 2)
    }

    fn hear(&mut self, at: u32, is_beyond: bool) {
        if is_beyond {
            self.high = at;
        } else {
            self.low = at;
        }
    }
}

fn is_imported(task: &NamedTask) -> bool {
    task.key.kind == Kind::Push && task.key.origin == Origin::Imported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_found_wherever_it_is() {
        for expected in [0, 1, 2, 1_764_136_800, u32::MAX - 1] {
            let mut edge = Edge::default();
            while let Some(at) = edge.ask() {
                edge.hear(at, at > expected);
            }
            assert_eq!(edge.low, expected);
        }
    }
}
