//! The port of relay queues.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pushtally_store::{RelayBacklog, RelayCall, RelayLine, RelayQueue, StoreError};

use crate::error::LocalError;
use crate::relay_queue;

/// Queues block for an fsync, so their acts run where blocking is allowed.
pub(super) struct LocalRelays(pub(super) Arc<relay_queue::RelayQueue>);

impl LocalRelays {
    async fn run<R: Send + 'static>(
        &self,
        act: impl FnOnce(&relay_queue::RelayQueue) -> Result<R, LocalError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let queue = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || act(&queue)).await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(StoreError::Io {
                what: format!("a relay queue stopped: {error}"),
            }),
        }
    }
}

#[async_trait]
impl RelayQueue for LocalRelays {
    async fn push(&self, line: RelayLine, call: Bytes) -> Result<u64, StoreError> {
        self.run(move |queue| queue.push(line, &call)).await
    }

    async fn read(
        &self,
        line: RelayLine,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RelayCall>, StoreError> {
        let calls = self
            .run(move |queue| queue.read(line, after, calls_max, bytes_max))
            .await?;
        Ok(calls
            .into_iter()
            .map(|(at, call)| RelayCall {
                at,
                call: call.into(),
            })
            .collect())
    }

    async fn done(&self, line: RelayLine, up_to: u64) -> Result<(), StoreError> {
        self.run(move |queue| queue.done(line, up_to)).await
    }

    async fn cursor(&self, line: RelayLine) -> Result<u64, StoreError> {
        Ok(self.0.cursor(line))
    }

    async fn backlog(&self, line: RelayLine) -> Result<RelayBacklog, StoreError> {
        let backlog = self.0.backlog(line);
        Ok(RelayBacklog {
            calls: backlog.calls,
            bytes: backlog.bytes,
        })
    }
}
