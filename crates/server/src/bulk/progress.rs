//! How far an import is: a small file beside the one that is imported, replaced after each chunk that was acknowledged.
//!
//! Repeating a chunk changes nothing, so a crash that loses the last replacement costs only its time.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::rows::At;
use super::{Counts, Kind};

/// What the file is: its name with `.import` added.
pub(super) fn path_of(file: &Path) -> PathBuf {
    beside(file, ".import")
}

/// A file's name with something added.
pub(super) fn beside(file: &Path, added: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(added);
    PathBuf::from(name)
}

/// By what a file is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Stamp {
    pub(super) fn of(facts: &fs::Metadata) -> Self {
        Self {
            size: facts.size(),
            modified_s: facts.mtime(),
            modified_ns: facts.mtime_nsec(),
        }
    }

    pub(super) const fn size(self) -> u64 {
        self.size
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) kind: Kind,
    pub(super) sdkappid: u32,
    pub(super) stamp: Stamp,
    offset: u64,
    line: u64,
    pub(super) counts: Counts,
    /// Bytes of the report of bad rows that belong to what was acknowledged.
    pub(super) bad_len: u64,
}

impl Progress {
    /// Nothing is done yet.
    pub(super) fn start(kind: Kind, sdkappid: u32, stamp: Stamp) -> Self {
        Self {
            kind,
            sdkappid,
            stamp,
            offset: At::START.offset,
            line: At::START.line,
            counts: Counts::default(),
            bad_len: 0,
        }
    }

    pub(super) const fn at(&self) -> At {
        At {
            offset: self.offset,
            line: self.line,
        }
    }

    pub(super) const fn reach(&mut self, at: At) {
        self.offset = at.offset;
        self.line = at.line;
    }

    /// What was noted of this import, if it was begun before; an error if the note is of another one.
    pub(super) fn load(path: &Path, new: &Self) -> anyhow::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("`{}` cannot be read", path.display()));
            }
        };
        let known = serde_json::from_slice::<Self>(&bytes).ok();
        let known = known.filter(|known| {
            (known.kind, known.sdkappid, known.stamp) == (new.kind, new.sdkappid, new.stamp)
        });
        if known.is_none() {
            bail!(
                "`{}` is of another import, or the file has changed since: `--from-start` begins anew",
                path.display()
            );
        }
        Ok(known)
    }

    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let new = beside(path, ".new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(&new, path)
    }
}
