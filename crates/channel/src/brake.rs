//! When a vendor's word that tokens are dead is not believed: not while an unusual share of them dies at once, as they do
//! with the wrong certificate or the wrong topic.
//!
//! Pure: time is an argument. One brake stands behind each line to a vendor: an app's tokens of one channel and CertId.

/// When a brake goes on, and for how long it is off after an operator released it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeLimits {
    /// Outcomes that say something: fewer in the window neither put it on nor take it off.
    pub outcomes_min: u32,
    /// More dead tokens than so many in a hundred outcomes are unusual, 1 to 100; 100 is no brake.
    pub gone_percent_max: u8,
    /// How far back outcomes count, in milliseconds: a tenth of it more or less.
    pub window_ms: i64,
    /// For how long tokens are dropped freely after a release, in milliseconds.
    pub released_ms: i64,
}

impl Default for BrakeLimits {
    fn default() -> Self {
        Self {
            outcomes_min: 200,
            gone_percent_max: 30,
            window_ms: 600_000,
            released_ms: 86_400_000,
        }
    }
}

/// What a vendor said of some tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// It took the notification.
    pub live: u32,
    /// The token reaches nobody.
    pub gone: u32,
}

impl Told {
    const fn outcomes(self) -> u64 {
        self.live as u64 + self.gone as u64
    }

    const fn add(&mut self, more: Self) {
        self.live = self.live.saturating_add(more.live);
        self.gone = self.gone.saturating_add(more.gone);
    }
}

/// A brake that went on or off by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// So many died that no more are dropped.
    On,
    /// The share is usual again.
    Off,
}

/// Parts of the window.
const PARTS: i64 = 10;

/// The brake.
#[derive(Debug, Clone)]
pub struct Brake {
    limits: BrakeLimits,
    /// What was told in each part of the window, the newest last, with the number of that part.
    parts: Vec<(i64, Told)>,
    on_since_ms: Option<i64>,
    released_until_ms: i64,
}

impl Brake {
    /// One that is off and has heard nothing.
    #[must_use]
    pub const fn new(limits: BrakeLimits) -> Self {
        Self {
            limits,
            parts: Vec::new(),
            on_since_ms: None,
            released_until_ms: i64::MIN,
        }
    }

    /// Since when it is on.
    #[must_use]
    pub const fn on_since_ms(&self) -> Option<i64> {
        self.on_since_ms
    }

    /// What was told within the window; since it turned, if that was later.
    #[must_use]
    pub fn told(&self) -> Told {
        let mut all = Told::default();
        for (_, told) in &self.parts {
            all.add(*told);
        }
        all
    }

    /// Whether forgetting it would change nothing.
    #[must_use]
    pub fn is_idle(&self, now_ms: i64) -> bool {
        let first = self.part(now_ms) - PARTS;
        self.on_since_ms.is_none()
            && self.released_until_ms <= now_ms
            && self.parts.iter().all(|(part, _)| *part <= first)
    }

    /// Hears what a vendor said. A whole call is heard before anything of it is dropped, so that one that turns the brake
    /// on costs nothing.
    pub fn hear(&mut self, told: Told, now_ms: i64) -> Option<Turned> {
        let part = self.part(now_ms);
        match self.parts.last_mut() {
            // A clock that was set back adds to the newest part.
            Some((newest, sum)) if *newest >= part => sum.add(told),
            _ => self.parts.push((part, told)),
        }
        let newest = self.parts.last().map_or(part, |(newest, _)| *newest);
        self.parts.retain(|(part, _)| *part > newest - PARTS);
        let all = self.told();
        if all.outcomes() < u64::from(self.limits.outcomes_min) {
            return None;
        }
        let is_unusual =
            u64::from(all.gone) * 100 > all.outcomes() * u64::from(self.limits.gone_percent_max);
        match (self.on_since_ms, is_unusual) {
            (None, true) if now_ms >= self.released_until_ms => {
                self.on_since_ms = Some(now_ms);
                self.parts.clear();
                Some(Turned::On)
            }
            (Some(_), false) => {
                self.on_since_ms = None;
                Some(Turned::Off)
            }
            (None, _) | (Some(_), true) => None,
        }
    }

    /// An operator says that the tokens are dead: they are dropped freely for a while. Answers whether it was on.
    pub fn release(&mut self, now_ms: i64) -> bool {
        self.parts.clear();
        self.released_until_ms = now_ms.saturating_add(self.limits.released_ms);
        self.on_since_ms.take().is_some()
    }

    const fn part(&self, now_ms: i64) -> i64 {
        let len = self.limits.window_ms / PARTS;
        now_ms.div_euclid(if len > 0 { len } else { 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn told(live: u32, gone: u32) -> Told {
        Told { live, gone }
    }

    #[test]
    fn it_goes_on_when_more_than_the_share_of_enough_outcomes_is_gone() {
        for (live, gone, expected) in [
            (0, 199, None),
            (0, 200, Some(Turned::On)),
            (140, 60, None),
            (139, 61, Some(Turned::On)),
            (700, 300, None),
            (699, 301, Some(Turned::On)),
            (u32::MAX, u32::MAX, Some(Turned::On)),
        ] {
            let mut brake = Brake::new(BrakeLimits::default());
            assert_eq!(brake.hear(told(live, gone), 0), expected, "{live} {gone}");
            assert_eq!(brake.on_since_ms(), expected.map(|_| 0));
        }
    }

    #[test]
    fn only_what_is_within_the_window_counts() {
        let mut brake = Brake::new(BrakeLimits::default());
        assert_eq!(brake.hear(told(0, 150), 0), None);
        assert_eq!(brake.hear(told(0, 49), 9 * MINUTE), None);
        assert_eq!(
            brake.hear(told(0, 1), 10 * MINUTE),
            None,
            "the first are forgotten"
        );
        assert_eq!(brake.told(), told(0, 50));
        assert_eq!(brake.hear(told(0, 150), 18 * MINUTE), Some(Turned::On));
        assert_eq!(brake.on_since_ms(), Some(18 * MINUTE));
    }

    #[test]
    fn it_goes_off_by_a_fresh_window_that_is_usual() {
        let mut brake = Brake::new(BrakeLimits::default());
        assert_eq!(brake.hear(told(0, 1000), 0), Some(Turned::On));
        assert_eq!(
            brake.hear(told(199, 0), 1),
            None,
            "what turned it on counts no more"
        );
        assert_eq!(brake.hear(told(0, 86), 2), None);
        assert_eq!(brake.on_since_ms(), Some(0));
        assert_eq!(brake.hear(told(2, 0), 3), Some(Turned::Off));
        assert_eq!(brake.on_since_ms(), None);
        assert_eq!(brake.hear(told(0, 1), 4), Some(Turned::On), "and on again");
    }

    #[test]
    fn who_released_it_is_believed_for_a_while() {
        let limits = BrakeLimits::default();
        let mut brake = Brake::new(limits);
        assert!(!brake.release(-limits.released_ms));
        assert_eq!(brake.hear(told(0, 1000), 0), Some(Turned::On));
        assert!(!brake.is_idle(i64::MAX));
        assert!(brake.release(5));
        assert!(!brake.is_idle(limits.released_ms));
        assert_eq!(brake.hear(told(0, 1000), limits.released_ms + 4), None);
        assert_eq!(
            brake.hear(told(0, 1000), limits.released_ms + 5),
            Some(Turned::On)
        );
    }

    #[test]
    fn an_old_one_is_idle_and_no_clock_breaks_it() {
        let mut brake = Brake::new(BrakeLimits {
            window_ms: 0,
            gone_percent_max: 100,
            ..BrakeLimits::default()
        });
        for now_ms in [0, i64::MAX, -5, i64::MIN, 7] {
            assert_eq!(brake.hear(told(1, 1000), now_ms), None);
            assert!(brake.parts.len() <= PARTS as usize);
        }
        let mut brake = Brake::new(BrakeLimits::default());
        brake.hear(told(1, 1), 0);
        assert!(!brake.is_idle(9 * MINUTE));
        assert!(brake.is_idle(10 * MINUTE));
    }
}
