//! The report of rows that were not taken in: NDJSON, made when there is the first one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::Fault;

/// A row that was not taken in.
#[derive(Serialize)]
pub(super) struct BadRow {
    pub(super) line: u64,
    #[serde(flatten)]
    pub(super) fault: Fault,
    /// What of it is no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) row: Option<Value>,
}

pub(super) struct Report {
    path: PathBuf,
    /// Bytes that are kept of a report that is there: those of rows whose chunk was acknowledged.
    kept: u64,
    file: Option<BufWriter<File>>,
}

impl Report {
    pub(super) const fn new(path: PathBuf, kept: u64) -> Self {
        Self {
            path,
            kept,
            file: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes them down; answers how long the report is then.
    pub(super) fn write(&mut self, rows: &[BadRow]) -> io::Result<u64> {
        if rows.is_empty() {
            return Ok(self.kept);
        }
        if self.file.is_none() {
            // It has people's names, so it is the caller's alone.
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            let mut file = options.open(&self.path)?;
            file.set_len(self.kept)?;
            io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            self.file = Some(BufWriter::new(file));
        }
        let Some(file) = &mut self.file else {
            return Ok(self.kept);
        };
        for row in rows {
            let mut line = serde_json::to_vec(row)?;
            line.push(b'\n');
            file.write_all(&line)?;
            self.kept += line.len() as u64;
        }
        file.flush()?;
        Ok(self.kept)
    }
}
