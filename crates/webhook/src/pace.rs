//! How many calls a second an app's receiver gets, tries that repeat one included. Pure.

use std::time::Duration;

/// Calls that may go out at once after a pause: those of a tenth of a second.
const BURST: u32 = 10;

/// When the next call may go out, counted from whatever moment the caller counts from.
#[derive(Debug)]
pub(crate) struct Pace {
    gap: Duration,
    next: Duration,
}

impl Pace {
    /// So many calls a second, at least one.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            gap: Duration::from_secs(1) / per_second.max(1),
            next: Duration::ZERO,
        }
    }

    /// Takes the next call's turn; answers how long it has to wait.
    pub(crate) fn take(&mut self, now: Duration) -> Duration {
        let saved = Duration::from_secs(1) / BURST;
        let at = self.next.max(now.saturating_sub(saved));
        self.next = at + self.gap;
        at.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_calls_than_the_rate_and_a_tenth_of_it() {
        for per_second in [1, 10, 1000] {
            let mut pace = Pace::new(per_second);
            let (mut now, mut starts) = (Duration::from_secs(60), Vec::new());
            for _ in 0..3 * per_second {
                now += pace.take(now);
                starts.push(now);
            }
            let bound = per_second + per_second.div_ceil(10);
            for start in &starts {
                let second = *start..*start + Duration::from_secs(1);
                let within = starts.iter().filter(|one| second.contains(one)).count();
                assert!(within as u32 <= bound, "{within} at {per_second} a second");
            }
            let whole = *starts.last().unwrap() - starts[0];
            assert!(
                whole >= Duration::from_millis(1800),
                "{whole:?} at {per_second}"
            );
        }
    }
}
