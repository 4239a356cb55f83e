//! The embedded engine: one process, one directory, no set-up.
//!
//! The event log and the identity log are segment files under one group commit; snapshots of pages are
//! immutable tables; apps live in redb; relay queues are logs of their own. Everything but redb writes
//! through `disk`, so that tests can lose, reorder and refuse its writes.

mod apps;
mod backup;
pub mod disk;
mod engine;
mod error;
mod format;
mod identities;
mod layout;
mod log;
pub mod relay_queue;
pub mod segments;
mod tables;

pub use backup::{BackupReport, restore};
pub use engine::{LocalEngine, LocalOptions};
pub use error::LocalError;
