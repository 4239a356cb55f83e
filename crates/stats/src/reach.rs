//! How many different devices several tasks reached, from their marks: exact, and for tasks of any age.
//!
//! One page is in hand at a time, and the bitmaps of one shard: whatever the tasks' sizes, a call takes under a megabyte
//! beside the runs of small tasks.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_ledger::{Page, PageKey, Reach, ShardReach, TaskState};
use pushtally_model::{Cell, TaskKey, TaskNumber};
use pushtally_store::StoreError;

use crate::Stats;

/// Reaches counted at once: each may read every page of its tasks' marks, and bring nothing into the cache that lasts.
pub(crate) const REACHES_AT_ONCE_MAX: usize = 2;

/// What several tasks reached together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TasksReach {
    /// The counts.
    pub reach: Reach,
    /// Those of which nothing is kept any more, and which are not in the counts.
    pub forgotten: BTreeSet<TaskNumber>,
}

/// Where the marks of some tasks are.
#[derive(Default)]
struct Heads {
    /// Of small tasks, the marks themselves, by shard.
    small: BTreeMap<u16, Vec<(Cell, u16)>>,
    /// Of large ones, by shard.
    large: BTreeMap<u16, Vec<TaskNumber>>,
    forgotten: BTreeSet<TaskNumber>,
}

impl Stats {
    /// How many different devices these tasks of one app reached, each task once. What is recorded meanwhile may count or
    /// not. `Busy` when too many such counts are going on.
    pub async fn reach(&self, tasks: &BTreeSet<TaskKey>) -> Result<TasksReach, StoreError> {
        let _held = self.shared.reaches.try_acquire().map_err(|_| {
            let what = format!("`{REACHES_AT_ONCE_MAX}` reaches are being counted");
            StoreError::Busy { what }
        })?;
        loop {
            let heads = self.heads(tasks).await?;
            let reach = self.unite(&heads).await?;
            // A task that was forgotten meanwhile is in by a part; that happens to each at most once.
            let forgotten = self.heads(tasks).await?.forgotten;
            if forgotten == heads.forgotten {
                return Ok(TasksReach { reach, forgotten });
            }
        }
    }

    async fn heads(&self, tasks: &BTreeSet<TaskKey>) -> Result<Heads, StoreError> {
        let mut heads = Heads::default();
        for task in tasks {
            let head = self.page(PageKey::Task(task.number)).await?;
            let Some(Page::Task(head)) = head.as_deref() else {
                continue;
            };
            match &head.state {
                TaskState::Small(run) => {
                    for entry in run {
                        let of_shard = heads.small.entry(entry.number.shard()).or_default();
                        of_shard.push((entry.cell, entry.number.slot()));
                    }
                }
                TaskState::Large { shards, .. } => {
                    for shard in shards {
                        heads.large.entry(*shard).or_default().push(task.number);
                    }
                }
                TaskState::Forgotten => {
                    heads.forgotten.insert(task.number);
                }
            }
        }
        Ok(heads)
    }

    async fn unite(&self, heads: &Heads) -> Result<Reach, StoreError> {
        let mut reach = Reach::default();
        let shards: BTreeSet<u16> = heads
            .small
            .keys()
            .chain(heads.large.keys())
            .copied()
            .collect();
        for shard in shards {
            let mut united = ShardReach::default();
            for (cell, slot) in heads.small.get(&shard).into_iter().flatten() {
                united.mark(*cell, *slot);
            }
            for task in heads.large.get(&shard).into_iter().flatten() {
                let page = self.page(PageKey::Marks(*task, shard)).await?;
                if let Some(Page::Marks(marks)) = page.as_deref() {
                    united.add(marks);
                }
                // Uniting takes some ten microseconds a page.
                tokio::task::yield_now().await;
            }
            reach.add(united);
        }
        Ok(reach)
    }
}
