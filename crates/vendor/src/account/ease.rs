//! When an account is left alone: what its calls came to, as its valves and its operator hear it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pushtally_channel::{Held, Outcome, Valve};

use super::Account;
use super::steps::Line;
use crate::contract::{Class, Said};

/// Warnings that a vendor fails are at least so far apart, for each account.
const COMPLAINTS_APART_MS: i64 = 60_000;

impl Account {
    /// The vendor answered.
    pub(super) fn answered(&self, class: Class, line: Line) {
        let was_closed = self.with_valve(class, |valve, _| {
            let was_closed = valve.is_closed();
            valve.answered();
            was_closed
        });
        if was_closed {
            tracing::debug!(%line, "the vendor answers again");
        }
    }

    /// Says that a call failed: to the operator when that closed the line, and not more often than once a minute.
    fn tell(&self, line: Line, said: &Said, after: Duration, has_closed: bool) {
        let (code, text) = (said.code, &said.text);
        let now_ms = self.clock.now_ms();
        let before_ms = self.complained_ms.load(Ordering::Relaxed);
        if has_closed && now_ms.saturating_sub(before_ms) >= COMPLAINTS_APART_MS {
            self.complained_ms.store(now_ms, Ordering::Relaxed);
            tracing::warn!(
                %line,
                code,
                text,
                ?after,
                "the vendor, or the proxy before it, fails again and again: it is left alone for a while"
            );
        } else {
            tracing::debug!(%line, code, text, ?after, has_closed, "a call failed");
        }
    }

    /// The vendor is in trouble: it is left alone for a while.
    pub(super) fn fail(
        &self,
        (class, line): (Class, Line),
        said: &Said,
        after: Option<Duration>,
        may_have_sent: bool,
    ) -> Outcome {
        let roll = self.roll();
        let (after, has_closed) = self.with_valve(class, |valve, now_ms| {
            let was_closed = valve.is_closed();
            let after = valve.failed(after, now_ms, roll);
            (after, valve.is_closed() && !was_closed)
        });
        self.tell(line, said, after, has_closed);
        if may_have_sent {
            Outcome::Unknown { after }
        } else {
            Outcome::Unavailable { after }
        }
    }

    /// The vendor says that it is too often: nothing was sent.
    pub(super) fn limit(
        &self,
        (class, line): (Class, Line),
        said: &Said,
        after: Option<Duration>,
    ) -> Outcome {
        let roll = self.roll();
        let (held, has_closed) = self.with_valve(class, |valve, now_ms| {
            let was_closed = valve.is_closed();
            let held = valve.limited(after, now_ms, roll);
            (held, valve.is_closed() && !was_closed)
        });
        let (Held::Targets(after) | Held::All(after)) = held;
        self.tell(line, said, after, has_closed);
        match held {
            Held::Targets(after) => Outcome::Throttled { after },
            Held::All(after) => Outcome::Unavailable { after },
        }
    }

    fn roll(&self) -> u16 {
        let mut bytes = [0; 2];
        // Without randomness everybody waits for the longest.
        match self.entropy.fill(&mut bytes) {
            Ok(()) => u16::from_le_bytes(bytes),
            Err(_) => u16::MAX,
        }
    }

    pub(super) fn with_valve<R>(&self, class: Class, act: impl FnOnce(&mut Valve, i64) -> R) -> R {
        let now_ms = self.clock.now_ms();
        let mut valves = self.valves.lock();
        let valve = valves
            .entry(class)
            .or_insert_with(|| Valve::new(self.limits));
        act(valve, now_ms)
    }
}

/// A call that may be given up in the middle: the valve must not wait for it.
pub(super) struct Entered<'a> {
    pub(super) account: &'a Account,
    pub(super) class: Class,
    pub(super) settled: bool,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.account
                .with_valve(self.class, |valve, _| valve.abandoned());
        }
    }
}
