//! The tables in redb: what the log says, in a form that can be asked. Behind the log by what is not saved yet.
//!
//! Invariant: the file on disk is the log up to the frame that `included` in it names; the open database is the log whole.
//! A database that broke is opened anew and catches up; until it has, nothing is read or written.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use pushtally_store::StoreError;
use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable,
    WriteTransaction,
};

use super::changes::Changes;
use super::file::{Failures, StateFile};
use super::index::{Fresh, Index, build, moves_of, write_pages};
use super::rewrite::new_path;
use super::tables::{ActError, INDEX, META, Tables};
use super::writer::stopped;
use crate::disk::Disk;
use crate::error::LocalError;
use crate::segments::{SegmentLog, SegmentReader};

/// The newest form of the tables that this release reads, and the one that it writes. Form 1 had no labels, no index and no
/// revocations, form 2 not who had tokens before, form 3 no forgettings.
const FORMAT: u64 = 4;
/// The first form with an index.
const INDEXED: u64 = 2;

/// An open database, or why there is none.
pub(super) struct StateDatabase {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    cache_bytes: usize,
    open: RwLock<Option<Database>>,
    index: Index,
    failures: Mutex<Arc<Failures>>,
    /// Why it is not open.
    closed: Mutex<Option<StoreError>>,
}

impl StateDatabase {
    /// Opens the file, making it when it is missing. It is as it was saved last.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        cache_bytes: usize,
        index_cache_bytes: usize,
    ) -> Result<Self, LocalError> {
        let state = Self {
            disk,
            path: path.to_path_buf(),
            cache_bytes,
            open: RwLock::new(None),
            index: Index::new(index_cache_bytes),
            failures: Mutex::default(),
            closed: Mutex::new(None),
        };
        let database = state.open_file()?;
        *state.open.write() = Some(database);
        Ok(state)
    }

    fn open_file(&self) -> Result<Database, LocalError> {
        let failures = Arc::new(Failures::default());
        *self.failures.lock() = Arc::clone(&failures);
        let broken = |error: redb::Error| broken(&self.path, &failures, &error);
        let file = StateFile::open(&*self.disk, &self.path, Arc::clone(&failures));
        let file = file.map_err(|e| LocalError::of_io("open", &self.path, e))?;
        let database = Builder::new()
            .set_cache_size(self.cache_bytes)
            .create_with_backend(file)
            .map_err(|error| broken(error.into()))?;
        let found = prepare(&database).map_err(broken)?;
        if found > FORMAT {
            return Err(LocalError::NewerVersion {
                path: self.path.clone(),
                found: u32::try_from(found).unwrap_or(u32::MAX),
                known: FORMAT as u32,
            });
        }
        Ok(database)
    }

    /// Makes the changes of the log that the file does not have, and saves them.
    pub(super) fn catch_up(&self, log: &SegmentLog) -> Result<(), LocalError> {
        match self.open.read().as_ref() {
            Some(database) => self.follow(database, log, Saved::Now),
            None => Ok(()),
        }
    }

    fn follow(
        &self,
        database: &Database,
        log: &SegmentLog,
        saved: Saved,
    ) -> Result<(), LocalError> {
        let broke = |error: &redb::Error| broken(&self.path, &self.failures.lock(), error);
        let included = included(database).map_err(|error| broke(&error))?;
        let (first, next) = (log.first_position(), log.next_position());
        if included >= next || included + 1 < first {
            let why = format!(
                "it includes `{included}` changes, the log beside it holds `{first}` to before `{next}`"
            );
            return Err(LocalError::corrupt(&self.path, 0, why));
        }
        if included + 1 == next {
            return Ok(());
        }
        let write = begin(database, saved).map_err(|error| broke(&error))?;
        let mut fresh = Fresh::default();
        log.replay(included + 1, &mut |position, frame| {
            self.apply(&write, &mut fresh, position, frame)
        })?;
        let committed = write_pages(&write, &fresh)
            .and_then(|()| include(&write, next - 1))
            .and_then(|()| Ok(write.commit()?));
        committed.map_err(|error| broke(&error))
    }

    /// Makes the changes of a frame; `fresh` gets what they move in the index.
    fn apply(
        &self,
        write: &WriteTransaction,
        fresh: &mut Fresh,
        position: u64,
        frame: &[u8],
    ) -> Result<(), LocalError> {
        let changes = Changes::default();
        let applied = Tables::open(write, &changes).and_then(|mut tables| {
            let applied = tables.apply(frame)?;
            Ok(applied.then_some(moves_of(&tables, changes.take_before())?))
        });
        match applied {
            Ok(Some(moves)) => {
                moves.into_iter().for_each(|moved| fresh.note(moved));
                Ok(())
            }
            Ok(None) => {
                let why = format!("its changes `{position}` cannot be read");
                Err(LocalError::corrupt(&self.path, 0, why))
            }
            Err(error) => Err(broken(&self.path, &self.failures.lock(), &error)),
        }
    }

    /// Makes changes of a log that somebody else writes, about so many bytes of it, and saves them. Answers how many frames
    /// this file is behind then.
    pub(super) fn follow_on(
        &self,
        log: &SegmentReader,
        bytes_max: usize,
    ) -> Result<u64, LocalError> {
        let open = self.open.read();
        let Some(database) = open.as_ref() else {
            return Err(LocalError::Poisoned);
        };
        let broke = |error: &redb::Error| broken(&self.path, &self.failures.lock(), error);
        let mut last = included(database).map_err(|error| broke(&error))?;
        let write = begin(database, Saved::Now).map_err(|error| broke(&error))?;
        let (mut fresh, mut bytes) = (Fresh::default(), 0);
        log.read(last + 1, None, &mut |place, frame| {
            self.apply(&write, &mut fresh, place.position, frame)?;
            last = place.position;
            bytes += frame.len();
            Ok(if bytes < bytes_max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        let committed = write_pages(&write, &fresh)
            .and_then(|()| include(&write, last))
            .and_then(|()| Ok(write.commit()?));
        committed.map_err(|error| broke(&error))?;
        Ok(log.next_position().saturating_sub(last + 1))
    }

    /// What has become of a database in which an act or a commit broke: it is opened anew and catches up with the log.
    /// Answers what the error means to whoever met it.
    pub(super) fn mend(&self, error: &redb::Error, log: &SegmentLog) -> StoreError {
        let met = self.store_error(error);
        // What a failed sync left behind can be told from what is durable only by reading it anew after a restart.
        if self.failures.lock().unsynced() {
            tracing::error!(path = %self.path.display(), "a sync failed; restart the process");
            let mut open = self.open.write();
            *self.closed.lock() = Some(met.clone());
            drop(open.take());
        } else if let Err(error) = self.reopen(log) {
            tracing::warn!(%error, "devices and tasks cannot be read; trying again");
        }
        met
    }

    /// Opens the file anew, unless only a restart can help. Readers wait meanwhile.
    pub(super) fn reopen(&self, log: &SegmentLog) -> Result<(), StoreError> {
        let mut open = self.open.write();
        if let Some(closed @ StoreError::Failed { .. }) = &*self.closed.lock() {
            return Err(closed.clone());
        }
        drop(open.take());
        // Where there is no room to save there may be memory to read from.
        self.open_again(&mut open, log, Saved::Later)
    }

    /// Puts the finished copy beside the file into its place, and has it catch up. Whoever reads just then is waited for.
    pub(super) fn replace(&self, log: &SegmentLog) -> Result<(), StoreError> {
        let mut open = self.open.write();
        drop(open.take());
        let renamed = self.disk.rename(&new_path(&self.path), &self.path);
        if renamed.is_ok() {
            let dir = self.path.parent().unwrap_or_else(|| Path::new("."));
            if let Err(error) = self.disk.sync_dir(dir) {
                // Either file may be there after a crash; the log has what both need, as long as nobody saves.
                let error = LocalError::of_io("sync", dir, error);
                let what = format!("{error}; restart the process");
                let failed = StoreError::Failed { what };
                *self.closed.lock() = Some(failed.clone());
                return Err(failed);
            }
        }
        self.open_again(&mut open, log, Saved::Now)?;
        renamed.map_err(|error| LocalError::of_io("rename a copy to", &self.path, error).into())
    }

    fn open_again(
        &self,
        open: &mut Option<Database>,
        log: &SegmentLog,
        saved: Saved,
    ) -> Result<(), StoreError> {
        let opened = self.open_file().and_then(|database| {
            self.follow(&database, log, saved)?;
            // The pages have what the log has.
            self.index.clear();
            Ok(database)
        });
        match opened {
            Ok(database) => {
                *open = Some(database);
                *self.closed.lock() = None;
                Ok(())
            }
            Err(error) => {
                let error = StoreError::from(error);
                *self.closed.lock() = Some(error.clone());
                Err(error)
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.read().is_some()
    }

    /// Why nothing can be read, if nothing can.
    pub(super) fn require_open(&self) -> Result<(), StoreError> {
        if self.is_open() {
            Ok(())
        } else {
            Err(self.why_closed())
        }
    }

    /// What of the index is in memory.
    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    /// The last commit, and what moved in the index that its pages do not have.
    pub(super) fn moment(&self) -> Result<(ReadTransaction, Fresh), StoreError> {
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.why_closed())?;
        let moment = self.index.moment(|| Ok(database.begin_read()?));
        moment.map_err(|error| self.store_error(&error))
    }

    /// The last commit. Later ones do not change it.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.why_closed())?;
        let read = database.begin_read();
        read.map_err(|error| self.store_error(&error.into()))
    }

    /// Looks at the last commit.
    pub(super) fn read<R>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<R, ActError>,
    ) -> Result<R, StoreError> {
        // The file is not changed for another while somebody looks.
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.why_closed())?;
        let read = database.begin_read();
        let read = read.map_err(|error| self.store_error(&error.into()))?;
        look(&read).map_err(|error| self.read_error(error))
    }

    pub(super) fn read_error(&self, error: ActError) -> StoreError {
        match error {
            ActError::Refused(error) => error,
            ActError::Broken(error) => self.store_error(&error),
        }
    }

    pub(super) fn begin_write(&self, saved: Saved) -> Result<WriteTransaction, ActError> {
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.why_closed())?;
        Ok(begin(database, saved)?)
    }

    fn why_closed(&self) -> StoreError {
        self.closed.lock().clone().unwrap_or_else(stopped)
    }

    /// What an error of redb means to a caller.
    fn store_error(&self, error: &redb::Error) -> StoreError {
        let failures = Arc::clone(&*self.failures.lock());
        let mending = matches!(error, redb::Error::PreviousIo | redb::Error::DatabaseClosed);
        if mending && !failures.full() && !failures.unsynced() {
            // Somebody else met the failure, and it is being mended.
            return StoreError::Busy {
                what: format!("`{}` is being opened anew", self.path.display()),
            };
        }
        broken(&self.path, &failures, error).into()
    }

    pub(super) fn close(&self) {
        drop(self.open.write().take());
    }

    /// Copies a moment into this file, which is new; the last frame that it has is 0 of one with a log of its own.
    pub(super) fn fill(
        &self,
        from: &ReadTransaction,
        fresh: &Fresh,
        included: u64,
    ) -> Result<(), StoreError> {
        let open = self.open.read();
        let database = open.as_ref().ok_or_else(|| self.why_closed())?;
        let copied = Tables::copy(from, &mut || begin(database, Saved::Now)).and_then(|()| {
            let write = begin(database, Saved::Now)?;
            write_pages(&write, fresh)?;
            include(&write, included)?;
            Ok(write.commit()?)
        });
        copied.map_err(|error| self.store_error(&error))
    }
}

/// When the file has what a transaction changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// With the next transaction that is saved: until then the log has it.
    Later,
    /// With its commit, and everything before it.
    Now,
}

fn begin(database: &Database, saved: Saved) -> Result<WriteTransaction, redb::Error> {
    let mut write = database.begin_write()?;
    match saved {
        Saved::Later => write
            .set_durability(Durability::None)
            .map_err(|error| redb::Error::Corrupted(error.to_string()))?,
        // Records which pages are free, so that opening after a crash reads no more than that.
        Saved::Now => write.set_quick_repair(true),
    }
    Ok(write)
}

/// Makes the tables, which must exist before they can be read, and the index of a file that has none; answers the form
/// that the file has.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let write = begin(database, Saved::Now)?;
    let known = write
        .open_table(META)?
        .get("format")?
        .map(|found| found.value());
    match known {
        Some(known) if known >= FORMAT => {
            write.abort()?;
            return Ok(known);
        }
        Some(known) => {
            Tables::open(&write, &Changes::default())?;
            if known < INDEXED {
                build(&write)?;
            }
        }
        None => {
            Tables::open(&write, &Changes::default())?;
            write.open_table(INDEX)?;
        }
    }
    write.open_table(META)?.insert("format", FORMAT)?;
    write.commit()?;
    Ok(FORMAT)
}

/// The last frame of the log that a transaction's tables have.
pub(super) fn include(write: &WriteTransaction, position: u64) -> Result<(), redb::Error> {
    write.open_table(META)?.insert("included", position)?;
    Ok(())
}

fn included(database: &Database) -> Result<u64, redb::Error> {
    let included = database.begin_read()?.open_table(META)?.get("included")?;
    Ok(included.map_or(0, |included| included.value()))
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
