//! The running ledger.

use std::sync::Arc;

use async_trait::async_trait;
use pushtally_ledger::{Counters, Tally};
use pushtally_model::{AppId, Clock, Event, Kind, Scope, Source, Window};
use pushtally_store::{Engine, Report, StoreError};

use crate::Options;

/// How the ledger is doing.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Why it accepts nothing more, if so.
    pub failed: Option<String>,
    /// Events recorded since the start, repeats included.
    pub events_recorded: u64,
    /// Group commits since the start.
    pub commits: u64,
    /// Events waiting for a commit.
    pub waiting_events: u64,
    /// Bytes of pages in memory.
    pub page_bytes: u64,
    /// Pages in memory.
    pub pages: u64,
    /// Pages read back from snapshots since the start.
    pub cold_loads: u64,
    /// Snapshots since the start.
    pub snapshots: u64,
}

/// The running ledger over an engine.
#[derive(Debug)]
pub struct Stats {}

impl Stats {
    /// Opens the ledger: loads what the snapshot includes, folds the log after it, starts its threads.
    pub async fn open(_engine: Engine, _clock: Arc<dyn Clock>, _options: Options) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self {}))
    }

    /// Stops taking events in, finishes what waits, writes a last snapshot.
    pub async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The counts of a scope in a window. A task of another app has none.
    pub async fn tally(&self, _app: AppId, _scope: Scope, _window: Window) -> Result<Tally, StoreError> {
        Ok(Tally::default())
    }

    /// What became of an app's recorded events.
    pub async fn counters(&self, _app: AppId, _kind: Kind) -> Result<Counters, StoreError> {
        Ok(Counters::default())
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::default()
    }
}

#[async_trait]
impl Report for Stats {
    async fn report(&self, _source: Source, _events: Vec<Event>) -> Result<(), StoreError> {
        Ok(())
    }
}
