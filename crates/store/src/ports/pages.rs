//! Snapshots.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use async_trait::async_trait;
use pushtally_ledger::{Page, PageKey, StoredPage};
use pushtally_model::AppId;

use super::Position;
use crate::StoreError;

/// Called for each page, in key order. `Break` ends the scan early.
pub type PageVisitor<'a> = dyn FnMut(PageKey, Page) -> ControlFlow<()> + Send + 'a;

/// Pages changed since the last snapshot, and the place in the log up to which they are folded.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The last batch included.
    pub included: Position,
    /// Task numbers below this may have pages in a snapshot.
    pub tasks_end: u32,
    /// Device numbers below this may occur in the ledger, by app.
    pub numbers_end: BTreeMap<AppId, u32>,
    /// Ordered by key, each once. A whole `Page::Gone` removes.
    pub pages: Vec<StoredPage>,
}

/// What the newest snapshot includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// The last batch included.
    pub included: Position,
    /// As in the snapshot.
    pub tasks_end: u32,
    /// As in the snapshot.
    pub numbers_end: BTreeMap<AppId, u32>,
    /// Bytes that its pages take.
    pub bytes: u64,
}

/// The snapshotted pages.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Changes with every install; equal before and after a load means that the load is current.
    fn generation(&self) -> u64;

    /// The pages of these keys as of one snapshot, in their order. Ascending keys read each place once.
    async fn load_many(&self, keys: &[PageKey]) -> Result<Vec<Option<Page>>, StoreError>;

    /// Installs a snapshot on top of the ones before it: all of it or, after a crash, nothing.
    async fn install(&self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// What the newest snapshot includes.
    async fn installed(&self) -> Result<Installed, StoreError>;

    /// Visits every page of the newest snapshot from a key on.
    async fn scan(&self, from: PageKey, visit: &mut PageVisitor<'_>) -> Result<(), StoreError>;

    /// Reads every page and checks every checksum; answers how many.
    async fn verify(&self) -> Result<u64, StoreError>;

    /// Bytes of memory that finding pages takes, as far as they grow with what is stored. The ledger makes room for
    /// them.
    fn memory_bytes(&self) -> usize {
        0
    }
}
