//! Every bound of this crate, with its reason.

use std::time::Duration;

use pushtally_channel::BrakeLimits;

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Jobs worked on at once, 1 to 256. From 2 on, an eighth of them, at least one, takes urgent jobs only. A job that
    /// waits for its channel's answer holds its worker, and costs nothing else.
    pub workers: usize,
    /// Chunks of one job that are with the socket at once, at least 1: one slow phone delays its own chunk.
    pub chunks_at_once: usize,
    /// The same of one that sends through a vendor: enough that the next is prepared while one is called. With the jobs that a
    /// channel may hold this bounds the devices that are in memory while their vendor is slow.
    pub vendor_chunks_at_once: usize,
    /// How long before midnight UTC a quota day begins, in seconds; 28,800 for UTC+8.
    pub quota_day_offset_s: i32,
    /// More than so many milliseconds must lie between two broadcasts of an app; 0 is no limit.
    pub broadcast_gap_ms: u32,
    /// Tasks of an app that may have jobs left; one more is refused.
    pub open_tasks_max: usize,
    /// How long a stop waits for what is being sent to be recorded.
    pub stop_grace: Duration,
    /// When dead tokens are not dropped because too many die at once.
    pub brake: BrakeLimits,
    /// How long after a start tasks from before it wait for their phones, at most: those come back within 30 s, and whoever is
    /// taken for gone before that is counted as lost, though it may have shown the push.
    pub return_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 64,
            chunks_at_once: 16,
            vendor_chunks_at_once: 2,
            quota_day_offset_s: 8 * 3600,
            broadcast_gap_ms: 1_000,
            open_tasks_max: 10_000,
            stop_grace: Duration::from_secs(15),
            brake: BrakeLimits::default(),
            return_grace: Duration::from_secs(30),
        }
    }
}

/// Lines with a brake: a kilobyte each at most. CertIds come from phones, so their number is not bounded by that of
/// accounts.
pub(crate) const BRAKES_MAX: usize = 10_000;

/// More workers than this only wait for each other.
pub(crate) const WORKERS_MAX: usize = 256;

/// The part of the workers that takes urgent jobs only, as a divisor.
pub(crate) const URGENT_SHARE: usize = 8;

/// The part of the workers that one channel may hold in one lane, as a divisor: two lanes of a channel that does not
/// answer leave a third of the workers to everybody else.
pub(crate) const CHANNEL_SHARE: usize = 3;
/// The part of that which one app may hold, as a divisor: its slow phones leave the other half to other apps.
pub(crate) const APP_SHARE: usize = 2;

/// Shards planned at once: each holds what it plans in memory, some megabytes, and the ledger folds them one by one anyway. With two,
/// a broadcast to two million peaked at its planning.
pub(crate) const PLANS_AT_ONCE: usize = 1;

/// How long a job waits whose channel or app holds its share of the workers.
pub(crate) const SHARE_WAIT_MS: i64 = 100;

/// How long a job keeps its worker while others may be waiting; then it goes to the end of the row.
pub(crate) const SLICE_MS: i64 = 250;

/// Ends in one report: as many as one commit takes.
pub(crate) const ENDS_MAX: usize = 16_384;

/// Waits between attempts to record while the ledger's intake is full: doubled from the first to the last.
pub(crate) const RECORD_WAIT_MIN: Duration = Duration::from_millis(5);
/// The last of them.
pub(crate) const RECORD_WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a job rests after its store did not answer, or its channel said nothing of a target.
pub(crate) const RETRY_WAIT: Duration = Duration::from_secs(1);

/// A job that is told to wait rests at least so long, so that a channel that says "at once" is not asked without end.
pub(crate) const CHANNEL_WAIT_MIN: Duration = Duration::from_millis(50);

/// A worker that waits for a time looks again after so long, whatever it was told.
pub(crate) const IDLE_WAIT_MAX: Duration = Duration::from_secs(60);
/// And never sooner than this, so that no clock can make it spin.
pub(crate) const IDLE_WAIT_MIN: Duration = Duration::from_millis(5);

/// Pushes to everybody that a device may get again when it connects, for each app: the newest. As many of those that it was
/// addressed with; and as many of both together.
pub(crate) const LIVE_TASKS_MAX: usize = 32;
/// Newest pushes to some devices that are remembered for those, for each app: two minutes of the most that one may send.
pub(crate) const ADDRESSED_TASKS_MAX: usize = 4_096;
/// And devices over all of them: a hundred bytes each at most.
pub(crate) const ADDRESSED_DEVICES_MAX: usize = 65_536;

/// Revoked pushes that a device which connects is told of, for each app: the newest. At one a second a sender may revoke
/// more, and phones that are away then keep what they show.
pub(crate) const REVOKED_TASKS_MAX: usize = 32;
/// For how long after it a revocation is told to devices that connect, in seconds.
pub(crate) const REVOCATION_KEPT_S: u32 = 24 * 3600;
/// How old a task may be to be revoked, in seconds: documented.
pub(crate) const REVOCABLE_S: u32 = 24 * 3600;

/// Newest tasks looked at when starting, for gauges and for what to send again on connecting.
pub(crate) const START_TASKS_MAX: usize = 4096;
/// Of them, the newest whose marks are compared with their jobs: each costs its pages. Only a restored or damaged
/// store can differ, and then the newest do.
pub(crate) const REOPEN_TASKS_MAX: usize = 256;
/// Tasks read at once when starting.
pub(crate) const START_PAGE: usize = 256;

/// Locks that keep two jobs of one task from finishing at the same moment, shared by tasks.
pub(crate) const FINISH_LOCKS: usize = 64;

/// Gates that keep a call from starting after its task has stopped, shared by tasks: a thousand tasks that stop at once
/// hold up those of the same gate for some microseconds each.
pub(crate) const GATES: usize = 64;
