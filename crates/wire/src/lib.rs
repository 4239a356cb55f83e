//! The compatible JSON: URL parameters, requests, replies and the one table of error codes.
//!
//! Outside bytes become values of `model` here, and tallies become the documented JSON; PascalCase exists nowhere
//! below. Pure: nothing reads a clock, knows an app's settings, or does I/O. Only `http` calls.

pub mod account;
mod code;
mod envelope;
mod error;
mod error_list;
mod field;
pub mod label;
mod object;
mod parameters;
pub mod push;
pub mod statistics;
pub mod trace;
pub mod webhook;

pub use code::Code;
pub use envelope::{done, failure};
pub use error::WireError;
pub use error_list::AccountError;
pub use parameters::Parameters;

// The bounds of this crate. Body lengths are bounded by the caller, before anything is parsed.

/// Tasks that one statistics query may name: documented.
pub const TASK_IDS_MAX: usize = 5;

/// Events in one webhook body: documented.
pub const EVENTS_MAX: usize = 100;

/// Accounts that one `batch` may address: documented.
pub const ACCOUNTS_MAX: usize = 500;

/// Accounts that one call on tags, attributes or accounts may name: documented.
pub const ENTRIES_MAX: usize = 100;

/// Tags that one call may add to an account, and those that it may replace its tags with: documented.
pub const TAGS_ADDED_MAX: usize = 10;

/// Longest UserID of an imported account, in bytes: documented.
pub const USER_ID_LEN_MAX: usize = 32;

/// Longest `DataId`, in bytes: documented.
pub const DATA_ID_LEN_MAX: usize = 64;

/// Longest `MsgLifeTime`, in seconds: documented as seven days.
pub const LIFE_TIME_S_MAX: u32 = 604_800;

/// Longest `OfflinePushInfo`, in bytes: what the documented bound of a `push` leaves for it at most. A `batch` has
/// more room for its accounts, not for what it shows, which must fit into one frame of a socket.
pub const NOTIFICATION_LEN_MAX: usize = 10 * 1024;

/// Longest TaskId, PushID and account of an imported event, in bytes. Documented ids have at most some 60; each
/// distinct one is kept for ever, so strangers' prose must not become one.
pub const NAME_LEN_MAX: usize = 128;

/// Earliest event time that is imported: 2010-01-01, before which the imported service did not exist.
pub const EVENT_TIME_S_MIN: i64 = 1_262_304_000;

/// How far ahead of our clock an imported event time may lie, in seconds, since clocks differ.
pub const EVENT_TIME_AHEAD_S_MAX: i64 = 600;

/// From this value on a "second" is taken to be a millisecond: as a second it lies in the year 5138, as a
/// millisecond in 1973.
pub const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Characters of a received value that an error message repeats: enough to recognise it, too few to flood a log.
const QUOTED_LEN_MAX: usize = 64;

/// Refused events that a reply names; the others are only counted.
pub const NAMED_EVENTS_MAX: usize = 10;
