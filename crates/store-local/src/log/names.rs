//! Forgets names in the identity log: it is written anew beside itself, then its files are exchanged for the new ones.
//!
//! Invariant: while the mark of a finished copy is there, each of its files that is still in its folder belongs into the
//! place of its namesake; without the mark, the folder holds nothing of worth. So whenever the process ends, the next start
//! has the old log whole or makes it into the new one.

use std::path::Path;

use super::LocalLog;
use crate::disk::Disk;
use crate::error::LocalError;
use crate::identities::{Forgetter, Gone, LocalIdentities};
use crate::layout::{NAMES, NAMES_NEW, NAMES_READY, replace_file};
use crate::segments::{Rewriter, SegmentLog, SegmentReader};

/// Opens the names log of a directory.
pub(crate) type OpenNames<'o> = &'o dyn Fn() -> Result<SegmentLog, LocalError>;

impl LocalLog {
    /// Forgets names; answers how many recipients of which app and name there were. Blocks; commits wait only for the last
    /// part.
    pub(crate) fn forget_names(
        &self,
        disk: &dyn Disk,
        dir: &Path,
        gone: &Gone,
        open: OpenNames<'_>,
    ) -> Result<Vec<(pushtally_model::AppId, String)>, LocalError> {
        clear(disk, &dir.join(NAMES_NEW))?;
        let mut forgetter = Forgetter::new(gone);
        let mut rewriter = Rewriter::begin(&self.names, &dir.join(NAMES_NEW))?;
        follow(&mut rewriter, &self.names, &mut forgetter)?;
        follow(&mut rewriter, &self.names, &mut forgetter)?;

        let _nobody_copies = self.removing.write();
        let _nobody_reads = self.identities.keep_readers_out();
        let logs = &mut *self.logs.lock();
        let (found, numbers_end) = self.identities.forget(gone);
        self.identities.flush(&mut logs.names)?;
        forgetter.end(numbers_end);
        follow(&mut rewriter, &self.names, &mut forgetter)?;
        rewriter.finish()?;
        replace_file(disk, dir, NAMES_READY, "\n")?;
        // From here on the files are others, and what is open would write into those that go.
        let installed = install(disk, dir);
        let opened = installed.and_then(|()| open());
        logs.names.go_on_with(opened)?;
        self.identities.has_forgotten();
        Ok(found)
    }
}

fn follow(
    rewriter: &mut Rewriter,
    names: &SegmentReader,
    forgetter: &mut Forgetter<'_>,
) -> Result<(), LocalError> {
    rewriter.follow(names, &mut |position, frame| {
        let changed = forgetter.change(frame);
        changed.map_err(|why| LocalIdentities::unreadable(position, why))
    })
}

/// What a start does: finishes an exchange that was begun, or removes a copy that was not finished.
pub(crate) fn settle(disk: &dyn Disk, dir: &Path) -> Result<(), LocalError> {
    let ready = dir.join(NAMES_READY);
    let is_ready = disk.exists(&ready);
    if is_ready.map_err(|error| LocalError::of_io("look for", &ready, error))? {
        install(disk, dir)
    } else {
        clear(disk, &dir.join(NAMES_NEW))
    }
}

/// Puts the new files into the places of the old ones.
fn install(disk: &dyn Disk, dir: &Path) -> Result<(), LocalError> {
    let (names, new, ready) = (dir.join(NAMES), dir.join(NAMES_NEW), dir.join(NAMES_READY));
    for name in list(disk, &new)? {
        disk.rename(&new.join(&name), &names.join(&name))
            .map_err(|error| LocalError::of_io("rename to", &names.join(&name), error))?;
    }
    for dir in [&names, &new] {
        disk.sync_dir(dir)
            .map_err(|error| LocalError::of_io("sync", dir, error))?;
    }
    disk.remove(&ready)
        .map_err(|error| LocalError::of_io("remove", &ready, error))?;
    disk.sync_dir(dir)
        .map_err(|error| LocalError::of_io("sync", dir, error))
}

fn clear(disk: &dyn Disk, new: &Path) -> Result<(), LocalError> {
    let names = list(disk, new)?;
    for name in &names {
        disk.remove(&new.join(name))
            .map_err(|error| LocalError::of_io("remove", &new.join(name), error))?;
    }
    if names.is_empty() {
        return Ok(());
    }
    disk.sync_dir(new)
        .map_err(|error| LocalError::of_io("sync", new, error))
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<String>, LocalError> {
    let failed = |error| LocalError::of_io("list", dir, error);
    if !disk.exists(dir).map_err(failed)? {
        return Ok(Vec::new());
    }
    disk.list(dir).map_err(failed)
}

#[cfg(test)]
mod tests;
