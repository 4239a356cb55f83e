//! The events of one task that counted, read from the log itself, chunk by chunk: for exports. Nothing is kept for them, as for
//! traces, with which they share their turns.

use std::sync::Arc;

use pushtally_ledger::{Counting, Recorded, TaskEntry};
use pushtally_model::TaskKey;
use pushtally_store::StoreError;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, block_in_place, spawn_blocking};

use crate::Stats;

/// Events that are passed on at once: some hundred kilobytes of text.
const CHUNK_LEN: usize = 1_000;

/// Chunks that wait for a slow reader; the log is not read further meanwhile.
const CHUNKS_WAITING_MAX: usize = 2;

/// Events on their way from the log.
#[derive(Debug)]
pub struct Counted {
    chunks: mpsc::Receiver<Vec<Recorded>>,
    read: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Counted {
    /// The next events, at least one; `None` after the last ones. An error ends it, and what came before was not all.
    pub async fn next(&mut self) -> Result<Option<Vec<Recorded>>, StoreError> {
        if let Some(chunk) = self.chunks.recv().await {
            return Ok(Some(chunk));
        }
        let Some(read) = self.read.take() else {
            return Ok(None);
        };
        let read = read.await.map_err(|error| StoreError::Failed {
            what: format!("reading a task's events stopped: {error}"),
        })?;
        read.map(|()| None)
    }
}

impl Stats {
    /// The events of a task that counted, in the order of recording, of those that were recorded at this millisecond or later
    /// and as far as the log is kept. Exactly those that its numbers count, if it has none from before. `Busy` when too many
    /// traces are being read. When its reader gives up the log is read to the end, and counts as being read until then.
    pub fn counted(&self, task: TaskKey, recorded_from_ms: i64) -> Result<Counted, StoreError> {
        self.refuse_if_failed()?;
        let permit = self.take_turn_to_trace()?;
        let (log, runtime) = (Arc::clone(&self.shared.engine.log), Handle::current());
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
        let read = spawn_blocking(move || {
            let _held = permit;
            let (mut counting, mut chunk) = (Counting::default(), Vec::new());
            let mut visit = |entry| {
                if let TaskEntry::Event(recorded) = entry
                    && !sender.is_closed()
                    && counting.counts(&recorded.event)
                {
                    chunk.push(recorded);
                    if chunk.len() >= CHUNK_LEN {
                        // Within the runtime as far as that knows, which is told that this thread may wait. Nobody there to
                        // take it any more is no error.
                        let _ = block_in_place(|| sender.blocking_send(std::mem::take(&mut chunk)));
                    }
                }
            };
            runtime.block_on(log.visit_task(task, recorded_from_ms, &mut visit))?;
            if !chunk.is_empty() {
                let _ = sender.blocking_send(chunk);
            }
            Ok(())
        });
        Ok(Counted {
            chunks,
            read: Some(read),
        })
    }
}
