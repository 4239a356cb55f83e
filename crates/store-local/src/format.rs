//! The marks of a data directory: its format version, and the lock that keeps a second process out.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::error::LocalError;
use crate::layout::{FORMAT as NAME, LOCK, PARTS, replace_file};

/// The newest format this release reads and the one it writes.
const VERSION: u32 = 1;

/// What is fixed when a directory is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    format: u32,
    /// The partitions that events are hashed to; recorded in every frame.
    pub(crate) partitions: u16,
}

impl Format {
    /// Reads the directory's mark, or marks a new directory.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, partitions: u16) -> Result<Self, LocalError> {
        let exists = |path: &Path| {
            disk.exists(path)
                .map_err(|e| LocalError::of_io("look for", path, e))
        };
        if exists(&dir.join(NAME))? {
            return Self::read(disk, &dir.join(NAME));
        }
        // A new directory is marked before anything else is in it.
        for part in PARTS {
            if exists(&dir.join(part))? {
                let why =
                    format!("it holds `{part}` but no `{NAME}`, as an incomplete backup does");
                return Err(LocalError::corrupt(dir, 0, why));
            }
        }
        Self::mark(disk, dir, partitions)
    }

    /// Marks a directory as one of this format.
    pub(crate) fn mark(disk: &dyn Disk, dir: &Path, partitions: u16) -> Result<Self, LocalError> {
        let format = Self {
            format: VERSION,
            partitions,
        };
        let json = serde_json::to_string(&format)
            .map_err(|e| LocalError::of_io("write", &dir.join(NAME), e.into()))?;
        replace_file(disk, dir, NAME, &format!("{json}\n"))?;
        Ok(format)
    }

    fn read(disk: &dyn Disk, path: &Path) -> Result<Self, LocalError> {
        let file = disk
            .open(path)
            .map_err(|e| LocalError::of_io("open", path, e))?;
        let mut bytes = vec![0; 4096];
        let len = file
            .read_at(0, &mut bytes)
            .map_err(|e| LocalError::of_io("read", path, e))?;
        let found: serde_json::Value = serde_json::from_slice(&bytes[..len]).map_err(|e| {
            LocalError::corrupt(
                path,
                0,
                format!("it is not the mark of a data directory: {e}"),
            )
        })?;
        let version = found
            .get("format")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default();
        if version > u64::from(VERSION) {
            let found = u32::try_from(version).unwrap_or(u32::MAX);
            return Err(LocalError::NewerVersion {
                path: path.to_path_buf(),
                found,
                known: VERSION,
            });
        }
        serde_json::from_value(found).map_err(|e| LocalError::corrupt(path, 0, e.to_string()))
    }
}

/// Held while a process works in a directory; the system lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who cannot have it.
    pub(crate) fn take(dir: &Path) -> Result<Self, LocalError> {
        let path = dir.join(LOCK);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options
            .open(&path)
            .map_err(|e| LocalError::of_io("open", &path, e))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| LocalError::Locked { path })?;
        Ok(Self { _file: file })
    }
}
