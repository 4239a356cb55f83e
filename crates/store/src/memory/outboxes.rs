//! How far webhooks have come.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::AppId;

use crate::StoreError;
use crate::ports::{Outbox, Outboxes};

#[derive(Debug, Default)]
pub(super) struct MemoryOutboxes(Mutex<BTreeMap<AppId, Outbox>>);

#[async_trait]
impl Outboxes for MemoryOutboxes {
    async fn outboxes(&self) -> Result<Vec<(AppId, Outbox)>, StoreError> {
        let outboxes = self.0.lock();
        Ok(outboxes
            .iter()
            .map(|(app, outbox)| (*app, outbox.clone()))
            .collect())
    }

    async fn put_outboxes(&self, outboxes: &[(AppId, Outbox)]) -> Result<(), StoreError> {
        self.0.lock().extend(outboxes.iter().cloned());
        Ok(())
    }
}
