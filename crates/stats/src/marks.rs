//! What the marks of one task say: who was planned, who has not ended yet, how far one device came.
//!
//! `dispatch` sends what is pending and nothing else. Whatever a caller has had answered is in these answers.
//! Cold pages are fetched as queries fetch theirs.

use std::sync::Arc;

use pushtally_ledger::{Entry, MarksPage, Page, PageKey, TaskState};
use pushtally_model::{Cell, Channel, Lane, Number, Route, TaskKey};
use pushtally_store::StoreError;

use crate::Stats;
use crate::cache::Found;
use crate::query;

/// A device on one way to it.
pub type Planned = (Route, Channel, Number);

/// The two ways in which what is planned ends.
const ENDS: [Lane; 2] = [Lane::Sent, Lane::LostBeforeSent];

impl Stats {
    /// What is planned and has neither been sent nor lost before sending: of one shard or all, ordered by route and
    /// channel, then device.
    pub async fn pending(
        &self,
        task: TaskKey,
        shard: Option<u16>,
    ) -> Result<Vec<Planned>, StoreError> {
        let head = self.page(PageKey::Task(task.number)).await?;
        let mut pending = Vec::new();
        match state(head.as_deref()) {
            Some(TaskState::Small(run)) => pending_of_run(run, shard, &mut pending),
            Some(TaskState::Large { shards, .. }) => {
                let wanted = |at: &&u16| shard.is_none_or(|one| one == **at);
                for shard in shards.iter().filter(wanted) {
                    let page = self.page(PageKey::Marks(task.number, *shard)).await?;
                    if let Some(marks) = marks(page.as_deref()) {
                        pending_of_page(marks, *shard, &mut pending);
                    }
                }
                pending.sort_by_key(|(route, channel, _)| (*route, *channel));
            }
            Some(TaskState::Forgotten) | None => {}
        }
        Ok(pending)
    }

    /// The devices of a shard that were planned on some way and not lost on it: sent, or not ended yet. Ascending.
    pub async fn sent_or_pending(
        &self,
        task: TaskKey,
        shard: u16,
    ) -> Result<Vec<Number>, StoreError> {
        let head = self.page(PageKey::Task(task.number)).await?;
        let mut found = Vec::new();
        match state(head.as_deref()) {
            Some(TaskState::Small(run)) => {
                let of_shard = |entry: &&Entry| entry.number.shard() == shard;
                let lost = |entry: &&Entry| {
                    is_in_run(
                        run,
                        entry.cell.with_lane(Lane::LostBeforeSent),
                        entry.number,
                    )
                };
                let kept = planned_of_run(run)
                    .filter(of_shard)
                    .filter(|entry| !lost(entry));
                found.extend(kept.map(|entry| entry.number));
            }
            Some(TaskState::Large { .. }) => {
                let page = self.page(PageKey::Marks(task.number, shard)).await?;
                if let Some(marks) = marks(page.as_deref()) {
                    sent_or_pending_of_page(marks, shard, &mut found);
                }
            }
            Some(TaskState::Forgotten) | None => {}
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The shards in which anything of a task was planned, ascending.
    pub async fn planned_shards(&self, task: TaskKey) -> Result<Vec<u16>, StoreError> {
        let head = self.page(PageKey::Task(task.number)).await?;
        let mut planned = Vec::new();
        match state(head.as_deref()) {
            Some(TaskState::Small(run)) => {
                planned.extend(planned_of_run(run).map(|entry| entry.number.shard()));
                planned.sort_unstable();
                planned.dedup();
            }
            Some(TaskState::Large { shards, .. }) => {
                for shard in shards {
                    if self.has_planned_page(task, *shard).await? {
                        planned.push(*shard);
                    }
                }
            }
            Some(TaskState::Forgotten) | None => {}
        }
        Ok(planned)
    }

    /// Whether anything of a task was planned in a shard, or in any.
    pub async fn has_planned(&self, task: TaskKey, shard: Option<u16>) -> Result<bool, StoreError> {
        let planned = self.planned_shards(task).await?;
        Ok(shard.map_or(!planned.is_empty(), |shard| planned.contains(&shard)))
    }

    /// Every mark of a device in a task, ascending.
    pub async fn marks_of(&self, task: TaskKey, number: Number) -> Result<Vec<Cell>, StoreError> {
        let head = self.page(PageKey::Task(task.number)).await?;
        let all = (0..=u8::MAX).filter_map(Cell::from_byte);
        match state(head.as_deref()) {
            Some(TaskState::Small(run)) => {
                Ok(all.filter(|cell| is_in_run(run, *cell, number)).collect())
            }
            Some(TaskState::Large { .. }) => {
                let page = self
                    .page(PageKey::Marks(task.number, number.shard()))
                    .await?;
                let marks = marks(page.as_deref());
                let marked =
                    |cell: &Cell| marks.is_some_and(|marks| marks.contains(*cell, number.slot()));
                Ok(all.filter(marked).collect())
            }
            Some(TaskState::Forgotten) | None => Ok(Vec::new()),
        }
    }

    async fn has_planned_page(&self, task: TaskKey, shard: u16) -> Result<bool, StoreError> {
        let page = self.page(PageKey::Marks(task.number, shard)).await?;
        let planned = |marks: &MarksPage| {
            let mut cells = marks.cells().into_iter();
            cells.any(|(cell, _)| cell.lane() == Lane::Planned)
        };
        Ok(marks(page.as_deref()).is_some_and(planned))
    }

    pub(crate) async fn page(&self, key: PageKey) -> Result<Option<Arc<Page>>, StoreError> {
        self.refuse_if_failed()?;
        match self.shared.cache.find(key) {
            Found::Page(page) => Ok(Some(page)),
            Found::Nothing => Ok(None),
            Found::Cold => query::fetch(&self.shared, key).await,
        }
    }
}

fn state(head: Option<&Page>) -> Option<&TaskState> {
    match head? {
        Page::Task(page) => Some(&page.state),
        Page::Total(_) | Page::Marks(_) | Page::Rows(_) | Page::Gone => None,
    }
}

fn marks(page: Option<&Page>) -> Option<&MarksPage> {
    match page? {
        Page::Marks(marks) => Some(marks),
        Page::Total(_) | Page::Task(_) | Page::Rows(_) | Page::Gone => None,
    }
}

fn is_in_run(run: &[Entry], cell: Cell, number: Number) -> bool {
    run.binary_search_by_key(&(cell, number), |entry| (entry.cell, entry.number))
        .is_ok()
}

fn planned_of_run(run: &[Entry]) -> impl Iterator<Item = &Entry> {
    run.iter()
        .filter(|entry| entry.cell.lane() == Lane::Planned)
}

fn pending_of_run(run: &[Entry], shard: Option<u16>, pending: &mut Vec<Planned>) {
    let wanted = |entry: &&Entry| shard.is_none_or(|shard| entry.number.shard() == shard);
    let open = |entry: &&Entry| {
        let ended = |lane: &Lane| is_in_run(run, entry.cell.with_lane(*lane), entry.number);
        !ENDS.iter().any(ended)
    };
    let entries = planned_of_run(run).filter(wanted).filter(open);
    pending.extend(entries.map(|entry| (entry.cell.route(), entry.cell.channel(), entry.number)));
}

fn pending_of_page(page: &MarksPage, shard: u16, pending: &mut Vec<Planned>) {
    let cells = page.cells();
    let set = |wanted| {
        let mut cells = cells.iter();
        cells.find(|(cell, _)| *cell == wanted).map(|(_, set)| set)
    };
    for (cell, planned) in cells
        .iter()
        .filter(|(cell, _)| cell.lane() == Lane::Planned)
    {
        let ended = ENDS.map(|lane| set(cell.with_lane(lane)));
        let open = planned
            .iter()
            .filter(|slot| !ended.iter().flatten().any(|set| set.contains(*slot)));
        let number = |slot| Number(u32::from(shard) << 16 | u32::from(slot));
        pending.extend(open.map(|slot| (cell.route(), cell.channel(), number(slot))));
    }
}

fn sent_or_pending_of_page(page: &MarksPage, shard: u16, found: &mut Vec<Number>) {
    let cells = page.cells();
    for (cell, planned) in &cells {
        if cell.lane() != Lane::Planned {
            continue;
        }
        let lost_cell = cell.with_lane(Lane::LostBeforeSent);
        let lost = cells.iter().find(|(other, _)| *other == lost_cell);
        let kept = planned
            .iter()
            .filter(|slot| !lost.is_some_and(|(_, lost)| lost.contains(*slot)));
        found.extend(kept.map(|slot| Number(u32::from(shard) << 16 | u32::from(slot))));
    }
}
