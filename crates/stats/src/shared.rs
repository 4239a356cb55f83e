//! What the threads and callers of one ledger share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use pushtally_ledger::{Page, PageKey};
use pushtally_store::{Engine, StoreError};
use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::intake::Intake;
use crate::reach::REACHES_AT_ONCE_MAX;
use crate::trace::TRACES_AT_ONCE_MAX;

/// Pages read from snapshots at once for callers: enough to hide a disk's latency, too few to crowd it.
const COLD_READS_MAX: usize = 16;

/// The shared parts.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) cache: Cache,
    pub(crate) intake: Intake,
    pub(crate) counters: Counters,
    cold_reads: Semaphore,
    pub(crate) traces: Arc<Semaphore>,
    pub(crate) reaches: Semaphore,
    failed: Mutex<Option<String>>,
    holds: AtomicUsize,
}

/// While it lives, snapshots wait.
#[derive(Debug)]
pub(crate) struct Held(Arc<Shared>);

impl Held {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.holds.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) events: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) snapshots: AtomicU64,
}

impl Shared {
    pub(crate) fn new(engine: Engine, cache: Cache, intake: Intake) -> Self {
        Self {
            engine,
            cache,
            intake,
            counters: Counters::default(),
            cold_reads: Semaphore::new(COLD_READS_MAX),
            traces: Arc::new(Semaphore::new(TRACES_AT_ONCE_MAX)),
            reaches: Semaphore::new(REACHES_AT_ONCE_MAX),
            failed: Mutex::default(),
            holds: AtomicUsize::new(0),
        }
    }

    /// Whether snapshots must wait.
    pub(crate) fn is_held(&self) -> bool {
        self.holds.load(Ordering::Relaxed) > 0
    }

    /// Why nothing more is accepted, if so.
    pub(crate) fn failed(&self) -> Option<String> {
        self.failed.lock().clone()
    }

    /// Accepts nothing more. The first reason stays.
    pub(crate) fn fail(&self, why: &str) {
        let mut failed = self.failed.lock();
        if failed.is_none() {
            tracing::error!(
                why,
                "the ledger has failed and accepts nothing more; restart the process"
            );
            *failed = Some(why.to_owned());
        }
    }

    /// Brings pages into the cache from the newest snapshot, in the bounded lane of callers.
    pub(crate) async fn fetch(&self, keys: &[PageKey]) -> Result<(), StoreError> {
        let _permit = self.cold_reads.acquire().await;
        self.load(keys).await
    }

    /// Reads a page from the newest snapshot past the cache, in the bounded lane of callers.
    pub(crate) async fn read(&self, key: PageKey) -> Result<Option<Page>, StoreError> {
        let _permit = self.cold_reads.acquire().await;
        Ok(self.engine.pages.load_many(&[key]).await?.pop().flatten())
    }

    /// Brings pages in without the lane.
    pub(crate) async fn load(&self, keys: &[PageKey]) -> Result<(), StoreError> {
        let mut left = keys.to_vec();
        while !left.is_empty() {
            let generation = self.engine.pages.generation();
            let pages = self.engine.pages.load_many(&left).await?;
            let current = || self.engine.pages.generation() == generation;
            let refused = left
                .iter()
                .zip(pages)
                .filter_map(|(key, page)| (!self.cache.admit(*key, page, current)).then_some(*key));
            left = refused.collect();
        }
        Ok(())
    }

    /// Bytes of memory that the engine holds: names, and where pages are stored.
    pub(crate) fn engine_bytes(&self) -> usize {
        self.engine.identities.memory_bytes() + self.engine.pages.memory_bytes()
    }

    pub(crate) fn count_commit(&self, events: usize) {
        self.counters
            .events
            .fetch_add(events as u64, Ordering::Relaxed);
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
    }
}
