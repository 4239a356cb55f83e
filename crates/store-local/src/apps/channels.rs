//! Accounts with vendors that were given at run time, sealed by whoever stores them.

use async_trait::async_trait;
use pushtally_model::{AppId, Channel};
use pushtally_store::{Channels, StoreError, StoredChannel};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

use super::{LocalApps, broken};
use crate::error::LocalError;

/// By app, the channel's storage number and CertId.
pub(super) const CHANNELS: TableDefinition<'_, (u32, u8, u32), &[u8]> =
    TableDefinition::new("channels");

impl LocalApps {
    pub(crate) fn read_channels(&self) -> Result<Vec<StoredChannel>, LocalError> {
        self.read_all_channels().map_err(|error| broken(&error))
    }

    pub(crate) fn write_channels(&self, channels: &[StoredChannel]) -> Result<(), LocalError> {
        self.write_all_channels(channels)
            .map_err(|error| broken(&error))
    }

    fn read_all_channels(&self) -> Result<Vec<StoredChannel>, redb::Error> {
        let read = self.0.begin_read()?;
        let mut channels = Vec::new();
        for row in read.open_table(CHANNELS)?.iter()? {
            let (key, sealed) = row?;
            let (app, number, cert_id) = key.value();
            let channel = Channel::from_number(number).ok_or_else(|| {
                redb::Error::Corrupted(format!("app {app} has an account with vendor {number}"))
            })?;
            channels.push(StoredChannel {
                app: AppId(app),
                channel,
                cert_id,
                sealed: sealed.value().to_vec(),
            });
        }
        Ok(channels)
    }

    fn write_all_channels(&self, channels: &[StoredChannel]) -> Result<(), redb::Error> {
        let write = self.0.begin_write()?;
        let mut table = write.open_table(CHANNELS)?;
        for one in channels {
            let key = (one.app.0, one.channel as u8, one.cert_id);
            table.insert(key, one.sealed.as_slice())?;
        }
        drop(table);
        write.commit()?;
        Ok(())
    }

    fn remove_one_channel(&self, key: (u32, u8, u32)) -> Result<bool, redb::Error> {
        let write = self.0.begin_write()?;
        let removed = write.open_table(CHANNELS)?.remove(key)?.is_some();
        write.commit()?;
        Ok(removed)
    }
}

#[async_trait]
impl Channels for LocalApps {
    async fn channels(&self) -> Result<Vec<StoredChannel>, StoreError> {
        Ok(self.read_channels()?)
    }

    async fn put_channels(&self, channels: &[StoredChannel]) -> Result<(), StoreError> {
        Ok(self.write_channels(channels)?)
    }

    async fn remove_channel(
        &self,
        app: AppId,
        channel: Channel,
        cert_id: u32,
    ) -> Result<bool, StoreError> {
        let key = (app.0, channel as u8, cert_id);
        let removed = self.remove_one_channel(key);
        Ok(removed.map_err(|error| broken(&error))?)
    }
}
