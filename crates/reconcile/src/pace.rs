//! When the next call may be made. Pure.

use std::time::Duration;

/// How fast is called, and how often anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From the end of a call to the beginning of the next: the documented second, counted so that no delay on the way can
    /// bring two calls closer together there.
    pub gap: Duration,
    /// Before a call is made a second time; each further time twice as long.
    pub first_wait: Duration,
    /// How often a call is made, at most.
    pub tries_max: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gap: Duration::from_secs(1),
            first_wait: Duration::from_secs(2),
            tries_max: 5,
        }
    }
}

impl Pace {
    /// How long to wait before the call is made again that failed the `tries`-th time; `None` when it is given up.
    #[must_use]
    pub fn again_after(&self, tries: u32) -> Option<Duration> {
        let doublings = tries.saturating_sub(1);
        let wait = self
            .first_wait
            .saturating_mul(2u32.saturating_pow(doublings));
        (tries < self.tries_max).then(|| wait.max(self.gap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_it_is_given_up() {
        let pace = Pace::default();
        let waits: Vec<_> = (1..=5).map(|tries| pace.again_after(tries)).collect();
        let s = |s| Some(Duration::from_secs(s));
        assert_eq!(waits, [s(2), s(4), s(8), s(16), None]);
        let hasty = Pace {
            first_wait: Duration::ZERO,
            ..pace
        };
        assert_eq!(hasty.again_after(1), s(1), "never faster than the gap");
    }
}
