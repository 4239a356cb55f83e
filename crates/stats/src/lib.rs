//! The heart: intake with group commit, queries, retention and verification.
//!
//! Events come in through `Report`, are committed to the engine's log in groups, folded into pages by one
//! thread, and answered from those pages. Who calls: `receipt` and `http`; who is called: the engine's ports.

mod cache;
mod commit;
mod counted;
mod folder;
mod history;
mod intake;
mod log_read;
mod marks;
mod options;
mod priority;
mod query;
mod reach;
mod recover;
mod retention;
mod second;
mod shared;
mod snapshot;
mod stats;
mod trace;
mod verify;
mod warm;

pub use counted::Counted;
pub use marks::Planned;
pub use options::Options;
pub use reach::TasksReach;
pub use retention::Retained;
pub use stats::{Health, Stats};
pub use verify::Verified;
