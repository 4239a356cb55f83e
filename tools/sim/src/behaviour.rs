//! How phones behave: shares of a crowd, from which each phone draws its own habits once and for all.

use crate::dice::Dice;

/// How a crowd behaves. Shares are in percent of the phones and drawn independently of each other; the same seed draws the
/// same habits. The default is a crowd without faults, in front, that acknowledges at once, never clicks, and comes back as
/// late as the protocol says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// What the draws depend on.
    pub seed: u64,
    /// Connect in the background.
    pub behind_percent: u8,
    /// Go to the other of front and behind after each push.
    pub flip_percent: u8,
    /// Never acknowledge.
    pub silent_percent: u8,
    /// Acknowledge everything twice.
    pub ack_twice_percent: u8,
    /// Click everything.
    pub click_percent: u8,
    /// Of those that click: click everything twice.
    pub click_twice_percent: u8,
    /// Read nothing for `pause_ms` after each push, through a small receive buffer.
    pub slow_percent: u8,
    /// Close the socket after each push that is new, before acknowledging, and come back after `away_ms`.
    pub leave_percent: u8,
    /// Milliseconds until a push is acknowledged: up to this.
    pub ack_delay_ms_max: u32,
    /// Milliseconds until it is clicked: this.
    pub click_delay_ms: u32,
    /// Milliseconds for which slow phones do not read.
    pub pause_ms: u32,
    /// Milliseconds until a phone that left or lost its connection comes back: from and to.
    pub away_ms: (u32, u32),
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            seed: 0,
            behind_percent: 0,
            flip_percent: 0,
            silent_percent: 0,
            ack_twice_percent: 0,
            click_percent: 0,
            click_twice_percent: 0,
            slow_percent: 0,
            leave_percent: 0,
            ack_delay_ms_max: 0,
            click_delay_ms: 0,
            pause_ms: 0,
            away_ms: (1_000, 30_000),
        }
    }
}

impl Behaviour {
    /// The habits of the `index`-th phone.
    #[must_use]
    pub fn habits(&self, index: u32) -> Habits {
        let mut dice = Dice::new(self.seed, index);
        let mut drawn = |percent| dice.percent(percent);
        let foreground = !drawn(self.behind_percent);
        let flips = drawn(self.flip_percent);
        let silent = drawn(self.silent_percent);
        let ack_twice = drawn(self.ack_twice_percent);
        let clicks = drawn(self.click_percent);
        let click_twice = drawn(self.click_twice_percent);
        let slow = drawn(self.slow_percent);
        let leaves = drawn(self.leave_percent);
        Habits {
            foreground,
            flips,
            acks: match (silent, ack_twice) {
                (true, _) => 0,
                (false, true) => 2,
                (false, false) => 1,
            },
            clicks: match (clicks, click_twice) {
                (false, _) => 0,
                (true, true) => 2,
                (true, false) => 1,
            },
            pause_ms: if slow { self.pause_ms } else { 0 },
            receive_buffer: slow.then_some(Habits::SLOW_RECEIVE_BUFFER),
            leaves,
            ack_delay_ms: dice.between(0, self.ack_delay_ms_max),
            click_delay_ms: self.click_delay_ms,
            away_ms: self.away_ms,
        }
    }
}

/// What one phone does, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// In front when it connects.
    pub foreground: bool,
    /// Goes to the other of front and behind after each push.
    pub flips: bool,
    /// How often it sends each acknowledgement, each time in a frame of its own; 0 is never.
    pub acks: u8,
    /// How often it sends each click; 0 is never.
    pub clicks: u8,
    /// Milliseconds for which it reads nothing after each push.
    pub pause_ms: u32,
    /// Bytes that its kernel may hold unread; `None` leaves it to the system.
    pub receive_buffer: Option<u32>,
    /// Closes its socket after each new push, before acknowledging, and comes back.
    pub leaves: bool,
    /// Milliseconds until it acknowledges.
    pub ack_delay_ms: u32,
    /// Milliseconds until it clicks.
    pub click_delay_ms: u32,
    /// Milliseconds until it comes back after leaving or losing its connection: from and to.
    pub away_ms: (u32, u32),
}

impl Habits {
    /// So little that a few pushes fill it.
    const SLOW_RECEIVE_BUFFER: u32 = 2_048;
}

impl Default for Habits {
    fn default() -> Self {
        Behaviour::default().habits(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_drawn_from_the_seed() {
        let behaviour = |seed| Behaviour {
            seed,
            click_percent: 30,
            click_twice_percent: 50,
            silent_percent: 10,
            ..Behaviour::default()
        };
        let clicks = |seed, times| {
            (0..10_000)
                .filter(|index| behaviour(seed).habits(*index).clicks == times)
                .count()
        };
        assert!((1_350..1_650).contains(&clicks(1, 1)), "{}", clicks(1, 1));
        assert!((1_350..1_650).contains(&clicks(1, 2)), "{}", clicks(1, 2));
        assert_eq!(behaviour(1).habits(7), behaviour(1).habits(7));
        assert!((0..100).any(|index| behaviour(1).habits(index) != behaviour(2).habits(index)));
    }

    #[test]
    fn the_default_has_no_faults() {
        let habits = Habits::default();
        assert!(habits.foreground && !habits.flips && !habits.leaves);
        assert_eq!((habits.acks, habits.clicks, habits.pause_ms), (1, 0, 0));
    }
}
