//! Writes the tables into a fresh file, so that of rows that are no more no byte is left: neither in pages that are free
//! now nor in the log, whose segments up to the copy go.
//!
//! The copy is of one moment; what changes meanwhile is in the log behind it, which is kept until the new file has taken
//! the old one's place. That is one renaming: whenever the process ends, the directory holds the old file with all of the
//! log that it needs, or the new one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pushtally_store::StoreError;

use super::commit::Writer;
use super::database::StateDatabase;
use super::{COPY_CACHE_BYTES, State, StateCopy};
use crate::disk::Disk;
use crate::error::LocalError;
use crate::segments::SegmentReader;

/// Bytes of the log that the copy takes over in one transaction.
const FOLLOW_LEN: usize = 8 << 20;
/// Frames by which the copy may be behind when it takes the old file's place: the writer makes these changes, and acts wait.
const BEHIND_MAX: u64 = 256;
/// How often it is tried to come closer than that. Then acts wait somewhat longer.
const FOLLOWS_MAX: usize = 64;

/// A moment to be copied, and the last frame of the log that it has.
pub(super) struct Begun {
    copy: StateCopy,
    included: u64,
}

/// Where the copy is written.
pub(super) fn new_path(path: &Path) -> PathBuf {
    path.with_extension("redb.new")
}

/// Removes a copy that was not finished.
pub(super) fn remove_unfinished(disk: &dyn Disk, path: &Path) -> Result<(), LocalError> {
    let new = new_path(path);
    let failed = |act: &'static str| {
        let new = new.clone();
        move |error| LocalError::of_io(act, &new, error)
    };
    if !disk.exists(&new).map_err(failed("look for"))? {
        return Ok(());
    }
    disk.remove(&new).map_err(failed("remove"))?;
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    disk.sync_dir(dir).map_err(failed("sync the folder of"))
}

impl State {
    /// Writes the tables anew. Blocks for as long as that takes; acts and reads go on, except while the file is changed
    /// for the other. One at a time, and not during a backup.
    pub(crate) fn rewrite(&self) -> Result<(), StoreError> {
        let _turn = self.copying.lock();
        let Begun { copy, included } = self.order(Writer::begin_rewrite)??;
        let copied = copy_anew(&self.disk, &self.path, &self.log, copy, included);
        match copied {
            Ok(()) => self.order(move |writer| writer.end_rewrite(included))?,
            Err(error) => {
                self.order(Writer::give_up_rewrite)?;
                Err(error.into())
            }
        }
    }
}

fn copy_anew(
    disk: &Arc<dyn Disk>,
    path: &Path,
    log: &SegmentReader,
    copy: StateCopy,
    included: u64,
) -> Result<(), LocalError> {
    remove_unfinished(&**disk, path)?;
    let new = new_path(path);
    let target = StateDatabase::open(Arc::clone(disk), &new, COPY_CACHE_BYTES, 0)?;
    let StateCopy((read, fresh)) = copy;
    let filled = target.fill(&read, &fresh, included);
    filled.map_err(|error| super::unreadable(&new, &error))?;
    drop(read);
    for _ in 0..FOLLOWS_MAX {
        if target.follow_on(log, FOLLOW_LEN)? <= BEHIND_MAX {
            break;
        }
    }
    target.close();
    Ok(())
}

impl Writer {
    /// The moment to be copied begins a segment, so that what came before it can go.
    fn begin_rewrite(&mut self) -> Result<Begun, StoreError> {
        self.log.begin_segment()?;
        let included = self.log.next_position() - 1;
        let copy = StateCopy(self.database.moment()?);
        self.keep_from = Some(included + 1);
        Ok(Begun { copy, included })
    }

    fn give_up_rewrite(&mut self) {
        self.keep_from = None;
    }

    /// The copy takes the place of the file; what the log has from before it goes.
    fn end_rewrite(&mut self, included: u64) -> Result<(), StoreError> {
        // Closing a database writes what it was not told to save: rows without their index.
        let is_saved = self.save();
        self.keep_from = None;
        if !is_saved {
            return Err(StoreError::Busy {
                what: "devices and tasks cannot be saved, so they are not written anew".to_owned(),
            });
        }
        self.database.replace(&self.log)?;
        self.unsaved = 0;
        self.log.drop_before(included + 1)?;
        Ok(())
    }
}
