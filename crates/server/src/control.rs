//! The control socket: acts as JSON over HTTP/1 on a Unix socket of mode 0600 in the storage folder.
//!
//! A running server listens; the command line calls. It is no public interface: both ends are one release.

mod call;
mod listen;

pub(crate) use call::call;
pub(crate) use listen::Control;

use serde::{Deserialize, Serialize};

use crate::acts::Done;

/// An act is at most a chunk of an import, an answer at most a page of an export; all others are small.
pub(crate) const MESSAGE_LEN_MAX: usize = 4 << 20;
/// Calls at once: an operator has two hands.
const CONNECTIONS_MAX: usize = 8;

/// The answer to an act.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Done),
    Refused(String),
}

#[cfg(test)]
mod tests;
