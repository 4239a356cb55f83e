//! The file under redb: written through `Disk`, and remembering how it failed, which redb does not tell.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use crate::disk::{Disk, DiskFile};

/// How a file has failed since it was opened.
#[derive(Debug, Default)]
pub(super) struct Failures {
    full: AtomicBool,
    unsynced: AtomicBool,
}

impl Failures {
    /// There was no room.
    pub(super) fn full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// A sync failed: nobody knows what the disk holds, and asking the file would tell a comforting lie.
    pub(super) fn unsynced(&self) -> bool {
        self.unsynced.load(Ordering::Acquire)
    }

    fn note(&self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            if full.contains(&error.kind()) {
                self.full.store(true, Ordering::Release);
            }
        }
        result
    }
}

/// An open file as redb wants one.
#[derive(Debug)]
pub(super) struct StateFile {
    file: Box<dyn DiskFile>,
    failures: Arc<Failures>,
}

impl StateFile {
    /// Opens the file, making an empty one when there is none.
    pub(super) fn open(disk: &dyn Disk, path: &Path, failures: Arc<Failures>) -> io::Result<Self> {
        let file = if disk.exists(path)? {
            disk.open(path)?
        } else {
            let file = disk.create_new(path)?;
            disk.sync_dir(path.parent().unwrap_or_else(|| Path::new(".")))?;
            file
        };
        // What an earlier process wrote and did not sync may still be lost: it must not be built upon.
        file.sync()?;
        Ok(Self { file, failures })
    }
}

impl StorageBackend for StateFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let len = out.len();
        match self.file.read_at(offset, out)? {
            read if read == len => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.failures.note(self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let synced = self.failures.note(self.file.sync());
        if synced.is_err() {
            self.failures.unsynced.store(true, Ordering::Release);
        }
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.failures.note(self.file.write_at(offset, data))
    }
}
