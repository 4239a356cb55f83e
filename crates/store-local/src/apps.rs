//! Apps made at run time, in redb, and their accounts with vendors beside them.

mod channels;
mod outboxes;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use pushtally_model::{App, AppId, OnUnknown, Quota, Retention, Secret, Webhook};
use pushtally_store::{Apps, StoreError};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::error::LocalError;

const APPS: TableDefinition<'_, u32, &str> = TableDefinition::new("apps");

/// The stored form. Fields are only ever added, with a default.
#[derive(Debug, Serialize, Deserialize)]
struct StoredApp {
    keys: Vec<String>,
    administrators: Vec<String>,
    #[serde(default)]
    callback_token: Option<String>,
    callback_tolerance_s: u32,
    enabled: bool,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    quotas: BTreeMap<String, u32>,
    statistics_span_s_max: u32,
    #[serde(default = "losses_span_s_max")]
    losses_span_s_max: u32,
    #[serde(default = "traces_span_s_max")]
    traces_span_s_max: u32,
    #[serde(default)]
    counts_days: Option<u32>,
    traces_days: u32,
    #[serde(default)]
    relay_to: Option<String>,
    #[serde(default)]
    webhook: Option<StoredWebhook>,
    #[serde(default)]
    client_key: Option<String>,
    #[serde(default)]
    receipts_key: Option<String>,
    #[serde(default = "devices_max")]
    devices_max: u64,
    #[serde(default = "task_life_s")]
    task_life_s: u32,
    /// Whether `on_unknown` is `skip`.
    #[serde(default)]
    skip_unknown: bool,
    #[serde(default = "broadcasts_per_day")]
    broadcasts_per_day: u32,
    #[serde(default = "registrations_per_second")]
    registrations_per_second: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredWebhook {
    url: String,
    push: bool,
    message: bool,
    calls_per_second: u32,
}

impl StoredWebhook {
    fn of(webhook: &Webhook) -> Self {
        Self {
            url: webhook.url.clone(),
            push: webhook.push,
            message: webhook.message,
            calls_per_second: webhook.calls_per_second,
        }
    }

    fn into_webhook(self) -> Webhook {
        Webhook {
            url: self.url,
            push: self.push,
            message: self.message,
            calls_per_second: self.calls_per_second,
        }
    }
}

const fn losses_span_s_max() -> u32 {
    App::LOSSES_SPAN_S_MAX
}

const fn traces_span_s_max() -> u32 {
    App::TRACES_SPAN_S_MAX
}

const fn devices_max() -> u64 {
    App::DEVICES_MAX
}

const fn task_life_s() -> u32 {
    App::TASK_LIFE_S
}

const fn broadcasts_per_day() -> u32 {
    App::BROADCASTS_PER_DAY
}

const fn registrations_per_second() -> u32 {
    App::REGISTRATIONS_PER_SECOND
}

/// The store of apps.
#[derive(Debug)]
pub(crate) struct LocalApps(Database);

impl LocalApps {
    pub(crate) fn open(path: &Path) -> Result<Self, LocalError> {
        Self::create(path).map_err(|error| broken(&error))
    }

    /// A table must exist before it can be read.
    fn create(path: &Path) -> Result<Self, redb::Error> {
        let database = Database::create(path)?;
        let write = database.begin_write()?;
        write.open_table(APPS)?;
        // A file of before there were accounts gets the table here.
        write.open_table(channels::CHANNELS)?;
        write.open_table(outboxes::OUTBOXES)?;
        write.commit()?;
        Ok(Self(database))
    }

    pub(crate) fn read(&self) -> Result<Vec<App>, LocalError> {
        self.read_all().map_err(|error| broken(&error))
    }

    pub(crate) fn write(&self, app: &App) -> Result<(), LocalError> {
        self.write_one(app).map_err(|error| broken(&error))
    }

    fn read_all(&self) -> Result<Vec<App>, redb::Error> {
        let read = self.0.begin_read()?;
        let table = read.open_table(APPS)?;
        let mut apps = Vec::new();
        for row in table.iter()? {
            let (id, json) = row?;
            let stored: StoredApp = serde_json::from_str(json.value())
                .map_err(|error| redb::Error::Corrupted(format!("app {}: {error}", id.value())))?;
            apps.push(stored.into_app(AppId(id.value())));
        }
        Ok(apps)
    }

    fn write_one(&self, app: &App) -> Result<(), redb::Error> {
        let json = serde_json::to_string(&StoredApp::of(app))
            .map_err(|error| redb::Error::Corrupted(format!("app {}: {error}", app.id)))?;
        let write = self.0.begin_write()?;
        write.open_table(APPS)?.insert(app.id.0, json.as_str())?;
        write.commit()?;
        Ok(())
    }
}

fn broken(error: &redb::Error) -> LocalError {
    LocalError::Io {
        what: format!("use the store of apps: {error}"),
        source: std::io::ErrorKind::Other.into(),
    }
}

#[async_trait]
impl Apps for LocalApps {
    async fn list(&self) -> Result<Vec<App>, StoreError> {
        Ok(self.read()?)
    }

    async fn put(&self, app: &App) -> Result<(), StoreError> {
        Ok(self.write(app)?)
    }
}

impl StoredApp {
    fn of(app: &App) -> Self {
        Self {
            keys: app.keys.iter().map(|key| key.expose().to_owned()).collect(),
            administrators: app.administrators.clone(),
            callback_token: app
                .callback_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
            callback_tolerance_s: app.callback_tolerance_s,
            enabled: app.enabled,
            hosts: app.hosts.clone(),
            quotas: app
                .quotas
                .iter()
                .map(|(command, quota)| (command.clone(), quota.per_second))
                .collect(),
            statistics_span_s_max: app.statistics_span_s_max,
            losses_span_s_max: app.losses_span_s_max,
            traces_span_s_max: app.traces_span_s_max,
            counts_days: app.retention.counts_days,
            traces_days: app.retention.traces_days,
            relay_to: app.relay_to.clone(),
            webhook: app.webhook.as_ref().map(StoredWebhook::of),
            client_key: app.client_key.as_ref().map(|key| key.expose().to_owned()),
            receipts_key: app.receipts_key.as_ref().map(|key| key.expose().to_owned()),
            devices_max: app.devices_max,
            task_life_s: app.task_life_s,
            skip_unknown: app.on_unknown == OnUnknown::Skip,
            broadcasts_per_day: app.broadcasts_per_day,
            registrations_per_second: app.registrations_per_second,
        }
    }

    fn into_app(self, id: AppId) -> App {
        let quota = |(command, per_second)| (command, Quota { per_second });
        App {
            id,
            keys: self.keys.into_iter().map(Secret::new).collect(),
            administrators: self.administrators,
            callback_token: self.callback_token.map(Secret::new),
            callback_tolerance_s: self.callback_tolerance_s,
            enabled: self.enabled,
            hosts: self.hosts,
            quotas: self.quotas.into_iter().map(quota).collect(),
            statistics_span_s_max: self.statistics_span_s_max,
            losses_span_s_max: self.losses_span_s_max,
            traces_span_s_max: self.traces_span_s_max,
            retention: Retention {
                counts_days: self.counts_days,
                traces_days: self.traces_days,
            },
            relay_to: self.relay_to,
            webhook: self.webhook.map(StoredWebhook::into_webhook),
            client_key: self.client_key.map(Secret::new),
            receipts_key: self.receipts_key.map(Secret::new),
            devices_max: self.devices_max,
            task_life_s: self.task_life_s,
            on_unknown: match self.skip_unknown {
                true => OnUnknown::Skip,
                false => OnUnknown::Repeat,
            },
            broadcasts_per_day: self.broadcasts_per_day,
            registrations_per_second: self.registrations_per_second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_that_0_1_stored_is_read_with_the_defaults_of_what_it_lacks() {
        let stored = r#"{"keys":["key"],"administrators":["administrator"],"callback_token":null,"callback_tolerance_s":300,"enabled":true,"hosts":[],"quotas":{},"statistics_span_s_max":2592000,"counts_days":null,"traces_days":30,"relay_to":null}"#;
        let stored: StoredApp = serde_json::from_str(stored).unwrap();
        assert_eq!(
            stored.into_app(AppId(7)),
            App::new(AppId(7), Secret::new("key"))
        );
    }
}
