//! Histories: what happened to some devices over all tasks, read from the log itself as traces are, with which they share their
//! turns.

use std::collections::BTreeSet;
use std::sync::Arc;

use pushtally_ledger::{History, Recorded};
use pushtally_model::{AppId, Number};
use pushtally_store::StoreError;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::Stats;

impl Stats {
    /// What counted of some devices of an app, from what was recorded at this millisecond or later and as far as the log is
    /// kept: the part that `history` keeps, newest first. Takes memory for that, and some bytes for each event of these
    /// devices. `Busy` when too many traces are being read. Goes on to its end when its caller gives up, and counts as one
    /// that is read until then.
    pub async fn history(
        &self,
        (app, devices): (AppId, BTreeSet<Number>),
        recorded_from_ms: i64,
        mut history: History,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.refuse_if_failed()?;
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let permit = self.take_turn_to_trace()?;
        let (log, runtime) = (Arc::clone(&self.shared.engine.log), Handle::current());
        let read = spawn_blocking(move || {
            let _held = permit;
            let mut visit = |recorded| history.add(recorded);
            let visited = log.visit_devices(app, &devices, recorded_from_ms, &mut visit);
            runtime.block_on(visited)?;
            Ok(history.into_events().collect())
        });
        read.await.map_err(|error| StoreError::Failed {
            what: format!("reading a history stopped: {error}"),
        })?
    }
}
