//! The manifest: which tables make up the newest snapshot, and what it includes.

use std::collections::BTreeMap;
use std::path::Path;

use pushtally_model::AppId;
use pushtally_store::Position;
use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::error::LocalError;
use crate::layout::replace_file;

/// The newest format this release reads and the one it writes.
const FORMAT: u32 = 1;
const NAME: &str = "MANIFEST";

/// A table as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableEntry {
    pub(crate) id: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

/// The newest snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) included: Position,
    pub(crate) tasks_end: u32,
    pub(crate) numbers_end: BTreeMap<AppId, u32>,
    /// Newest first.
    pub(crate) tables: Vec<TableEntry>,
}

/// The stored form: one line of JSON, then its CRC-32C in hexadecimal.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format: u32,
    included: Vec<u64>,
    tasks_end: u32,
    numbers_end: BTreeMap<u32, u32>,
    tables: Vec<TableEntry>,
}

impl Manifest {
    /// Reads the manifest; a directory without one has an empty snapshot.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Self, LocalError> {
        let path = dir.join(NAME);
        if !disk
            .exists(&path)
            .map_err(|e| LocalError::of_io("look for", &path, e))?
        {
            return Ok(Self::default());
        }
        let file = disk
            .open(&path)
            .map_err(|e| LocalError::of_io("open", &path, e))?;
        let len = file
            .len()
            .map_err(|e| LocalError::of_io("measure", &path, e))?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        file.read_at(0, &mut bytes)
            .map_err(|e| LocalError::of_io("read", &path, e))?;
        let text = String::from_utf8_lossy(&bytes);
        let damaged = |why: String| LocalError::corrupt(&path, 0, why);
        let (json, crc) = text
            .trim_end()
            .split_once('\n')
            .ok_or_else(|| damaged("it has no checksum".into()))?;
        let found = crc32c::crc32c(json.as_bytes());
        if crc != format!("{found:08x}") {
            return Err(damaged(format!(
                "its checksum is `{found:08x}`, written was `{crc}`"
            )));
        }
        let format = serde_json::from_str::<FormatOnly>(json)
            .map_err(|e| damaged(e.to_string()))?
            .format;
        if format > FORMAT {
            return Err(LocalError::NewerVersion {
                path,
                found: format,
                known: FORMAT,
            });
        }
        let stored: Stored = serde_json::from_str(json).map_err(|e| damaged(e.to_string()))?;
        Ok(Self {
            included: Position(stored.included),
            tasks_end: stored.tasks_end,
            numbers_end: stored
                .numbers_end
                .into_iter()
                .map(|(app, end)| (AppId(app), end))
                .collect(),
            tables: stored.tables,
        })
    }

    /// Replaces the manifest: durable when it returns, unchanged when it fails.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), LocalError> {
        let stored = Stored {
            format: FORMAT,
            included: self.included.0.clone(),
            tasks_end: self.tasks_end,
            numbers_end: self
                .numbers_end
                .iter()
                .map(|(app, end)| (app.0, *end))
                .collect(),
            tables: self.tables.clone(),
        };
        let json = serde_json::to_string(&stored)
            .map_err(|e| LocalError::of_io("write", &dir.join(NAME), e.into()))?;
        let text = format!("{json}\n{:08x}\n", crc32c::crc32c(json.as_bytes()));
        replace_file(disk, dir, NAME, &text)
    }
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}
