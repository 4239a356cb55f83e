//! Acts on many devices or accounts at once: a chunk of an import, a page of an export.
//!
//! An import is in the audit when it starts and when it ends, an export when it starts; what is between is not.

mod labels;

use std::sync::Arc;

use pushtally_audience::Registrar;
use pushtally_http::operations::{RowError, read_device_row, write_device_row};
use pushtally_model::{AccountKind, App, AppId, AttributeIndex, AttributeName, Number};
use pushtally_store::{AttributeNaming, NamesChanged, Registered};

use super::{ActError, Acts, Done, Ledger};
use crate::bulk::{ChunkBounds, Counts, Fault, Kind, Page, Place, Row};

/// Device numbers that are looked up at once.
const WINDOW: u32 = 1024;
/// What a page of an export holds.
const PAGE: ChunkBounds = ChunkBounds::SHARED;
/// Windows of one page: where devices are few, a page ends with few.
const WINDOWS_MAX: usize = 64;

impl From<RowError> for Fault {
    fn from(error: RowError) -> Self {
        Self {
            reason: error.reason,
            field: error.field,
            value: error.value,
        }
    }
}

impl Acts {
    fn app_of_bulk(&self, sdkappid: u32) -> Result<Arc<App>, ActError> {
        let app = AppId(sdkappid);
        self.directory.get(app).ok_or(ActError::Missing { app })
    }

    pub(super) async fn start_import(
        &self,
        sdkappid: u32,
        kind: Kind,
        file: &str,
        names: &[(u8, String)],
    ) -> Result<Done, ActError> {
        let app = self.app_of_bulk(sdkappid)?;
        if !names.is_empty() {
            self.name_attributes(app.id, names).await?;
        }
        let what = match kind {
            Kind::Devices => "import devices",
            Kind::Tags => "import tags",
            Kind::Attributes => "import attributes",
        };
        self.note(app.id, what, file).await;
        let bounds = match self.ledger {
            Ledger::Closed(_) => ChunkBounds::ALONE,
            Ledger::Open(_) => ChunkBounds::SHARED,
        };
        Ok(Done::ImportStarted { bounds })
    }

    async fn name_attributes(&self, app: AppId, names: &[(u8, String)]) -> Result<(), ActError> {
        let mut naming = AttributeNaming::default();
        for (index, name) in names {
            let refused = || ActError::AttributeName {
                index: *index,
                name: name.clone(),
            };
            let at = AttributeIndex::new(*index).ok_or_else(refused)?;
            let name = AttributeName::new(name.as_str()).map_err(|_| refused())?;
            naming.names.insert(at, name);
        }
        let accounts = &self.opened.engine.accounts;
        match accounts.name_attributes(app, &naming).await? {
            NamesChanged::Done | NamesChanged::OtherKind { .. } => Ok(()),
            NamesChanged::Taken { name, by } => Err(ActError::AttributeTaken {
                name: name.to_string(),
                by: by.get(),
            }),
        }
    }

    pub(super) async fn end_import(
        &self,
        sdkappid: u32,
        kind: Kind,
        file: &str,
        counts: Counts,
    ) -> Result<Done, ActError> {
        let app = self.app_of_bulk(sdkappid)?;
        let what = match kind {
            Kind::Devices => "import devices end",
            Kind::Tags => "import tags end",
            Kind::Attributes => "import attributes end",
        };
        let Counts {
            new,
            changed,
            same,
            bad,
        } = counts;
        let target = format!("{file}: {new} new, {changed} changed, {same} same, {bad} bad");
        self.note(app.id, what, &target).await;
        Ok(Done::ImportEnded)
    }

    pub(super) async fn import(
        &self,
        sdkappid: u32,
        kind: Kind,
        replace: bool,
        rows: &[Row],
    ) -> Result<Done, ActError> {
        let app = self.app_of_bulk(sdkappid)?;
        let (counts, faults) = match kind {
            Kind::Devices => self.import_devices(&app, rows).await?,
            Kind::Tags | Kind::Attributes => {
                let accounts = &*self.opened.engine.accounts;
                labels::import(accounts, app.id, kind, replace, rows).await?
            }
        };
        Ok(Done::Imported { counts, faults })
    }

    async fn import_devices(
        &self,
        app: &App,
        rows: &[Row],
    ) -> Result<(Counts, Vec<(u64, Fault)>), ActError> {
        let (mut phones, mut faults) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            match read_device_row(&row.json) {
                Ok(phone) => phones.push(phone),
                Err(error) => faults.push((row.line, error.into())),
            }
        }
        let registrar = Registrar::new(
            Arc::clone(&self.opened.engine.devices),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        );
        let mut counts = Counts {
            bad: faults.len() as u64,
            ..Counts::default()
        };
        for answer in registrar.import(app, phones).await? {
            match answer {
                Registered::New { replaced, .. } => {
                    counts.new += 1;
                    if let (Some(replaced), Some(online)) = (replaced, self.online.get()) {
                        online.disconnect(app.id, replaced);
                    }
                }
                Registered::Changed { .. } | Registered::Claimed { .. } => counts.changed += 1,
                Registered::Same { .. } => counts.same += 1,
                // No secret is asked for, so the first is never answered. What is missing at the bound is imported
                // when the bound is raised: the chunk is repeated.
                Registered::OtherSecret | Registered::Full => {
                    return Err(ActError::Full {
                        app: app.id,
                        devices_max: app.devices_max,
                    });
                }
            }
        }
        Ok((counts, faults))
    }

    pub(super) async fn export(
        &self,
        sdkappid: u32,
        kind: Kind,
        from: Option<Place>,
        with_tokens: bool,
    ) -> Result<Done, ActError> {
        let app = self.app_of_bulk(sdkappid)?.id;
        if from.is_none() {
            let (what, target) = match kind {
                Kind::Devices if with_tokens => ("export devices", "with tokens"),
                Kind::Devices => ("export devices", ""),
                Kind::Tags => ("export tags", ""),
                Kind::Attributes => ("export attributes", ""),
            };
            self.note(app, what, target).await;
        }
        let page = match (kind, from) {
            (Kind::Devices, Some(Place::Device(from))) => {
                self.export_devices(app, from, with_tokens).await?
            }
            (Kind::Devices, _) => self.export_devices(app, 0, with_tokens).await?,
            (Kind::Tags | Kind::Attributes, from) => self.export_labels(app, kind, from).await?,
        };
        Ok(Done::Exported(page))
    }

    /// Devices from a number on. Numbers that nobody has are passed over shard by shard, else looked up.
    async fn export_devices(
        &self,
        app: AppId,
        from: u32,
        with_tokens: bool,
    ) -> Result<Page, ActError> {
        let devices = &self.opened.engine.devices;
        let shards = devices.device_shards(app).await?;
        let (mut rows, mut len) = (Vec::new(), 0);
        let mut next = Some(from);
        for _ in 0..WINDOWS_MAX {
            next = next.and_then(|number| skip_to(&shards, number));
            let Some(first) = next else { break };
            let numbers: Vec<Number> = (first..=first | (WINDOW - 1)).map(Number).collect();
            for device in devices.find_devices(app, &numbers).await? {
                let row = write_device_row(&device, with_tokens);
                len += row.len();
                rows.push(row);
                next = device.number.0.checked_add(1);
                if PAGE.is_full(0, len) {
                    break;
                }
            }
            if PAGE.is_full(0, len) {
                break;
            }
            next = (first | (WINDOW - 1)).checked_add(1);
            if PAGE.is_full(rows.len(), len) {
                break;
            }
        }
        Ok(Page {
            rows,
            attributes: Vec::new(),
            next: next
                .and_then(|number| skip_to(&shards, number))
                .map(Place::Device),
        })
    }

    async fn export_labels(
        &self,
        app: AppId,
        kind: Kind,
        from: Option<Place>,
    ) -> Result<Page, ActError> {
        let accounts = &*self.opened.engine.accounts;
        let names = accounts.attribute_names(app).await?;
        let after = match from {
            Some(Place::Labelled { phone, name }) => labels::place(phone, name),
            Some(Place::Device(_)) | None => None,
        };
        let after = after.as_ref().map(|(kind, name)| (*kind, name));
        let listed = accounts.list_labels(app, after, LABELLED_MAX).await?;
        let (mut rows, mut len, mut last) = (Vec::new(), 0, None);
        for (seen, (name, labelled)) in listed.iter().enumerate() {
            if let Some(row) = labels::write(kind, &names, name, labelled) {
                len += row.len();
                rows.push(row);
            }
            if PAGE.is_full(0, len) || seen + 1 == LABELLED_MAX {
                last = Some((name, labelled));
                break;
            }
        }
        Ok(Page {
            rows,
            attributes: names.values().map(|(name, _)| name.to_string()).collect(),
            next: last.map(|(name, labelled)| Place::Labelled {
                phone: labelled.kind == AccountKind::Phone,
                name: name.to_string(),
            }),
        })
    }
}

/// Accounts that are looked up for one page: some megabytes, should each have all the tags that it may have.
const LABELLED_MAX: usize = 1000;

/// The number, or the first one of the next shard that has devices.
fn skip_to(shards: &[u16], number: u32) -> Option<u32> {
    let shard = Number(number).shard();
    let next = *shards.iter().find(|other| **other >= shard)?;
    Some(number.max(u32::from(next) << 16))
}
