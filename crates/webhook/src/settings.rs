//! Every bound of this crate, with its reason.

use std::time::Duration;

use pushtally_dial::Targets;

/// Bytes read from the queue at once: two bodies of the largest accepted size, so that memory stays small even when
/// every app has a full queue.
pub(crate) const READ_BYTES_MAX: usize = 2 << 20;

/// Ended calls that may wait for an older one before the cursor can move. A crash repeats at most this many.
pub(crate) const AHEAD_MAX: usize = 1024;

/// Bytes of an answer that are read so that its connection can be used again; a longer answer costs the connection.
pub(crate) const ANSWER_LEN_MAX: usize = 64 << 10;

/// How long an unused connection to a receiver is kept.
pub(crate) const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(60);

/// Events in one call: documented.
pub(crate) const CALL_EVENTS_MAX: usize = 100;

/// Events of one app that wait in memory to be sent, found at the log's end: some 200 KiB. An app that has more reads the log
/// alone from where it is.
pub(crate) const RING_EVENTS_MAX: usize = 4096;

/// Events of one app that are read at once by a reader of its own.
pub(crate) const READ_EVENTS_MAX: usize = 2048;

/// Batches that a reader of its own visits before it lets the next one read, however few of them are its app's.
pub(crate) const READ_BATCHES_MAX: usize = 4096;

/// Apps that read the log alone at once. Each takes a thread and one core at most; further ones wait for their turn.
pub(crate) const READERS_MAX: usize = 2;

/// Events that are remembered, to send none again that was recorded again soon: 1.3 MiB for all apps together.
pub(crate) const RECENT_LEN: usize = 65_536;

/// Tasks of which it is remembered what is told of them, twice: some 4 MiB.
pub(crate) const TOLD_MAX: usize = 8192;

/// Names of tasks that are read at once when one is not known: they were named one after the other, and so were the events.
pub(crate) const TASKS_READ_MAX: usize = 1024;

/// Dead letters of one app. Beyond it the two oldest become one.
pub(crate) const DEAD_LETTERS_MAX: usize = 256;

/// Of the time that events may wait, a tenth: what is too old is given up in pieces of no less, because finding its end
/// costs reading it.
pub(crate) const GIVE_UP_SHARE: u32 = 10;

/// How webhooks behave. The defaults fit production; tests shorten them.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Where receivers may be.
    pub targets: Targets,
    /// Calls of one app under way at once: enough for 1,000 a second to a receiver that answers in 16 ms.
    pub in_flight_max: usize,
    /// How long one call may take: documented as 2 s.
    pub call_timeout: Duration,
    /// The wait after a call's first failure; it doubles with each further one.
    pub backoff_first: Duration,
    /// The longest wait between two tries.
    pub backoff_max: Duration,
    /// Seconds that an event may wait, from when it was recorded. What waits longer becomes a dead letter; until then it
    /// keeps the log from being dropped.
    pub wait_s_max: u32,
    /// How often the log's end is looked at: what is recorded meanwhile goes out in one call.
    pub tail_poll: Duration,
    /// How often the directory is compared with what runs, cursors are stored, and an idle app looks whether it lags. A crash
    /// repeats the calls of this long.
    pub poll: Duration,
    /// How long calls under way may take to end once webhooks are stopped.
    pub stop_grace: Duration,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            targets: Targets::default(),
            in_flight_max: 16,
            call_timeout: Duration::from_secs(2),
            backoff_first: Duration::from_millis(200),
            backoff_max: Duration::from_secs(60),
            wait_s_max: 24 * 3600,
            tail_poll: Duration::from_millis(50),
            poll: Duration::from_secs(1),
            stop_grace: Duration::from_secs(5),
        }
    }
}

/// How relays behave. The defaults fit production; tests shorten them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where receivers may be.
    pub targets: Targets,
    /// Calls of one app under way at once. Enough for 1,000 calls a second to a receiver that answers in 16 ms.
    pub in_flight_max: usize,
    /// How long one call may take. The documented timeout of a callback is 2 s; a slower receiver is given more,
    /// because here it delays nobody but itself.
    pub call_timeout: Duration,
    /// The wait after a call's first failure; it doubles with each further one.
    pub backoff_first: Duration,
    /// The longest wait between two tries, so that a receiver that is back is noticed within a minute.
    pub backoff_max: Duration,
    /// After so many answers of 400 to 499 (other than 408 and 429) a call is dropped: the receiver understood and
    /// does not want it. Also the tries that a call has before later ones may push it out.
    pub refusals_max: u32,
    /// How often the directory is compared with the running relays, and an idle queue is looked at.
    pub poll: Duration,
    /// How long calls under way may take to end once the relays are stopped.
    pub stop_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: Targets::default(),
            in_flight_max: 16,
            call_timeout: Duration::from_secs(10),
            backoff_first: Duration::from_millis(200),
            backoff_max: Duration::from_secs(60),
            refusals_max: 10,
            poll: Duration::from_secs(1),
            stop_grace: Duration::from_secs(5),
        }
    }
}

/// A receiver that fails now and then is told of in the log no more often than so, in seconds.
pub(crate) const TOLD_APART_S: u32 = 60;
