//! The audit.

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::AppId;

use crate::StoreError;
use crate::ports::{Audit, AuditEntry};

#[derive(Debug, Default)]
pub(super) struct MemoryAudit(Mutex<Vec<AuditEntry>>);

#[async_trait]
impl Audit for MemoryAudit {
    async fn append_entry(&self, entry: &AuditEntry) -> Result<u64, StoreError> {
        let mut entries = self.0.lock();
        let at = entries.len() as u64 + 1;
        entries.push(AuditEntry {
            at,
            ..entry.clone()
        });
        Ok(at)
    }

    async fn entries(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let entries = self.0.lock();
        let older = entries.iter().rev().filter(|entry| {
            before.is_none_or(|before| entry.at < before)
                && app.is_none_or(|app| entry.app == Some(app))
        });
        Ok(older.take(max).cloned().collect())
    }
}
