//! The names of the parts of a data directory, who may look into it, and how its small files are replaced.

use std::path::Path;

use crate::disk::Disk;
use crate::error::LocalError;

/// The event log.
pub(crate) const EVENTS: &str = "events";
/// The identity log.
pub(crate) const NAMES: &str = "names";
/// A copy of it without names that are forgotten, while it is written.
pub(crate) const NAMES_NEW: &str = "names.new";
/// The mark that the copy is finished and takes its place.
pub(crate) const NAMES_READY: &str = "names.ready";
/// The snapshots.
pub(crate) const PAGES: &str = "pages";
/// The relay queues.
pub(crate) const RELAYS: &str = "relays";
/// The apps made at run time, and accounts with vendors.
pub(crate) const APPS: &str = "apps.redb";
/// Devices, tasks, jobs and the audit.
pub(crate) const STATE: &str = "state.redb";
/// The log of what changes in it.
pub(crate) const STATE_LOG: &str = "state-log";
/// The mark of a data directory.
pub(crate) const FORMAT: &str = "FORMAT";
/// Held by the process that works in it.
pub(crate) const LOCK: &str = "LOCK";
/// What only a marked directory holds.
pub(crate) const PARTS: [&str; 4] = [EVENTS, NAMES, PAGES, STATE];

/// The directory holds keys: nobody else on the machine may look.
pub(crate) fn keep_private(dir: &Path) -> Result<(), LocalError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
        .map_err(|e| LocalError::of_io("restrict", dir, e))
}

/// Replaces a small file through one with `.new` behind its name: durable when it returns, and after a crash the old
/// contents or the new.
pub(crate) fn replace_file(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    contents: &str,
) -> Result<(), LocalError> {
    let (path, new) = (dir.join(name), dir.join(format!("{name}.new")));
    let failed = |act: &'static str| {
        let new = &new;
        move |e| LocalError::of_io(act, new, e)
    };
    if disk.exists(&new).map_err(failed("look for"))? {
        disk.remove(&new).map_err(failed("remove"))?;
    }
    let file = disk.create_new(&new).map_err(failed("create"))?;
    file.write_at(0, contents.as_bytes())
        .map_err(failed("write"))?;
    file.sync().map_err(failed("sync"))?;
    disk.rename(&new, &path).map_err(failed("rename"))?;
    disk.sync_dir(dir)
        .map_err(|e| LocalError::of_io("sync", dir, e))
}
