//! The open redb file: opened anew after it had no room, closed for good after a sync failed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use pushtally_store::StoreError;
use redb::{Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use super::file::{Failures, StateFile};
use super::tables::{ActError, META, Tables};
use super::writer::stopped;
use crate::disk::Disk;
use crate::error::LocalError;

/// The newest form of the tables that this release reads, and the one that it writes.
const FORMAT: u64 = 1;

/// An open file, or why there is none any more.
pub(super) struct StateDatabase {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    cache_bytes: usize,
    open: RwLock<Option<Database>>,
    failures: Mutex<Arc<Failures>>,
    /// Set once the fate of a commit is unknown: nothing is read or written until the process is restarted.
    failed: Mutex<Option<String>>,
}

impl StateDatabase {
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        cache_bytes: usize,
    ) -> Result<Self, LocalError> {
        let failures = Arc::new(Failures::default());
        let database = open_file(&*disk, path, cache_bytes, &failures)?;
        let found = prepare(&database).map_err(|error| broken(path, &failures, &error))?;
        if found > FORMAT {
            return Err(LocalError::NewerVersion {
                path: path.to_path_buf(),
                found: u32::try_from(found).unwrap_or(u32::MAX),
                known: FORMAT as u32,
            });
        }
        Ok(Self {
            disk,
            path: path.to_path_buf(),
            cache_bytes,
            open: RwLock::new(Some(database)),
            failures: Mutex::new(failures),
            failed: Mutex::new(None),
        })
    }

    /// The last commit. Later ones do not change it.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.closed())?;
        let read = database.begin_read();
        read.map_err(|error| self.store_error(&error.into()))
    }

    /// Looks at the last commit.
    pub(super) fn read<R>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<R, ActError>,
    ) -> Result<R, StoreError> {
        let read = self.begin_read()?;
        look(&read).map_err(|error| self.read_error(error))
    }

    pub(super) fn read_error(&self, error: ActError) -> StoreError {
        match error {
            ActError::Refused(error) => error,
            ActError::Broken(error) => self.store_error(&error),
        }
    }

    /// A transaction that writes, and the number that its commit will have.
    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.closed())?;
        begin(database).map_err(|error| self.store_error(&error))
    }

    /// What became of a transaction that broke. The file is opened anew, and its serial number tells whether the
    /// transaction is in it; only after a failed sync nobody can tell.
    pub(super) fn settle(&self, serial: u64, error: &redb::Error) -> Result<(), StoreError> {
        let refused = self.store_error(error);
        let failures = Arc::clone(&*self.failures.lock());
        if failures.unsynced() {
            return Err(self.fail(format!("a sync of `{}` failed", self.path.display())));
        }
        let mut open = self.open.write();
        drop(open.take());
        match self.reopen() {
            Ok((database, found)) => {
                *open = Some(database);
                if found == serial {
                    Ok(())
                } else {
                    Err(refused)
                }
            }
            Err(error) => Err(self.fail(format!("it could not be opened anew: {error}"))),
        }
    }

    fn reopen(&self) -> Result<(Database, u64), LocalError> {
        let failures = Arc::new(Failures::default());
        let database = open_file(&*self.disk, &self.path, self.cache_bytes, &failures)?;
        let found = serial(&database).map_err(|error| broken(&self.path, &failures, &error))?;
        *self.failures.lock() = failures;
        Ok((database, found))
    }

    fn fail(&self, what: String) -> StoreError {
        tracing::error!(%what, "the store of devices and tasks has failed; restart the process");
        *self.failed.lock() = Some(what.clone());
        StoreError::Failed { what }
    }

    fn closed(&self) -> StoreError {
        match &*self.failed.lock() {
            Some(what) => StoreError::Failed { what: what.clone() },
            None => stopped(),
        }
    }

    /// What an error of redb means to a caller.
    fn store_error(&self, error: &redb::Error) -> StoreError {
        let failures = Arc::clone(&*self.failures.lock());
        if let Some(what) = &*self.failed.lock() {
            return StoreError::Failed { what: what.clone() };
        }
        broken(&self.path, &failures, error).into()
    }

    pub(super) fn close(&self) {
        drop(self.open.write().take());
    }

    /// Copies everything that a transaction sees into this file, which is new.
    pub(super) fn fill(&self, from: &ReadTransaction) -> Result<(), StoreError> {
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.closed())?;
        let copied = Tables::copy(from, &mut || begin(database));
        copied.map_err(|error| self.store_error(&error))
    }
}

fn open_file(
    disk: &dyn Disk,
    path: &Path,
    cache_bytes: usize,
    failures: &Arc<Failures>,
) -> Result<Database, LocalError> {
    let file = StateFile::open(disk, path, Arc::clone(failures));
    let file = file.map_err(|e| LocalError::of_io("open", path, e))?;
    let database = Builder::new()
        .set_cache_size(cache_bytes)
        .create_with_backend(file);
    database.map_err(|error| broken(path, failures, &error.into()))
}

/// Every commit records which pages are free, so that opening after a crash reads no more than that.
fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut write = database.begin_write()?;
    write.set_quick_repair(true);
    Ok(write)
}

/// Makes the tables, which must exist before they can be read; answers the form they have.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let write = begin(database)?;
    let found = {
        let mut tables = Tables::open(&write)?;
        let found = tables.meta.get("format")?.map(|found| found.value());
        match found {
            Some(found) => found,
            None => {
                tables.meta.insert("format", FORMAT)?;
                FORMAT
            }
        }
    };
    if found > FORMAT {
        write.abort()?;
    } else {
        write.commit()?;
    }
    Ok(found)
}

fn serial(database: &Database) -> Result<u64, redb::Error> {
    let read = database.begin_read()?;
    let serial = read.open_table(META)?.get("serial")?;
    Ok(serial.map_or(0, |serial| serial.value()))
}

fn broken(path: &Path, failures: &Failures, error: &redb::Error) -> LocalError {
    if failures.unsynced() {
        return LocalError::Poisoned;
    }
    let latched = matches!(
        error,
        redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::Io(_)
    );
    if failures.full() && latched {
        return LocalError::DiskFull {
            path: path.to_path_buf(),
        };
    }
    match error {
        redb::Error::Corrupted(why) => LocalError::corrupt(path, 0, why),
        error => LocalError::Io {
            what: format!("use `{}`", path.display()),
            source: std::io::Error::other(error.to_string()),
        },
    }
}
