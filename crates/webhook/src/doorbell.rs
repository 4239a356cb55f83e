//! A relay queue that rings when a call arrives, so that an idle relay need not wait for its next look.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pushtally_store::{RelayBacklog, RelayCall, RelayLine, RelayQueue, StoreError};
use tokio::sync::Notify;

/// Wraps an engine's queue. Give it to whoever pushes calls and to the relays.
pub struct Doorbell {
    queue: Arc<dyn RelayQueue>,
    /// Only lines with a relay have an entry, so strangers cannot make it grow.
    bells: Mutex<HashMap<RelayLine, Arc<Notify>>>,
}

impl std::fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Doorbell")
    }
}

impl Doorbell {
    /// A doorbell on this queue.
    #[must_use]
    pub fn new(queue: Arc<dyn RelayQueue>) -> Arc<Self> {
        Arc::new(Self {
            queue,
            bells: Mutex::default(),
        })
    }

    /// What rings for a line, made when it is first asked for.
    pub(crate) fn bell(&self, line: RelayLine) -> Arc<Notify> {
        Arc::clone(self.bells.lock().entry(line).or_default())
    }
}

#[async_trait]
impl RelayQueue for Doorbell {
    async fn push(&self, line: RelayLine, call: Bytes) -> Result<u64, StoreError> {
        let at = self.queue.push(line, call).await?;
        if let Some(bell) = self.bells.lock().get(&line) {
            bell.notify_one();
        }
        Ok(at)
    }

    async fn read(
        &self,
        line: RelayLine,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RelayCall>, StoreError> {
        self.queue.read(line, after, calls_max, bytes_max).await
    }

    async fn done(&self, line: RelayLine, up_to: u64) -> Result<(), StoreError> {
        self.queue.done(line, up_to).await
    }

    async fn cursor(&self, line: RelayLine) -> Result<u64, StoreError> {
        self.queue.cursor(line).await
    }

    async fn backlog(&self, line: RelayLine) -> Result<RelayBacklog, StoreError> {
        self.queue.backlog(line).await
    }
}
