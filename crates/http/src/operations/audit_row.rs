//! Entries of the audit, as they are listed.

use pushtally_model::AppId;
use pushtally_store::{AuditEntry, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::Recorder;
use crate::limits::ROWS_MAX;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRow {
    /// Its place, from 1.
    pub at: u64,
    /// Unix seconds.
    pub when: u32,
    /// The SDKAppID it touched.
    pub app: Option<u32>,
    /// An administrator's UserID, or `operator`.
    pub who: String,
    /// From where.
    pub from: String,
    /// The command.
    pub what: String,
    /// To what; empty when nothing is named.
    pub target: String,
    /// SHA-256 of the body, in hexadecimal; empty when there was none.
    pub body_hash: String,
    /// The public code of the answer; 0 is success.
    pub code: u32,
}

/// Entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditRow>,
    /// Ask for those before this one next; `None` when there may be no more.
    pub next: Option<u64>,
}

impl From<AuditEntry> for AuditRow {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry {
            at,
            when,
            app,
            who,
            from,
            what,
            target,
            body_hash,
            code,
        } = entry;
        Self {
            at,
            when: when.0,
            app: app.map(|app| app.0),
            who,
            from,
            what,
            target,
            body_hash,
            code,
        }
    }
}

/// Entries before a place, of one app or all; at most [`ROWS_MAX`].
pub async fn audit_page(
    audit: &Recorder,
    app: Option<AppId>,
    before: Option<u64>,
    limit: usize,
) -> Result<AuditPage, StoreError> {
    let limit = limit.clamp(1, ROWS_MAX);
    let entries = audit.entries(app, before, limit).await?;
    let next = (entries.len() == limit).then(|| entries.last().map(|entry| entry.at));
    Ok(AuditPage {
        entries: entries.into_iter().map(AuditRow::from).collect(),
        next: next.flatten(),
    })
}
