//! The names of the parts of a data directory, and who may look into it.

use std::path::Path;

use crate::error::LocalError;

/// The event log.
pub(crate) const EVENTS: &str = "events";
/// The identity log.
pub(crate) const NAMES: &str = "names";
/// The snapshots.
pub(crate) const PAGES: &str = "pages";
/// The relay queues.
pub(crate) const RELAYS: &str = "relays";
/// The apps made at run time.
pub(crate) const APPS: &str = "apps.redb";
/// The mark of a data directory.
pub(crate) const FORMAT: &str = "FORMAT";
/// Held by the process that works in it.
pub(crate) const LOCK: &str = "LOCK";
/// What only a marked directory holds.
pub(crate) const PARTS: [&str; 3] = [EVENTS, NAMES, PAGES];

/// The directory holds keys: nobody else on the machine may look.
pub(crate) fn keep_private(dir: &Path) -> Result<(), LocalError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
        .map_err(|e| LocalError::of_io("restrict", dir, e))
}
