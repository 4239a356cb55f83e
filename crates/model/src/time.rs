//! Time as an argument: seconds, and the clock that tests move.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

/// A Unix second from 1970 to 2106, the resolution of every count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Second(pub u32);

impl Second {
    /// Seconds in a day.
    pub const DAY_S: u32 = 86_400;

    /// The second that holds this millisecond; `None` outside 1970..2106.
    #[must_use]
    pub fn from_millis(ms: i64) -> Option<Self> {
        u32::try_from(ms.div_euclid(1000)).ok().map(Self)
    }

    /// A Unix second; `None` outside 1970..2106.
    #[must_use]
    pub fn from_unix(s: i64) -> Option<Self> {
        u32::try_from(s).ok().map(Self)
    }

    /// Days since 1970-01-01 (UTC).
    #[must_use]
    pub const fn day(self) -> u32 {
        self.0 / Self::DAY_S
    }

    /// Seconds since that day began.
    #[must_use]
    pub const fn of_day(self) -> u32 {
        self.0 % Self::DAY_S
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells the time. Never runs backwards within a process.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;

    /// The current second.
    fn now(&self) -> Second {
        Second::from_millis(self.now_ms()).unwrap_or_default()
    }
}

/// The machine's clock, held at its highest reading when the machine sets it back.
#[derive(Debug, Default)]
pub struct SystemClock {
    highest_ms: AtomicI64,
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.highest_ms.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at a Unix second.
    #[must_use]
    pub fn at_unix(s: i64) -> Self {
        Self(AtomicI64::new(s * 1000))
    }

    /// Moves forward.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
