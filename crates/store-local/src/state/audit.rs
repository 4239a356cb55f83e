//! Acts on the audit, within a transaction.

use pushtally_model::AppId;
use pushtally_store::AuditEntry;
use redb::{ReadTransaction, ReadableTable};

use super::tables::{APP_AUDIT, AUDIT, ActError, Tables, decode, encode, row};
use super::writer::Outcome;

pub(super) fn append(
    tables: &mut Tables<'_>,
    entry: &AuditEntry,
) -> Result<Outcome<u64>, ActError> {
    let last = tables.audit.last()?.map(|(at, _)| at.value());
    let at = last.unwrap_or_default() + 1;
    let entry = AuditEntry {
        at,
        ..entry.clone()
    };
    let bytes = encode("audit", &entry)?;
    tables.audit.insert(at, bytes.as_slice())?;
    if let Some(app) = entry.app {
        tables.app_audit.insert((app.0, at), ())?;
    }
    Ok(Outcome::of(at))
}

pub(super) fn entries(
    read: &ReadTransaction,
    app: Option<AppId>,
    before: u64,
    max: usize,
) -> Result<Vec<AuditEntry>, ActError> {
    let audit = read.open_table(AUDIT)?;
    let mut entries = Vec::new();
    match app {
        None => {
            for found in audit.range(..before)?.rev().take(max) {
                entries.push(decode("audit", found?.1.value())?);
            }
        }
        Some(app) => {
            let places = read.open_table(APP_AUDIT)?;
            for place in places.range((app.0, 0)..(app.0, before))?.rev().take(max) {
                let (_, at) = place?.0.value();
                entries.extend(row("audit", &audit, at)?);
            }
        }
    }
    Ok(entries)
}
