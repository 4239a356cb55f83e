//! When a channel may be called: not while it is in trouble, not faster than it allows, not beyond a day's quota.
//!
//! Pure: time and randomness are arguments. One valve stands before each line to a vendor: an app's credentials, and a
//! class of messages where the vendor counts classes apart.

use std::time::Duration;

use pushtally_model::Urgency;

/// What a valve allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValveLimits {
    /// Targets a second; 0 is no limit.
    pub rate: u32,
    /// Failures in a row after which it closes.
    pub failures_max: u32,
    /// For how long it closes the first time; doubled each time that the probe fails, up to `closed_max`.
    pub closed_min: Duration,
    /// The longest that it closes for by itself.
    pub closed_max: Duration,
}

impl ValveLimits {
    /// The part of the rate that pushes of this urgency have, in targets a second; 0 is no limit.
    #[must_use]
    pub fn rate_of(&self, urgency: Urgency) -> u32 {
        let urgent = self.rate.div_ceil(URGENT_SHARE);
        match urgency {
            Urgency::Urgent => urgent,
            Urgency::Bulk if self.rate == 0 => 0,
            Urgency::Bulk => self.rate.saturating_sub(urgent).max(1),
        }
    }
}

impl Default for ValveLimits {
    fn default() -> Self {
        Self {
            rate: 0,
            failures_max: 3,
            closed_min: Duration::from_millis(500),
            closed_max: Duration::from_secs(60),
        }
    }
}

/// Whether a call may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It may; say how it went.
    Go,
    /// Not before so long.
    Wait(Duration),
}

/// Whom a vendor's limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The targets of this call, for so long.
    Targets(Duration),
    /// Everybody, for so long.
    All(Duration),
}

/// The part of a rate that urgent pushes have for themselves, as a divisor: what is sent to one person never stands
/// behind a broadcast.
const URGENT_SHARE: u32 = 10;
/// Those who wait while a probe is under way ask again after so long.
const PROBE_WAIT: Duration = Duration::from_millis(200);

/// The valve.
#[derive(Debug)]
pub struct Valve {
    limits: ValveLimits,
    failures: u32,
    /// Closed until then; afterwards one call probes.
    closed_until_ms: Option<i64>,
    probing: bool,
    /// What the vendor asked for: a pause, a spent quota.
    paused_until_ms: i64,
    urgent: Bucket,
    bulk: Bucket,
}

impl Valve {
    /// An open one.
    #[must_use]
    pub fn new(limits: ValveLimits) -> Self {
        Self {
            limits,
            failures: 0,
            closed_until_ms: None,
            probing: false,
            paused_until_ms: i64::MIN,
            urgent: Bucket::new(limits.rate_of(Urgency::Urgent)),
            bulk: Bucket::new(limits.rate_of(Urgency::Bulk)),
        }
    }

    /// Asks for a call to so many targets.
    pub fn enter(&mut self, targets: u32, urgency: Urgency, now_ms: i64) -> Leave {
        if now_ms < self.paused_until_ms {
            return Leave::Wait(until(self.paused_until_ms, now_ms));
        }
        if let Some(closed_until_ms) = self.closed_until_ms {
            if now_ms < closed_until_ms {
                return Leave::Wait(until(closed_until_ms, now_ms));
            }
            if self.probing {
                return Leave::Wait(PROBE_WAIT);
            }
        }
        if self.limits.rate > 0 {
            let bucket = match urgency {
                Urgency::Urgent => &mut self.urgent,
                Urgency::Bulk => &mut self.bulk,
            };
            if let Some(wait) = bucket.take(targets, now_ms) {
                return Leave::Wait(wait);
            }
        }
        self.probing = self.closed_until_ms.is_some();
        Leave::Go
    }

    /// The vendor answered, whatever it said of the targets.
    pub fn answered(&mut self) {
        self.failures = 0;
        self.closed_until_ms = None;
        self.probing = false;
    }

    /// The vendor failed, did not answer, or said that it is overloaded, perhaps with a time. Answers for how long to leave
    /// it alone. `roll` spreads those who failed together.
    pub fn failed(&mut self, after: Option<Duration>, now_ms: i64, roll: u16) -> Duration {
        // A call that was under way when it closed says nothing new.
        let is_news = self.closed_until_ms.is_none() || self.probing;
        self.probing = false;
        if is_news {
            self.failures = self.failures.saturating_add(1);
        }
        let wait = self.backoff(roll).max(after.unwrap_or_default());
        if is_news && self.failures >= self.limits.failures_max {
            let until_ms = now_ms.saturating_add(as_ms(wait));
            self.closed_until_ms = Some(until_ms.max(self.closed_until_ms.unwrap_or(i64::MIN)));
        }
        if let Some(after) = after {
            self.pause(now_ms.saturating_add(as_ms(after)));
        }
        wait
    }

    /// The vendor says that it is too often, and not whether that is meant for the targets of this call or for everybody: the
    /// second time in a row it is for everybody.
    pub fn limited(&mut self, after: Option<Duration>, now_ms: i64, roll: u16) -> Held {
        if self.failures > 0 {
            return Held::All(self.failed(after, now_ms, roll));
        }
        let wait = self.failed(None, now_ms, roll);
        Held::Targets(wait.max(after.unwrap_or_default()))
    }

    /// Nothing goes before then.
    pub fn pause(&mut self, until_ms: i64) {
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }

    /// A call ended without saying how it went.
    pub fn abandoned(&mut self) {
        self.probing = false;
    }

    /// Whether failures have closed it and no call has been answered since.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed_until_ms.is_some()
    }

    /// Until when it is paused or closed; `None` when it is open.
    #[must_use]
    pub fn shut_until_ms(&self, now_ms: i64) -> Option<i64> {
        let closed = self.closed_until_ms.unwrap_or(i64::MIN);
        let until = closed.max(self.paused_until_ms);
        (until > now_ms).then_some(until)
    }

    /// Full jitter: anything from nothing to twice the time before, at most the bound; never less than a tenth of it.
    fn backoff(&self, roll: u16) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let whole = self.limits.closed_min.saturating_mul(1 << doublings);
        let whole = whole.min(self.limits.closed_max);
        let tenth = whole / 10;
        tenth + (whole - tenth).mul_f64(f64::from(roll) / f64::from(u16::MAX))
    }
}

/// A token bucket of a tenth of a second. A call may take more than is there, and the next then waits for it.
#[derive(Debug)]
struct Bucket {
    rate: u32,
    /// Thousandths of a target.
    level: i64,
    last_ms: i64,
}

impl Bucket {
    const fn new(rate: u32) -> Self {
        Self {
            rate,
            level: 0,
            last_ms: i64::MIN,
        }
    }

    /// Takes so many, or answers how long to wait.
    fn take(&mut self, count: u32, now_ms: i64) -> Option<Duration> {
        let rate = i64::from(self.rate);
        let full = rate * 100;
        if self.last_ms == i64::MIN {
            self.level = full;
        } else {
            let passed = now_ms.saturating_sub(self.last_ms).clamp(0, 3_600_000);
            self.level = (self.level + passed * rate).min(full);
        }
        self.last_ms = self.last_ms.max(now_ms);
        if self.level <= 0 {
            let wait = (-self.level) / rate + 1;
            return Some(Duration::from_millis(wait.unsigned_abs()));
        }
        self.level -= i64::from(count) * 1_000;
        None
    }
}

fn until(until_ms: i64, now_ms: i64) -> Duration {
    Duration::from_millis(until_ms.abs_diff(now_ms))
}

fn as_ms(wait: Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Urgency::{Bulk, Urgent};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_closes_after_failures_in_a_row_and_lets_one_probe_through() {
        let mut valve = Valve::new(ValveLimits::default());
        for failure in 1..=2 {
            assert_eq!(valve.enter(1, Bulk, 0), Leave::Go, "{failure}");
            valve.failed(None, 0, u16::MAX);
        }
        assert_eq!(valve.failed(None, 0, u16::MAX), ms(2_000));
        assert_eq!(valve.enter(1, Urgent, 500), Leave::Wait(ms(1_500)));
        assert_eq!(valve.shut_until_ms(500), Some(2_000));
        assert_eq!(valve.enter(1, Bulk, 2_000), Leave::Go, "the probe");
        assert_eq!(valve.enter(1, Bulk, 2_000), Leave::Wait(PROBE_WAIT));
        valve.abandoned();
        assert_eq!(valve.enter(1, Bulk, 2_000), Leave::Go, "another probe");
        assert_eq!(valve.failed(None, 2_000, u16::MAX), ms(4_000));
        assert_eq!(valve.enter(1, Bulk, 5_999), Leave::Wait(ms(1)));
        assert_eq!(valve.enter(1, Bulk, 6_000), Leave::Go);
        valve.answered();
        assert_eq!(valve.enter(1, Bulk, 6_000), Leave::Go);
        assert_eq!(valve.enter(1, Bulk, 6_000), Leave::Go, "open again");
    }

    /// Many calls are under way when a vendor fails: they count as one trouble, not as many in a row.
    #[test]
    fn calls_that_were_under_way_when_it_closed_close_it_no_longer() {
        let mut valve = Valve::new(ValveLimits::default());
        for _ in 0..300 {
            assert_eq!(valve.enter(1, Bulk, 0), Leave::Go);
        }
        for _ in 0..300 {
            valve.failed(None, 0, u16::MAX);
        }
        assert_eq!(valve.shut_until_ms(0), Some(2_000));
        assert_eq!(valve.enter(1, Bulk, 2_000), Leave::Go, "the probe");
        assert_eq!(valve.failed(None, 2_000, u16::MAX), ms(4_000));
    }

    #[test]
    fn waits_are_spread_and_bounded() {
        let mut valve = Valve::new(ValveLimits::default());
        assert_eq!(valve.failed(None, 0, 0), ms(50));
        let mut now_ms = 0;
        for _ in 0..40 {
            valve.failed(None, now_ms, 0);
            now_ms += 60_000;
            let _ = valve.enter(1, Bulk, now_ms);
        }
        assert_eq!(valve.failed(None, now_ms, 0), ms(6_000));
        now_ms += 60_000;
        assert_eq!(valve.enter(1, Bulk, now_ms), Leave::Go);
        assert_eq!(valve.failed(None, now_ms, u16::MAX), ms(60_000));
    }

    #[test]
    fn what_the_vendor_asks_for_is_waited_for_at_once() {
        let mut valve = Valve::new(ValveLimits::default());
        assert_eq!(valve.failed(Some(ms(90_000)), 0, 0), ms(90_000));
        assert_eq!(valve.enter(1, Bulk, 10_000), Leave::Wait(ms(80_000)));
        valve.pause(50_000);
        assert_eq!(valve.enter(1, Bulk, 60_000), Leave::Wait(ms(30_000)));
        assert_eq!(valve.enter(1, Bulk, 90_000), Leave::Go);
    }

    #[test]
    fn a_limit_is_for_those_that_it_was_said_of_until_it_is_said_again() {
        let mut valve = Valve::new(ValveLimits::default());
        for round in 0..100 {
            let held = valve.limited(Some(ms(90_000)), round, 0);
            assert_eq!(held, Held::Targets(ms(90_000)), "{round}");
            assert_eq!(valve.enter(1, Bulk, round), Leave::Go, "{round}");
            valve.answered();
        }
        assert_eq!(valve.limited(None, 0, 0), Held::Targets(ms(50)));
        assert_eq!(valve.limited(Some(ms(90_000)), 0, 0), Held::All(ms(90_000)));
        assert_eq!(valve.enter(1, Bulk, 10_000), Leave::Wait(ms(80_000)));
    }

    #[test]
    fn the_parts_of_a_rate_are_all_of_it() {
        for rate in [0, 1, 9, 10, 11, 1_000] {
            let limits = ValveLimits {
                rate,
                ..ValveLimits::default()
            };
            let (urgent, bulk) = (
                limits.rate_of(Urgency::Urgent),
                limits.rate_of(Urgency::Bulk),
            );
            // What lets one through a second lets one of each through.
            assert_eq!(urgent + bulk, if rate == 1 { 2 } else { rate });
        }
    }

    #[test]
    fn a_broadcast_at_the_rate_leaves_room_for_what_is_urgent() {
        let limits = ValveLimits {
            rate: 1_000,
            ..ValveLimits::default()
        };
        let mut valve = Valve::new(limits);
        let (mut sent, mut now_ms) = (0, 0);
        while now_ms < 10_000 {
            match valve.enter(500, Bulk, now_ms) {
                Leave::Go => sent += 500,
                Leave::Wait(wait) => now_ms += i64::try_from(wait.as_millis()).unwrap(),
            }
            assert_eq!(valve.enter(1, Urgent, now_ms), Leave::Go, "at {now_ms}");
            valve.answered();
        }
        assert!((8_900..=9_700).contains(&sent), "{sent} in ten seconds");
    }

    #[test]
    fn a_clock_that_stands_or_leaps_breaks_nothing() {
        let limits = ValveLimits {
            rate: 10,
            ..ValveLimits::default()
        };
        let mut valve = Valve::new(limits);
        for now_ms in [0, 0, i64::MAX, 5, i64::MIN + 1, 7] {
            let _ = valve.enter(u32::MAX, Bulk, now_ms);
            let _ = valve.failed(Some(Duration::MAX), now_ms, 1);
        }
    }
}
