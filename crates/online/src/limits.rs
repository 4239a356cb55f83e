//! Every bound of this crate, with its reason. `docs/DEVICE-PROTOCOL.md` tells what a client sees at each.

use std::time::Duration;

/// Longest frame of either side, and longest body of a call, in bytes: a hundred reports of the longest ids fit three
/// times.
pub const FRAME_LEN_MAX: usize = 64 * 1024;

/// Reports in one frame or call.
pub(crate) const REPORTS_MAX: usize = 100;

/// Oldest report: what a phone kept for longer than a month is told to nobody.
pub(crate) const AGE_MS_MAX: u32 = 30 * 24 * 3600 * 1000;

/// Highest `seq`: the highest whole number that every JSON library keeps.
pub(crate) const SEQ_MAX: u64 = (1 << 53) - 1;

/// How long a socket may stay open without a hello.
pub(crate) const HELLO_MS_MAX: i64 = 10_000;

/// Seconds between our pings: mobile networks forget silent connections after some minutes.
pub(crate) const PING_S: u32 = 60;

/// Silence after which a connection counts as dead: two and a half pings.
pub(crate) const SILENCE_MS_MAX: i64 = 150_000;

/// A client may send a frame this often for ever...
pub(crate) const FRAME_GAP_MS: i64 = 10;

/// ...and may be ahead of that by this much: 200 frames at once.
pub(crate) const FRAME_BURST_MS: i64 = 200 * FRAME_GAP_MS;

/// Pushes that wait for one socket: what a phone that comes out of a tunnel takes at once.
pub(crate) const QUEUE_LEN_MAX: usize = 64;

/// Revocations that wait for one socket behind its pushes: the pushes that it holds cannot leave them without a place.
pub(crate) const REVOCATIONS_WAITING_MAX: usize = 64;

/// How long a socket may take to accept what is written.
pub(crate) const WRITE_MS_MAX: i64 = 10_000;

/// How long a closed socket is still read, so that its peer sees why before the connection ends.
pub(crate) const CLOSE_MS_MAX: i64 = 2_000;

/// Pushes and revocations sent again on connecting: all that dispatch keeps of either.
pub(crate) const REDELIVERED_MAX: usize = 64;

/// Targets of one send: a sixteenth of a shard, so that several calls share a shard's work.
pub(crate) const TARGETS_MAX: usize = 4096;

/// Reports of one socket that wait for the ledger; further frames are not read before one is answered.
pub(crate) const REPORTS_WAITING_MAX: usize = 8;

/// Answers that wait for one socket; further frames are not read before one is taken.
pub(crate) const REPLIES_WAITING_MAX: usize = 8;

/// Events in one call of the ledger: what one group commit takes.
pub(crate) const GATHERED_EVENTS_MAX: usize = 16_384;

/// Events of reports that wait for the ledger, of all sockets; beyond it callers are told to come again. Eight group
/// commits, some 4 MiB.
pub(crate) const WAITING_EVENTS_MAX: usize = 8 * GATHERED_EVENTS_MAX;

/// Phones of one app in one call of the ledger that are a burst: a call gathers what came in a millisecond or two.
pub(crate) const BURST_CALLERS_MIN: usize = 32;

/// How long the events of a burst gather between two calls: each call costs a commit.
pub(crate) const BURST_GATHER: Duration = Duration::from_millis(4);

/// A burst is over when no such call came for as long as this...
pub(crate) const BURST_LULL: Duration = Duration::from_millis(25);

/// ...and who is not told yet that its report is recorded waits no longer than this.
pub(crate) const BURST_WAIT_MAX: Duration = Duration::from_millis(500);

/// When a client is told to come again, in milliseconds.
pub(crate) const BUSY_RETRY_MS: u32 = 1_000;

/// Tasks whose numbers are remembered: acknowledgements name the same few tasks again and again.
pub(crate) const TASKS_REMEMBERED_MAX: usize = 4_096;

/// Longest reason of a closing: a control frame holds 125 bytes, two are the code.
pub(crate) const REASON_LEN_MAX: usize = 123;

/// Characters of a faulty value that an error repeats.
pub(crate) const VALUE_LEN_MAX: usize = 64;

/// How often the times of all sessions are looked at: one ticker instead of a timer for each.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// How long stopping waits for sockets to close.
pub(crate) const STOP_WAIT: Duration = Duration::from_secs(5);
