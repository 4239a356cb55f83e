//! Test messages, of which a day has few.

const DAY_MS: i64 = 86_400_000;
/// The vendor's midnight is taken to be China's.
const CHINA_MS: i64 = 8 * 3_600_000;

/// How many were sent on the day of the last one.
#[derive(Debug)]
pub(in crate::vendor) struct TestMessages {
    day_max: usize,
    day: i64,
    sent: usize,
}

impl TestMessages {
    pub(in crate::vendor) fn new(day_max: usize) -> Self {
        Self {
            day_max,
            day: i64::MIN,
            sent: 0,
        }
    }

    /// Counts this many; false, and not counted, when they are too many for the day.
    pub(in crate::vendor) fn take(&mut self, count: usize, now_ms: i64) -> bool {
        let day = now_ms.saturating_add(CHINA_MS).div_euclid(DAY_MS);
        if day != self.day {
            (self.day, self.sent) = (day, 0);
        }
        let sent = self.sent.saturating_add(count);
        let fits = sent <= self.day_max;
        if fits {
            self.sent = sent;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_so_many_and_the_next_as_many_again() {
        let mut messages = TestMessages::new(3);
        assert!(messages.take(2, 0) && !messages.take(2, 1) && messages.take(1, 2));
        let midnight_ms = DAY_MS - CHINA_MS;
        assert!(!messages.take(1, midnight_ms - 1) && messages.take(3, midnight_ms));
    }
}
