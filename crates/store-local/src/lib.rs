//! The embedded engine: one process, one directory, no set-up.
//!
//! The event log and the identity log are segment files under one group commit; snapshots of pages are
//! immutable tables; apps live in redb, devices, tasks and the audit in a second file of it; relay queues are logs of
//! their own. Everything but the file of apps is written through `disk`, so that tests can lose, reorder and refuse writes.

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
mod state;
mod tables;

pub use backup::{BackupReport, restore};
pub use engine::{LocalEngine, LocalOptions};
pub use error::LocalError;
