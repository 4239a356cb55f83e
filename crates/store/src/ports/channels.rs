//! Accounts with vendors that were given at run time: sealed, so that an engine holds no credentials it could show.

use std::fmt;

use async_trait::async_trait;
use pushtally_model::{AppId, Channel};

use crate::StoreError;

/// An account with a vendor, as an engine keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredChannel {
    /// Whose it is.
    pub app: AppId,
    /// The vendor.
    pub channel: Channel,
    /// Which of the app's accounts with it.
    pub cert_id: u32,
    /// Credentials and settings, encrypted by whoever stores them. An engine neither reads nor changes them.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for StoredChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            app,
            channel,
            cert_id,
            sealed: _,
        } = self;
        write!(f, "StoredChannel({app}, {}, {cert_id})", channel.name())
    }
}

/// Accounts with vendors, each known by app, channel and CertId.
#[async_trait]
pub trait Channels: Send + Sync {
    /// All of them, by app, channel and CertId.
    async fn channels(&self) -> Result<Vec<StoredChannel>, StoreError>;

    /// Stores accounts, each in place of the one with the same app, channel and CertId: all of them or none. Durable when
    /// it answers.
    async fn put_channels(&self, channels: &[StoredChannel]) -> Result<(), StoreError>;

    /// Removes an account; answers whether there was one. Durable when it answers.
    async fn remove_channel(
        &self,
        app: AppId,
        channel: Channel,
        cert_id: u32,
    ) -> Result<bool, StoreError>;
}
