//! A task's counted events, one row each, as they are read from the log: CSV (RFC 4180), NDJSON or Parquet.
//!
//! `docs/STATISTICS.md` tells the columns. Rows are written as they are found, so a task of any size takes little memory.

mod parquet;

use std::collections::{BTreeMap, BTreeSet};

use ::parquet::errors::Result as ParquetResult;
use pushtally_audience::Audience;
use pushtally_ledger::Recorded;
use pushtally_model::{App, AppId, Device, LossId, Number, Origin};
use pushtally_stats::Counted;
use pushtally_store::{Identities, LossText, StoreError};
use serde::Serialize;
use tokio::task::spawn_blocking;

use self::parquet::{GROUP_LEN, ParquetFile};
use super::task_report::{before, route_name};
use super::trace::{Sources, begun, find_either, reach, step_name};
use crate::reasons::Reasons;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Comma-separated, with a line of names first.
    Csv,
    /// An object a line.
    Ndjson,
    /// A file of columns.
    Parquet,
}

/// An event that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportRow {
    /// The device's number.
    pub device: u32,
    /// The phone's RegistrationID, if it is registered now; recipients of imported tasks never are.
    pub registration_id: Option<String>,
    /// The account that is signed in on it now.
    pub account: Option<String>,
    /// `offline` or `online`.
    pub route: &'static str,
    /// The channel's name.
    pub channel: &'static str,
    /// `planned`, `sent`, `delivered`, `clicked` or `lost`.
    pub step: &'static str,
    /// Of `lost`: the stage that it did not reach.
    pub before: Option<&'static str>,
    /// Of `lost`: the code of whoever refused it; ours are negative.
    pub code: Option<i64>,
    /// Of `lost`: its text.
    pub text: Option<String>,
    /// Its time, in Unix seconds.
    pub at: u32,
    /// When it was recorded, in Unix milliseconds.
    pub recorded_ms: i64,
    /// Who said so: `us`, `vendor`, `client` or `import`.
    pub source: &'static str,
}

/// The names of the columns, in the order of [`ExportRow`].
const NAMES: &str =
    "device,registration_id,account,route,channel,step,before,code,text,at,recorded_ms,source\r\n";

/// Why there is nothing to export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The app has no such task.
    #[error("the app has no such task")]
    NoTask,
    /// Its first events may be gone, and the others alone would be another story.
    #[error(
        "the task began before Unix second `{reach}`, from which on single events are kept and told"
    )]
    OutOfReach {
        /// From when on they are.
        reach: u32,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A task's counted events on their way.
#[derive(Debug)]
pub struct Export {
    counted: Counted,
    form: Form,
    app: AppId,
    origin: Origin,
    reasons: BTreeMap<LossId, LossText>,
}

/// What is written, and how far.
#[derive(Debug)]
enum Form {
    /// With or without its first line.
    Csv {
        has_begun: bool,
    },
    Ndjson,
    /// `None` after the footer.
    Parquet(Option<Box<ParquetFile>>),
}

/// Exports a task as far back as the app's traces reach. Takes a turn of those that read single events until it is read to
/// its end or dropped.
pub async fn export(
    sources: Sources<'_>,
    app: &App,
    id: &str,
    columns: Columns,
) -> Result<Export, ExportError> {
    let found = find_either(sources.identities, app.id, id).await?;
    let task = found.ok_or(ExportError::NoTask)?;
    let since = reach(app, sources.now);
    let begun = begun(sources, app.id, (task, id)).await?;
    if begun.is_some_and(|begun| begun < since) {
        return Err(ExportError::OutOfReach { reach: since.0 });
    }
    let from_ms = i64::from(begun.unwrap_or(since).0) * 1000;
    let form = match columns {
        Columns::Csv => Form::Csv { has_begun: false },
        Columns::Ndjson => Form::Ndjson,
        Columns::Parquet => {
            let file = unwritten(ParquetFile::begin())?;
            Form::Parquet(Some(Box::new(file)))
        }
    };
    Ok(Export {
        counted: sources.stats.counted(task, from_ms)?,
        form,
        app: app.id,
        origin: task.origin,
        reasons: BTreeMap::new(),
    })
}

impl Export {
    /// The next part of what is written; `None` after the last one. After an error what came before is not all.
    pub async fn next(
        &mut self,
        identities: &dyn Identities,
        audience: &Audience,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Form::Parquet(file) = &mut self.form {
            let Some(file) = file.take() else {
                return Ok(None);
            };
            return self.next_group(file, identities, audience).await.map(Some);
        }
        let rows = self.rows(identities, audience).await?;
        let mut text = String::new();
        if let Form::Csv { has_begun } = &mut self.form
            && !std::mem::replace(has_begun, true)
        {
            text.push_str(NAMES);
        }
        for row in rows.iter().flatten() {
            match self.form {
                Form::Csv { .. } => row.push_csv(&mut text),
                Form::Ndjson | Form::Parquet(_) => row.push_json(&mut text),
            }
        }
        let is_over = rows.is_none() && text.is_empty();
        Ok((!is_over).then(|| text.into_bytes()))
    }

    /// As many rows as make a row group, or those that are left with the footer.
    async fn next_group(
        &mut self,
        mut file: Box<ParquetFile>,
        identities: &dyn Identities,
        audience: &Audience,
    ) -> Result<Vec<u8>, StoreError> {
        let mut rows = Vec::new();
        let is_last = loop {
            match self.rows(identities, audience).await? {
                Some(more) => rows.extend(more),
                None => break true,
            }
            if rows.len() >= GROUP_LEN {
                break false;
            }
        };
        let written = spawn_blocking(move || {
            let mut bytes = Vec::new();
            if !rows.is_empty() {
                bytes = file.push(&rows)?;
            }
            if is_last {
                bytes.extend(file.end()?);
                return Ok((bytes, None));
            }
            Ok((bytes, Some(file)))
        });
        let written = written.await.map_err(|error| StoreError::Failed {
            what: format!("writing a row group stopped: {error}"),
        })?;
        let (bytes, file) = unwritten(written)?;
        self.form = Form::Parquet(file);
        Ok(bytes)
    }

    /// The next rows, some; `None` after the last ones.
    async fn rows(
        &mut self,
        identities: &dyn Identities,
        audience: &Audience,
    ) -> Result<Option<Vec<ExportRow>>, StoreError> {
        let Some(events) = self.counted.next().await? else {
            return Ok(None);
        };
        let devices = self.devices(audience, &events).await?;
        self.learn(identities, &events).await?;
        let row = |event: &Recorded| self.row(event, devices.get(&event.event.number));
        Ok(Some(events.iter().map(row).collect()))
    }

    /// An imported recipient's number is never a device's.
    async fn devices(
        &self,
        audience: &Audience,
        events: &[Recorded],
    ) -> Result<BTreeMap<Number, Device>, StoreError> {
        if self.origin == Origin::Imported {
            return Ok(BTreeMap::new());
        }
        let numbers: BTreeSet<Number> = events.iter().map(|one| one.event.number).collect();
        let numbers: Vec<Number> = numbers.into_iter().collect();
        let devices = audience.find(self.app, &numbers).await?.into_iter();
        Ok(devices.map(|device| (device.number, device)).collect())
    }

    /// Each reason is looked up once.
    async fn learn(
        &mut self,
        identities: &dyn Identities,
        events: &[Recorded],
    ) -> Result<(), StoreError> {
        let lost = events
            .iter()
            .filter(|one| one.event.cell.lane().stage().is_none());
        let new: BTreeSet<LossId> = lost
            .map(|one| one.event.loss)
            .filter(|loss| !self.reasons.contains_key(loss))
            .collect();
        let reasons = Reasons::of_losses(identities, self.app, new.iter().copied()).await?;
        for loss in new {
            self.reasons.insert(loss, reasons.of(loss));
        }
        Ok(())
    }

    fn row(&self, recorded: &Recorded, device: Option<&Device>) -> ExportRow {
        let event = &recorded.event;
        let lane = event.cell.lane();
        let reason = match lane.stage() {
            Some(_) => None,
            None => self.reasons.get(&event.loss),
        };
        let account = device.and_then(|device| device.account.as_ref());
        ExportRow {
            device: event.number.0,
            registration_id: device.map(|device| device.registration_id.to_string()),
            account: account.map(|account| account.as_str().to_owned()),
            route: route_name(event.cell.route()),
            channel: event.cell.channel().name(),
            step: step_name(lane),
            before: before(lane),
            code: reason.map(|reason| reason.code),
            text: reason.map(|reason| reason.text.clone()),
            at: event.at.0,
            recorded_ms: recorded.recorded_ms,
            source: recorded.source.name(),
        }
    }
}

/// Writing to memory fails only for a mistake of ours.
fn unwritten<T>(written: ParquetResult<T>) -> Result<T, StoreError> {
    written.map_err(|error| StoreError::Failed {
        what: format!("a row group cannot be written: {error}"),
    })
}

impl ExportRow {
    fn push_json(&self, text: &mut String) {
        // A structure of texts and numbers: writing it cannot fail.
        text.push_str(&serde_json::to_string(self).unwrap_or_default());
        text.push('\n');
    }

    fn push_csv(&self, text: &mut String) {
        let Self {
            device,
            registration_id,
            account,
            route,
            channel,
            step,
            before,
            code,
            text: reason,
            at,
            recorded_ms,
            source,
        } = self;
        let number = |number: Option<i64>| number.map(|number| number.to_string());
        let columns = [
            device.to_string(),
            registration_id.clone().unwrap_or_default(),
            account.clone().unwrap_or_default(),
            (*route).to_owned(),
            (*channel).to_owned(),
            (*step).to_owned(),
            before.unwrap_or_default().to_owned(),
            number(*code).unwrap_or_default(),
            reason.clone().unwrap_or_default(),
            at.to_string(),
            recorded_ms.to_string(),
            (*source).to_owned(),
        ];
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            push_field(column, text);
        }
        text.push_str("\r\n");
    }
}

/// Quoted where a comma, a quote or a line break would be read as something else.
fn push_field(field: &str, text: &mut String) {
    if field.contains([',', '"', '\r', '\n']) {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_whatever_its_texts_hold() {
        let row = ExportRow {
            device: 7,
            registration_id: None,
            account: Some("a,b\"c\r\n".to_owned()),
            route: "offline",
            channel: "fcm",
            step: "lost",
            before: Some("sent"),
            code: Some(-2),
            text: Some("token not uploaded".to_owned()),
            at: 9,
            recorded_ms: 9_001,
            source: "us",
        };
        let mut csv = String::new();
        row.push_csv(&mut csv);
        let expected =
            "7,,\"a,b\"\"c\r\n\",offline,fcm,lost,sent,-2,token not uploaded,9,9001,us\r\n";
        assert_eq!(csv, expected);
        let mut json = String::new();
        row.push_json(&mut json);
        assert_eq!(json.matches('\n').count(), 1);
        let told: serde_json::Value = serde_json::from_str(&json).unwrap();
        // The columns are the object's members, in both forms.
        let names: BTreeSet<&str> = NAMES.trim_end().split(',').collect();
        let members = told.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(members.collect::<BTreeSet<_>>(), names);
        assert_eq!(told["account"], "a,b\"c\r\n");
    }
}
