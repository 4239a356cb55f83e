//! The audit: who did what, when, from where. Append-only.

use async_trait::async_trait;
use pushtally_model::{AppId, Second};

use crate::StoreError;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place, from 1; 0 in an entry that is to be appended.
    pub at: u64,
    /// When.
    pub when: Second,
    /// The app it touched, if one.
    pub app: Option<AppId>,
    /// Who: an administrator's UserID, or `operator`.
    pub who: String,
    /// From where: an address, or `control socket`.
    pub from: String,
    /// What: the command's name.
    pub what: String,
    /// To what: a TaskId, an app, a device; empty when nothing is named.
    pub target: String,
    /// SHA-256 of the body, in hexadecimal; empty when there was none.
    pub body_hash: String,
    /// The public code that it was answered with; 0 is success.
    pub code: u32,
}

/// The audit log.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Appends an entry; durable when it answers. Answers its place.
    async fn append_entry(&self, entry: &AuditEntry) -> Result<u64, StoreError>;

    /// Entries before a place, newest first, of one app or all.
    async fn entries(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<AuditEntry>, StoreError>;
}
