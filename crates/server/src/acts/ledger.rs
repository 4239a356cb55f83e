//! Acts on the ledger: what it holds, the head of its chain, and whether it is what was written.

use pushtally_store::{Engine, StoreError};
use serde::{Deserialize, Serialize};

use super::{ActError, Done};

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

/// Reads everything. The recount of the log against the pages joins here when `stats` offers it.
pub(super) async fn verify(engine: &Engine) -> Result<Done, ActError> {
    let log_bytes = engine.log.verify().await?;
    let pages = engine.pages.verify().await?;
    Ok(Done::Verified {
        log_bytes,
        pages,
        mismatches: Vec::new(),
    })
}
