//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Bytes read from the queue at once: two bodies of the largest accepted size, so that memory stays small even when
/// every app has a full queue.
pub(crate) const READ_BYTES_MAX: usize = 2 << 20;

/// Ended calls that may wait for an older one before the cursor can move. A crash repeats at most this many.
pub(crate) const AHEAD_MAX: usize = 1024;

/// Bytes of an answer that are read so that its connection can be used again; a longer answer costs the connection.
pub(crate) const ANSWER_LEN_MAX: usize = 64 << 10;

/// How long an unused connection to a receiver is kept.
pub(crate) const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(60);

/// How relays behave. The defaults fit production; tests shorten them.
#[derive(Debug, Clone)]
pub struct Settings {
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
