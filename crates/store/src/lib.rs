//! The ports that engines implement, the in-memory engine, and the contract suite every engine must pass.
//!
//! A port is a set of acts, each atomic, async and object-safe. Only the server names an engine; everything
//! above holds `Arc<dyn …>`.

pub mod contract;
mod directory;
mod error;
pub mod memory;
mod ports;

pub use directory::Directory;
pub use error::StoreError;
pub use ports::{
    Apps, BatchVisitor, Engine, Identities, Installed, Log, LogReport, LossText, Names,
    PageVisitor, Pages, Position, Recipient, RelayBacklog, RelayCall, RelayQueue, Report, Resolved,
    Snapshot, TaskName,
};
