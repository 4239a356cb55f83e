//! Every bound of this crate, with its reason. `docs/COMPATIBILITY.md` tells what a client sees at each.

use std::time::Duration;

use crate::TrustedProxies;

/// Longest body that only names a few things: 100 accounts of 128 bytes fit with every character escaped.
pub(crate) const SMALL_BODY_LEN_MAX: usize = 64 * 1024;

/// Longest body on tags and attributes: 100 accounts with 100 tags of 50 bytes, every character escaped, which doubles
/// Chinese and triples emoji of four bytes.
pub(crate) const LABELS_BODY_LEN_MAX: usize = 1536 * 1024;

/// Longest body of a vendor's receipt: a thousand statuses with tokens of 1,000 bytes, and half as much room again.
pub(crate) const RECEIPTS_BODY_LEN_MAX: usize = 2 * 1024 * 1024;

/// Longest body of a push: documented as 10 K.
pub(crate) const PUSH_BODY_LEN_MAX: usize = 10 * 1024;

/// Longest body of a batch: 500 accounts of 128 bytes, some of them escaped, and what a push may show.
pub(crate) const BATCH_BODY_LEN_MAX: usize = 128 * 1024;

/// Longest body of a revocation: a push's, and some room for a TaskId.
pub(crate) const REVOKE_BODY_LEN_MAX: usize = 11 * 1024;

/// Longest body of an operator's call: the same as a batch, which it can be.
pub(crate) const OPERATOR_BODY_LEN_MAX: usize = BATCH_BODY_LEN_MAX;

/// Rows of a list that an operator gets when the call does not say.
pub const ROWS: usize = 50;
/// And at most: an answer stays below a mebibyte.
pub const ROWS_MAX: usize = 500;

/// Tasks that are watched live at a time: each costs a look a second.
pub(crate) const LIVE_STREAMS_MAX: usize = 32;
/// How often a watched task is looked at.
pub(crate) const LIVE_TICK: Duration = Duration::from_secs(1);
/// Looks without news after which a comment is sent: less than any sensible idle period.
pub(crate) const LIVE_BEAT_TICKS: u32 = 15;
/// Looks without news after which a task that is over is watched no more: phones report within seconds.
pub(crate) const LIVE_QUIET_TICKS: u32 = 60;

/// Audiences that are looked through for an estimate at a time: each may visit every device of an app.
pub(crate) const ESTIMATES_AT_ONCE_MAX: usize = 2;

/// When somebody is told to come again who finds all turns taken, in seconds.
pub(crate) const TURN_RETRY_S: u32 = 5;

/// Tasks that one search looks at, ten pages of the longest list. Beyond it the answer says where to go on.
pub(crate) const SEARCHED_TASKS_MAX: usize = 5_000;

/// How far the clock may have stepped back between two tasks, in seconds, so that a search in time still finds both: a day.
pub(crate) const CLOCK_STEP_S: u32 = 86_400;

/// Points of an answer's series together: a day by minutes, and some. A point has at most a row for each of some ten
/// channels and routes, so that an answer stays at a few mebibytes and some ten milliseconds.
pub(crate) const POINTS_MAX: u64 = 1_500;

/// Tasks that one call may count, as many as `pushtally stats` takes.
pub(crate) const COUNTED_TASKS_MAX: usize = 50;

/// Devices and recipients whose history is told together: more than anybody has, and few enough to look for in every run of the log.
pub(crate) const HISTORY_DEVICES_MAX: usize = 1_000;

/// Characters of a title that a list of tasks shows.
pub(crate) const TITLE_LEN_MAX: usize = 64;

/// Calls within one second of which the audit remembers that it has them: beyond it each is written.
pub(crate) const AUDITED_CALLS_MAX: usize = 4096;

/// Longest body of a webhook: 100 events of 10 KiB each, some forty times the usual ones.
pub(crate) const EVENTS_BODY_LEN_MAX: usize = 1024 * 1024;

/// Buffers of one socket. Acknowledgements are some 100 bytes and pushes some 500; what is longer is read and written in
/// parts. There may be 20,000 of them.
pub(crate) const SOCKET_READ_LEN: usize = 2 * 1024;
pub(crate) const SOCKET_WRITE_LEN: usize = 4 * 1024;

/// What one socket may hold back of what is written to it: the buffer and the longest frame, with room for a pong.
pub(crate) const SOCKET_WRITE_LEN_MAX: usize = 2 * pushtally_online::FRAME_LEN_MAX;

/// When a device is told to come again after finding every socket taken, in seconds.
pub(crate) const SOCKETS_FULL_RETRY_S: u32 = 30;

/// Addresses whose registrations are remembered: some 2 MiB. Those that took least are forgotten first.
pub(crate) const ADDRESSES_MAX: usize = 65_536;

/// Apps whose registrations are remembered: more than an installation has.
pub(crate) const THROTTLED_APPS_MAX: usize = 65_536;

/// Seconds' worth of registrations that an address may make at once: a household's phones coming back together.
pub(crate) const ADDRESS_BURST_S: u32 = 5;

/// Longest request head (request line and headers). A UserSig has at most 8 KiB.
pub(crate) const HEAD_LEN_MAX: usize = 64 * 1024;

/// Requests that one HTTP/2 connection may have open.
pub(crate) const STREAMS_MAX: u32 = 128;

/// Streams that an HTTP/2 peer may reset before they are accepted, or make us reset, before it is taken for an attack.
pub(crate) const RESET_STREAMS_MAX: usize = 64;

/// Bytes an HTTP/2 peer may send on one stream, and on all of a connection's, before we read them.
pub(crate) const STREAM_WINDOW: u32 = 256 * 1024;
pub(crate) const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// After our last answer on a connection, what is still arriving is read and dropped, so that the client is not reset
/// before it has read the answer: at most this many bytes, for at most this long.
pub(crate) const LINGER_LEN_MAX: usize = 4 * 1024 * 1024;
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(2);

/// How long accepting pauses when the system has no more descriptors to give.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds that an operator may set, for one listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections; at the bound no more are accepted until one closes.
    pub connections_max: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a connection may stay silent, and how long after the previous answer the next request's head must have
    /// arrived on HTTP/1. Longer than the 60 s that clients' connection pools usually keep.
    pub idle: Duration,
    /// How long a request's body may take to arrive; beyond it 60008.
    pub body_read: Duration,
    /// Calls of `/v1/devices` a second that one address (IPv4, or IPv6 network of 64 bits) may make, five times as many
    /// at once; 0 is no limit.
    pub registrations_per_address: u32,
    /// Proxies that are believed when they say whom they were called by.
    pub trusted_proxies: TrustedProxies,
    /// Seconds within which what is forgotten is erased.
    pub forget_within_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_read: Duration::from_secs(10),
            registrations_per_address: 10,
            trusted_proxies: TrustedProxies::default(),
            forget_within_s: 3600,
        }
    }
}
