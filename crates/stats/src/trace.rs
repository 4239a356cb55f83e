//! Traces: what happened to devices of one task, read from the log itself. Nothing is kept for them, so they reach as far back
//! as the log does, and cost reading what of it may name the task.

use std::collections::BTreeSet;
use std::sync::Arc;

use pushtally_ledger::Trace;
use pushtally_model::{Number, TaskKey};
use pushtally_store::StoreError;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

use crate::Stats;

/// Traces read at once: each may read gigabytes, and intake needs the disk and the processors more.
pub(crate) const TRACES_AT_ONCE_MAX: usize = 2;

/// Devices in one trace, those that the log names first: as many as two full `batch`es, and an answer of about a megabyte.
pub(crate) const TRACE_DEVICES_MAX: usize = 1_000;

impl Stats {
    /// Traces a task from what was recorded at this millisecond or later: these devices (`None` is all), as far as the log is
    /// kept. `Busy` when too many traces are being read. Goes on to its end when its caller gives up, and counts as one
    /// that is read until then.
    pub async fn trace(
        &self,
        task: TaskKey,
        devices: Option<BTreeSet<Number>>,
        recorded_from_ms: i64,
    ) -> Result<Trace, StoreError> {
        self.refuse_if_failed()?;
        let permit = self.take_turn_to_trace()?;
        let (log, runtime) = (Arc::clone(&self.shared.engine.log), Handle::current());
        let read = spawn_blocking(move || {
            let _held = permit;
            let mut trace = Trace::new(devices, TRACE_DEVICES_MAX);
            let mut visit = |entry| trace.add(entry);
            runtime.block_on(log.visit_task(task, recorded_from_ms, &mut visit))?;
            Ok(trace)
        });
        read.await.map_err(|error| StoreError::Failed {
            what: format!("reading a trace stopped: {error}"),
        })?
    }

    /// Whoever reads single events from the log holds this meanwhile.
    pub(crate) fn take_turn_to_trace(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let permit = Arc::clone(&self.shared.traces).try_acquire_owned();
        permit.map_err(|_| StoreError::Busy {
            what: format!("`{TRACES_AT_ONCE_MAX}` traces are being read"),
        })
    }
}
