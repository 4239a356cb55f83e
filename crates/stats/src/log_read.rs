//! Numbers that are read from the log itself, a task at a time: how long its devices took, and what was known of it at an
//! earlier moment. Nothing is kept for them, as for traces, with which they share their turns.

use std::ops::ControlFlow;
use std::sync::Arc;

use pushtally_ledger::{AsOf, Batch, Latencies, Tally, TaskEntry};
use pushtally_model::{TaskKey, Window};
use pushtally_store::{Position, StoreError};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::Stats;

/// Times that wait for their other end while the latencies of one task are read: sixteen million devices, some 100 MB. A
/// delivery is kept until its click comes, a sending until its delivery does.
const TIMES_MAX: usize = 1 << 24;

impl Stats {
    /// The most devices of a task whose latencies are told, give or take those that a time was kept of twice.
    pub const LATENCY_DEVICES_MAX: usize = TIMES_MAX;

    /// How long the devices of a task took, of the steps that were completed in the window, from what was recorded at this
    /// millisecond or later; ask its `finish`. `Busy` when too many traces are being read. Goes on to its end when its
    /// caller gives up, and counts as one that is read until then.
    pub async fn latencies(
        &self,
        task: TaskKey,
        window: Window,
        recorded_from_ms: i64,
    ) -> Result<Latencies, StoreError> {
        let latencies = Latencies::new(window, TIMES_MAX);
        self.read_task(task, recorded_from_ms, latencies, Latencies::add)
            .await
    }

    /// Sums a task in each of some windows that follow each other without overlapping, in their order, as known at a Unix
    /// millisecond: of what was recorded at `recorded_from_ms` or later. Refused and given up as latencies are.
    pub async fn tallies_as_of(
        &self,
        task: TaskKey,
        windows: &[Window],
        as_of_ms: i64,
        recorded_from_ms: i64,
    ) -> Result<Vec<Tally>, StoreError> {
        let as_of = AsOf::new(as_of_ms, windows.to_vec());
        let as_of = self.read_task(task, recorded_from_ms, as_of, AsOf::add);
        Ok(as_of.await?.finish())
    }

    /// When the last of what changes a task's counts, if it is new, was recorded after a Unix millisecond; `None` if nothing was.
    pub async fn changed_after(
        &self,
        task: TaskKey,
        after_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let see = move |last: &mut Option<i64>, entry: &TaskEntry| {
            if !matches!(entry, TaskEntry::Calls { .. }) && entry.recorded_ms() > after_ms {
                *last = (*last).max(Some(entry.recorded_ms()));
            }
        };
        self.read_task(task, after_ms, None, see).await
    }

    /// When the first batch that is kept was recorded, in Unix milliseconds, if there were earlier ones; `i64::MIN` if none is
    /// kept of those that there were.
    pub async fn kept_from_ms(&self) -> Result<Option<i64>, StoreError> {
        self.refuse_if_failed()?;
        let (log, runtime) = (Arc::clone(&self.shared.engine.log), Handle::current());
        let read = spawn_blocking(move || {
            // Places begin with 1.
            if runtime.block_on(log.report())?.first <= 1 {
                return Ok(None);
            }
            let mut from_ms = i64::MIN;
            let mut visit = |_, batch: Batch| {
                from_ms = batch.recorded_ms;
                ControlFlow::Break(())
            };
            runtime.block_on(log.read_on(&Position::default(), &mut visit))?;
            Ok(Some(from_ms))
        });
        read.await.map_err(stopped)?
    }

    async fn read_task<T: Send + 'static>(
        &self,
        task: TaskKey,
        recorded_from_ms: i64,
        mut read: T,
        add: impl Fn(&mut T, &TaskEntry) + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        self.refuse_if_failed()?;
        let permit = self.take_turn_to_trace()?;
        let (log, runtime) = (Arc::clone(&self.shared.engine.log), Handle::current());
        let done = spawn_blocking(move || {
            let _held = permit;
            let mut visit = |entry| add(&mut read, &entry);
            runtime.block_on(log.visit_task(task, recorded_from_ms, &mut visit))?;
            Ok(read)
        });
        done.await.map_err(stopped)?
    }
}

fn stopped(error: tokio::task::JoinError) -> StoreError {
    StoreError::Failed {
        what: format!("reading the log stopped: {error}"),
    }
}
