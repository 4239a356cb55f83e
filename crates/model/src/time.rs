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

    /// `2026-01-31 23:59:59`, as a clock shows it that is `offset_s` seconds ahead of UTC (28,800 for UTC+8).
    #[must_use]
    pub fn date_time(self, offset_s: i32) -> String {
        let shown = i64::from(self.0).saturating_add(offset_s.into()).max(0);
        let day_s = i64::from(Self::DAY_S);
        let (days, of_day) = (shown / day_s, shown % day_s);
        let (year, month, day) = date(u32::try_from(days).unwrap_or_default());
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// Year, month and day of a day since 1970-01-01: with years that begin in March, the day of the leap year is a year's last.
#[must_use]
pub fn date(days: u32) -> (u32, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (year, month, day)
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
