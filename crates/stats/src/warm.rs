//! Brings the cold pages that events need into memory before the folder, which everybody shares, meets them.
//!
//! Only advice: what is missing by then, the folder loads itself.

use pushtally_ledger::{Page, PageKey, TaskState};
use pushtally_model::{Event, TaskNumber};
use pushtally_store::StoreError;

use crate::cache::Found;
use crate::shared::Shared;

/// Fetches what the events need and is cold, in key order, so that neighbours are read once.
pub(crate) async fn warm(shared: &Shared, events: &[Event]) -> Result<(), StoreError> {
    if !shared.cache.may_be_cold() {
        return Ok(());
    }
    let cold = |key: &PageKey| matches!(shared.cache.find(*key), Found::Cold);
    let mut tasks: Vec<TaskNumber> = events.iter().map(|event| event.task.number).collect();
    tasks.sort_unstable();
    tasks.dedup();
    let heads: Vec<PageKey> = tasks
        .iter()
        .map(|task| PageKey::Task(*task))
        .filter(cold)
        .collect();
    if !heads.is_empty() {
        shared.fetch(&heads).await?;
    }
    tasks.retain(|task| is_large(shared, *task));
    let mut parts: Vec<PageKey> = events
        .iter()
        .filter(|event| tasks.binary_search(&event.task.number).is_ok())
        .flat_map(|event| {
            let task = event.task.number;
            [
                PageKey::Marks(task, event.number.shard()),
                PageKey::TaskRows(task, event.at.day()),
            ]
        })
        .collect();
    parts.sort_unstable();
    parts.dedup();
    parts.retain(cold);
    if parts.is_empty() {
        Ok(())
    } else {
        shared.fetch(&parts).await
    }
}

fn is_large(shared: &Shared, task: TaskNumber) -> bool {
    match shared.cache.find(PageKey::Task(task)) {
        Found::Page(page) => match &*page {
            Page::Task(page) => matches!(page.state, TaskState::Large { .. }),
            Page::Total(_) | Page::Marks(_) | Page::Rows(_) | Page::Gone => false,
        },
        Found::Nothing | Found::Cold => false,
    }
}
