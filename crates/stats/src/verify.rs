//! Verification: every checksum, every task's marks against its tallies, and the whole log counted anew.
//!
//! The recount holds a part of the tasks at a time, so its memory is bounded and its time is not.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use pushtally_ledger::{
    Batch, Changes, Control, Mismatch, Page, PageKey, Pages, Record, RowReader, Section, TaskState,
    check_task, fold,
};
use pushtally_model::{AppId, Kind, TaskNumber};
use pushtally_store::{Engine, Installed, StoreError};

use crate::Stats;

/// Events recounted in one pass over the log: about 300 MB of pages at the worst.
const PASS_EVENTS_MAX: u64 = 20_000_000;
/// Pages compared at a time.
const COMPARE_PAGES: usize = 1024;
/// Differences listed; more are only counted.
const DIFFERENCES_MAX: usize = 20;

/// What verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Bytes of logs read; every checksum and link of the chain held.
    pub log_bytes: u64,
    /// Pages read; every checksum held.
    pub pages: u64,
    /// Large tasks whose marks were compared with their tallies.
    pub tasks_compared: u64,
    /// Events counted anew from the log; `None` when retention has dropped a part of it.
    pub events_recounted: Option<u64>,
    /// What differed, in words, the first few.
    pub differences: Vec<String>,
    /// How many differed.
    pub differences_len: u64,
}

impl Verified {
    fn differ(&mut self, what: impl FnOnce() -> String) {
        self.differences_len += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(what());
        }
    }
}

impl Stats {
    /// Verifies everything acknowledged before the call. Intake goes on; snapshots wait.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        self.snapshot().await?;
        let _held = self.hold_snapshots();
        let engine = self.engine();
        let generation = engine.pages.generation();
        let mut verified = Verified {
            log_bytes: engine.log.verify().await?,
            ..Verified::default()
        };
        verified.pages = engine.pages.verify().await?;
        compare_tasks(engine, &mut verified).await?;
        recount(engine, &mut verified).await?;
        if engine.pages.generation() == generation {
            Ok(verified)
        } else {
            Err(StoreError::Busy {
                what: "memory ran short and a snapshot was written while verifying".to_owned(),
            })
        }
    }
}

/// Pages brought in for one task.
struct Loaded(HashMap<PageKey, Arc<Page>>);

impl RowReader for Loaded {
    type Error = std::convert::Infallible;

    fn read(&mut self, key: PageKey) -> Result<Option<Arc<Page>>, Self::Error> {
        Ok(self.0.get(&key).cloned())
    }
}

async fn compare_tasks(engine: &Engine, verified: &mut Verified) -> Result<(), StoreError> {
    let mut large: Vec<(TaskNumber, Vec<PageKey>)> = Vec::new();
    let mut visit = |key, page| {
        let (PageKey::Task(task), Page::Task(page)) = (key, page) else {
            return ControlFlow::Break(());
        };
        if let TaskState::Large { shards, days } = page.state {
            let marks = shards.into_iter().map(|shard| PageKey::Marks(task, shard));
            let rows = days.iter().map(|(day, _)| PageKey::TaskRows(task, day));
            large.push((
                task,
                [PageKey::Task(task)]
                    .into_iter()
                    .chain(marks)
                    .chain(rows)
                    .collect(),
            ));
        }
        ControlFlow::Continue(())
    };
    engine
        .pages
        .scan(PageKey::Task(TaskNumber(0)), &mut visit)
        .await?;
    for (task, keys) in large {
        let pages = engine.pages.load_many(&keys).await?;
        let found = keys
            .into_iter()
            .zip(pages)
            .filter_map(|(key, page)| Some((key, Arc::new(page?))));
        let Ok(mismatches) = check_task(task, &mut Loaded(found.collect()));
        verified.tasks_compared += 1;
        for mismatch in mismatches {
            verified.differ(|| Mismatch::to_string(&mismatch));
        }
    }
    Ok(())
}

/// Pages of a recount.
#[derive(Default)]
struct Recount(BTreeMap<PageKey, Page>);

impl Pages for Recount {
    type Error = std::convert::Infallible;

    fn change<R>(
        &mut self,
        key: PageKey,
        _: Option<bool>,
        change: impl FnOnce(&mut Page) -> R,
    ) -> Result<R, Self::Error> {
        Ok(change(self.0.entry(key).or_insert(Page::Gone)))
    }
}

async fn recount(engine: &Engine, verified: &mut Verified) -> Result<(), StoreError> {
    let installed = engine.pages.installed().await?;
    if engine.log.report().await?.first > 1 {
        return Ok(());
    }
    let recorded = recorded(engine).await?;
    let passes = u32::try_from(recorded.div_ceil(PASS_EVENTS_MAX).max(1)).unwrap_or(u32::MAX);
    let mut overall: BTreeMap<PageKey, Page> = BTreeMap::new();
    let mut counted = 0;
    for pass in 0..passes {
        let mut pages = count_pass(engine, &installed, passes, pass).await?;
        let tasks = pages.0.split_off(&PageKey::Task(TaskNumber(0)));
        let (tasks, rows) = tasks
            .into_iter()
            .partition(|(key, _)| !matches!(key, PageKey::TotalRows(..)));
        for (key, page) in std::mem::take(&mut pages.0)
            .into_iter()
            .chain::<BTreeMap<_, _>>(rows)
        {
            match overall.get_mut(&key) {
                Some(sum) => sum.absorb(page),
                None => drop(overall.insert(key, page)),
            }
        }
        counted += tasks.len() as u64;
        compare(engine, tasks, verified).await?;
    }
    counted += overall.len() as u64;
    compare(engine, overall, verified).await?;
    let stored = verified.pages;
    if counted != stored {
        verified.differ(|| format!("`{stored}` pages are stored, the log makes `{counted}`"));
    }
    verified.events_recounted = Some(recorded);
    Ok(())
}

/// Events of all apps, as the stored counters say.
async fn recorded(engine: &Engine) -> Result<u64, StoreError> {
    let mut recorded = 0;
    let mut visit = |_, page| {
        let Page::Total(total) = page else {
            return ControlFlow::Break(());
        };
        recorded += total.counters.recorded();
        ControlFlow::Continue(())
    };
    engine
        .pages
        .scan(PageKey::Total(AppId(0), Kind::Push), &mut visit)
        .await?;
    Ok(recorded)
}

async fn count_pass(
    engine: &Engine,
    installed: &Installed,
    passes: u32,
    pass: u32,
) -> Result<Recount, StoreError> {
    let mut pages = Recount::default();
    let mut visit = |at: pushtally_store::Position, batch: Batch| {
        if at.of(0) > installed.included.of(0) {
            return ControlFlow::Break(());
        }
        let Ok(_) = fold(
            &only(batch, passes, pass),
            &mut pages,
            &mut Changes::default(),
        );
        ControlFlow::Continue(())
    };
    engine
        .log
        .replay(&pushtally_store::Position::default(), &mut visit)
        .await?;
    pages.0.retain(|_, page| *page != Page::Gone);
    Ok(pages)
}

/// The part of a batch that concerns one pass's tasks.
fn only(batch: Batch, passes: u32, pass: u32) -> Batch {
    let mine = |task: TaskNumber| task.0 % passes == pass;
    let records = batch.records.into_iter().filter_map(|record| match record {
        Record::Events(section) => {
            let events = section
                .events()
                .iter()
                .filter(|event| mine(event.task.number))
                .copied()
                .collect();
            Some(Record::Events(Section::new(section.source, events)))
        }
        Record::Control(Control::ForgetTask { task, .. }) if !mine(task.number) => None,
        Record::Control(control) => Some(Record::Control(control)),
        Record::Calls(_) => None,
    });
    Batch {
        recorded_ms: batch.recorded_ms,
        records: records.collect(),
    }
}

async fn compare(
    engine: &Engine,
    counted: BTreeMap<PageKey, Page>,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let counted: Vec<(PageKey, Page)> = counted.into_iter().collect();
    for chunk in counted.chunks(COMPARE_PAGES) {
        let keys: Vec<PageKey> = chunk.iter().map(|(key, _)| *key).collect();
        for ((key, counted), stored) in chunk.iter().zip(engine.pages.load_many(&keys).await?) {
            if stored.as_ref() != Some(counted) {
                verified
                    .differ(|| format!("{key:?}: the log counts differently from what is stored"));
            }
        }
    }
    Ok(())
}
