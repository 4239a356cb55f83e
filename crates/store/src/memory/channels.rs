//! Accounts with vendors.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{AppId, Channel};

use crate::StoreError;
use crate::ports::{Channels, StoredChannel};

type Key = (AppId, Channel, u32);

#[derive(Debug, Default)]
pub(super) struct MemoryChannels(Mutex<BTreeMap<Key, StoredChannel>>);

#[async_trait]
impl Channels for MemoryChannels {
    async fn channels(&self) -> Result<Vec<StoredChannel>, StoreError> {
        Ok(self.0.lock().values().cloned().collect())
    }

    async fn put_channels(&self, channels: &[StoredChannel]) -> Result<(), StoreError> {
        let of_key = |one: &StoredChannel| ((one.app, one.channel, one.cert_id), one.clone());
        self.0.lock().extend(channels.iter().map(of_key));
        Ok(())
    }

    async fn remove_channel(
        &self,
        app: AppId,
        channel: Channel,
        cert_id: u32,
    ) -> Result<bool, StoreError> {
        let removed = self.0.lock().remove(&(app, channel, cert_id));
        Ok(removed.is_some())
    }
}
