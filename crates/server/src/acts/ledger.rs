//! Acts on the ledger: what it holds, the head of its chain, and whether it is what was written.

use std::sync::Arc;

use pushtally_model::SystemClock;
use pushtally_stats::Stats;
use pushtally_store::{Engine, StoreError};
use serde::{Deserialize, Serialize};

use super::{ActError, Done, Ledger};

/// What the ledger holds, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LedgerStat {
    /// Batches still in the log: from this one on …
    pub(crate) log_first: u64,
    /// … to before this one.
    pub(crate) log_next: u64,
    pub(crate) log_bytes: u64,
    pub(crate) torn_bytes_cut: u64,
    /// The last batch that the newest snapshot includes.
    pub(crate) snapshot_included: Vec<u64>,
    pub(crate) snapshot_bytes: u64,
    pub(crate) tasks: u64,
    pub(crate) devices: u64,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LedgerVerified {
    pub(crate) log_bytes: u64,
    pub(crate) pages: u64,
    pub(crate) tasks_compared: u64,
    /// `None` when retention has dropped a part of the log.
    pub(crate) events_recounted: Option<u64>,
    /// The first differences, in words.
    pub(crate) differences: Vec<String>,
    pub(crate) differences_len: u64,
}

pub(super) async fn stat(engine: &Engine) -> Result<LedgerStat, StoreError> {
    let log = engine.log.report().await?;
    let snapshot = engine.pages.installed().await?;
    let (tasks, devices) = engine.identities.count().await?;
    Ok(LedgerStat {
        log_first: log.first,
        log_next: log.next,
        log_bytes: log.bytes,
        torn_bytes_cut: log.torn_bytes_cut,
        snapshot_included: snapshot.included.0,
        snapshot_bytes: snapshot.bytes,
        tasks,
        devices,
    })
}

pub(super) async fn digest(engine: &Engine) -> Result<Done, ActError> {
    let log = engine.log.report().await?;
    Ok(Done::Digest {
        digest: log.digest,
        next: log.next,
    })
}

/// Reads everything, compares marks with tallies, counts the log anew. With no server running the ledger is opened
/// for it and closed again.
pub(super) async fn verify(engine: &Engine, ledger: &Ledger) -> Result<Done, ActError> {
    let verified = match ledger {
        Ledger::Open(stats) => stats.verify().await?,
        Ledger::Closed(options) => {
            let clock = Arc::new(SystemClock::default());
            let stats = Stats::open(engine.clone(), clock, options.clone()).await?;
            let verified = stats.verify().await;
            stats.close().await?;
            verified?
        }
    };
    Ok(Done::Verified(LedgerVerified {
        log_bytes: verified.log_bytes,
        pages: verified.pages,
        tasks_compared: verified.tasks_compared,
        events_recounted: verified.events_recounted,
        differences: verified.differences,
        differences_len: verified.differences_len,
    }))
}
