//! Calls to pass on.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{RelayLine, StoreError};

/// A call in a relay queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayCall {
    /// Its place in its app's queue.
    pub at: u64,
    /// The bytes that were pushed.
    pub call: Bytes,
}

/// What waits in a relay queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelayBacklog {
    /// Calls.
    pub calls: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Durable queues of calls to pass on, one for each line.
#[async_trait]
pub trait RelayQueue: Send + Sync {
    /// Adds a call. Durable when it answers; `Busy` when the queue is at its bound.
    async fn push(&self, line: RelayLine, call: Bytes) -> Result<u64, StoreError>;

    /// The next calls after a place, oldest first, at least one if there is any.
    async fn read(
        &self,
        line: RelayLine,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RelayCall>, StoreError>;

    /// Marks everything up to a place as passed on. A crash may forget it: calls repeat, none is lost.
    async fn done(&self, line: RelayLine, up_to: u64) -> Result<(), StoreError>;

    /// The last place marked done.
    async fn cursor(&self, line: RelayLine) -> Result<u64, StoreError>;

    /// What waits.
    async fn backlog(&self, line: RelayLine) -> Result<RelayBacklog, StoreError>;
}
