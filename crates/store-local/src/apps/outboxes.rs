//! How far webhooks have come, in the same file as the apps.

use async_trait::async_trait;
use pushtally_model::{AppId, Second};
use pushtally_store::{DeadLetter, Outbox, Outboxes, StoreError};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::{LocalApps, broken};

/// By app.
pub(super) const OUTBOXES: TableDefinition<'_, u32, &str> = TableDefinition::new("outboxes");

/// The stored form. Fields are only ever added, with a default.
#[derive(Debug, Serialize, Deserialize)]
struct StoredOutbox {
    cursor: u64,
    letters: Vec<StoredLetter>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredLetter {
    id: u64,
    after: u64,
    to: u64,
    events: Option<u64>,
    why: String,
    at: u32,
    replaying: bool,
}

impl LocalApps {
    fn read_outboxes(&self) -> Result<Vec<(AppId, Outbox)>, redb::Error> {
        let read = self.0.begin_read()?;
        let mut outboxes = Vec::new();
        for row in read.open_table(OUTBOXES)?.iter()? {
            let (app, json) = row?;
            let stored: StoredOutbox = serde_json::from_str(json.value()).map_err(|error| {
                redb::Error::Corrupted(format!("outbox of app {}: {error}", app.value()))
            })?;
            outboxes.push((AppId(app.value()), stored.into_outbox()));
        }
        Ok(outboxes)
    }

    fn write_outboxes(&self, outboxes: &[(AppId, Outbox)]) -> Result<(), redb::Error> {
        let write = self.0.begin_write()?;
        let mut table = write.open_table(OUTBOXES)?;
        for (app, outbox) in outboxes {
            let json = serde_json::to_string(&StoredOutbox::of(outbox))
                .map_err(|error| redb::Error::Corrupted(format!("outbox of app {app}: {error}")))?;
            table.insert(app.0, json.as_str())?;
        }
        drop(table);
        write.commit()?;
        Ok(())
    }
}

#[async_trait]
impl Outboxes for LocalApps {
    async fn outboxes(&self) -> Result<Vec<(AppId, Outbox)>, StoreError> {
        Ok(self.read_outboxes().map_err(|error| broken(&error))?)
    }

    async fn put_outboxes(&self, outboxes: &[(AppId, Outbox)]) -> Result<(), StoreError> {
        Ok(self
            .write_outboxes(outboxes)
            .map_err(|error| broken(&error))?)
    }
}

impl StoredOutbox {
    fn of(outbox: &Outbox) -> Self {
        let letter = |letter: &DeadLetter| StoredLetter {
            id: letter.id,
            after: letter.after,
            to: letter.to,
            events: letter.events,
            why: letter.why.clone(),
            at: letter.at.0,
            replaying: letter.replaying,
        };
        Self {
            cursor: outbox.cursor,
            letters: outbox.letters.iter().map(letter).collect(),
        }
    }

    fn into_outbox(self) -> Outbox {
        let letter = |letter: StoredLetter| DeadLetter {
            id: letter.id,
            after: letter.after,
            to: letter.to,
            events: letter.events,
            why: letter.why,
            at: Second(letter.at),
            replaying: letter.replaying,
        };
        Outbox {
            cursor: self.cursor,
            letters: self.letters.into_iter().map(letter).collect(),
        }
    }
}
