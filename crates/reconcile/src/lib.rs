//! Our counts beside those of the service that sent: asks a Tencent Cloud Chat app for its `all_member_push_statistics`,
//! pairs both sides by task, route and platform, and names the likely reason of each difference.
//!
//! Comparing is pure ([`compare`]). Asking ([`Client`]) is read-only: it calls that one command and no other, once a second.
//! How our side is counted is the caller's; who calls is the command line.

mod client;
mod compare;
mod counts;
mod error;
mod pace;
mod reason;
mod reply;
mod request;

pub use client::{Client, ClientSettings};
pub use compare::{Comparison, Facts, Line, Pair, TaskComparison, compare};
pub use counts::{Counts, Origin, OurRow, OurTask, Place, TheirTask, UTC8_S, whole_days};
pub use error::{AskError, HostError};
pub use pace::Pace;
pub use reason::Reason;
pub use request::{DEFAULT_HOST, Host, Signed};

// The bounds of this crate.

/// Tasks that one call may name: documented.
pub const TASKS_A_CALL: usize = 5;

/// How long the service keeps statistics, and the longest window it may be asked for, in seconds: documented as 30 days,
/// without saying which of the two is meant.
pub const KEPT_S: u32 = 30 * 86_400;

/// The most of a reply that is read: five tasks of 20 rows take 20 KiB.
const REPLY_LEN_MAX: usize = 1 << 20;

/// Within so many seconds of its last event a task may still change on either side.
pub const MOVING_S: u32 = 3600;

/// A task whose first event here came within so many seconds of the first of all may have begun before: a push is sent and
/// delivered within a day, save to phones that are off.
pub const BEGINNING_S: u32 = 86_400;

/// Characters of a reply's text that an error repeats.
const QUOTED_LEN_MAX: usize = 128;
