//! A relay queue that rings when a call arrives, so that an idle relay need not wait for its next look.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pushtally_model::AppId;
use pushtally_store::{RelayBacklog, RelayCall, RelayQueue, StoreError};
use tokio::sync::Notify;

/// Wraps an engine's queue. Give it to whoever pushes calls and to the relays.
pub struct Doorbell {
    queue: Arc<dyn RelayQueue>,
    /// Only apps with a relay have an entry, so strangers cannot make it grow.
    bells: Mutex<HashMap<AppId, Arc<Notify>>>,
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

    /// What rings for an app, made when it is first asked for.
    pub(crate) fn bell(&self, app: AppId) -> Arc<Notify> {
        Arc::clone(self.bells.lock().entry(app).or_default())
    }
}

#[async_trait]
impl RelayQueue for Doorbell {
    async fn push(&self, app: AppId, call: Bytes) -> Result<u64, StoreError> {
        let at = self.queue.push(app, call).await?;
        if let Some(bell) = self.bells.lock().get(&app) {
            bell.notify_one();
        }
        Ok(at)
    }

    async fn read(
        &self,
        app: AppId,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RelayCall>, StoreError> {
        self.queue.read(app, after, calls_max, bytes_max).await
    }

    async fn done(&self, app: AppId, up_to: u64) -> Result<(), StoreError> {
        self.queue.done(app, up_to).await
    }

    async fn cursor(&self, app: AppId) -> Result<u64, StoreError> {
        self.queue.cursor(app).await
    }

    async fn backlog(&self, app: AppId) -> Result<RelayBacklog, StoreError> {
        self.queue.backlog(app).await
    }
}
