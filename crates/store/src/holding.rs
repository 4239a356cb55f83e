//! Who held a token when: what a receipt that comes late is matched by. Values in, values out; no storage.
//!
//! Invariant: former holders are in the order in which they held it, no two neighbours are the same device, and each ended
//! no later than the next began. Only a token that somebody lost has any: a first registration writes nothing here.

use pushtally_model::{Number, Second};

/// For how long a former holder is known after it ceased: vendors report within days, and a receipt that is later than this
/// is of a message that no vendor keeps.
pub const FORMER_KEPT_S: u32 = 30 * 86_400;
/// Former holders of one token: two phones that take it from each other in turn must not make it grow. The oldest goes.
pub const FORMER_MAX: usize = 8;

/// A device that had a token from one second to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Former {
    /// The device.
    pub number: Number,
    /// Since when, or earlier than that where it is not known.
    pub from: Second,
    /// When it ceased.
    pub until: Second,
}

/// What is known of a token beside who has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holding {
    /// Who had it, the last one last.
    pub former: Vec<Former>,
    /// Since when who has it now has had it; means nothing while nobody has it.
    pub since: Second,
}

impl Holding {
    /// A device has it no more. `registered_at` is when it was registered: it has had it since then, if it was the first.
    pub fn ceased(&mut self, number: Number, registered_at: Second, at: Second) {
        let from = if self.former.is_empty() {
            registered_at
        } else {
            self.since
        };
        match self.former.last_mut() {
            // Nobody had it in between.
            Some(last) if last.number == number => last.until = at,
            _ => self.former.push(Former {
                number,
                from: from.min(at),
                until: at,
            }),
        }
        self.forget(Second(at.0.saturating_sub(FORMER_KEPT_S)));
        let over = self.former.len().saturating_sub(FORMER_MAX);
        self.former.drain(..over);
    }

    /// Somebody has it now.
    pub const fn gained(&mut self, at: Second) {
        self.since = at;
    }

    /// Forgets who ceased before a second; answers how many.
    pub fn forget(&mut self, before: Second) -> usize {
        let known = self.former.len();
        self.former.retain(|former| former.until >= before);
        known - self.former.len()
    }

    /// Who had it at a second, given who has it now. A call that was under way when its device lost the token counts for
    /// that device, until somebody else has it.
    #[must_use]
    pub fn holder_at(&self, now: Option<Number>, at: Second) -> Option<Number> {
        if now.is_some() && (at >= self.since || self.former.is_empty()) {
            return now;
        }
        let mut newest_first = self.former.iter().rev();
        let found = newest_first.find(|former| former.from <= at);
        found.map(|former| former.number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: Number = Number(1);
    const B: Number = Number(2);

    #[test]
    fn a_token_is_whose_it_was_at_the_second() {
        let mut holding = Holding::default();
        assert_eq!(holding.holder_at(Some(A), Second(0)), Some(A));
        holding.ceased(A, Second(10), Second(20));
        for (at, expected) in [(9, None), (10, Some(A)), (19, Some(A)), (25, Some(A))] {
            assert_eq!(holding.holder_at(None, Second(at)), expected, "{at}");
        }
        holding.gained(Second(30));
        for (at, expected) in [(9, None), (29, Some(A)), (30, Some(B)), (99, Some(B))] {
            assert_eq!(holding.holder_at(Some(B), Second(at)), expected, "{at}");
        }
    }

    #[test]
    fn it_neither_grows_nor_remembers_for_ever() {
        let mut holding = Holding::default();
        for turn in 0..100 {
            holding.ceased(Number(turn % 2), Second(0), Second(turn));
            holding.gained(Second(turn));
            assert!(holding.former.len() <= FORMER_MAX);
        }
        for turn in 100..200 {
            holding.ceased(A, Second(0), Second(turn));
        }
        assert_eq!(
            holding.former.len(),
            FORMER_MAX,
            "one device in a row is one"
        );
        holding.ceased(B, Second(0), Second(199 + FORMER_KEPT_S));
        assert_eq!(
            holding.former.len(),
            2,
            "who ceased 30 days ago is still known"
        );
        holding.gained(Second(200 + FORMER_KEPT_S));
        holding.ceased(A, Second(0), Second(200 + FORMER_KEPT_S));
        assert_eq!(holding.former.len(), 2, "and then no more");
        assert_eq!(holding.forget(Second(u32::MAX)), 2);
    }

    proptest! {
        /// Against a list of who had it second by second.
        #[test]
        fn it_answers_what_a_diary_says(turns in prop::collection::vec((0..3u32, prop::option::of(1..4u32)), 1..12)) {
            let mut holding = Holding::default();
            let mut now: Option<Number> = None;
            // Who had it last by the end of each second.
            let mut last = None;
            let mut diary: Vec<Option<Number>> = Vec::new();
            let mut second = 0;
            for (pause, next) in turns {
                let next = next.map(Number);
                second += pause;
                diary.resize(second as usize, last);
                if next == now {
                    continue;
                }
                if let Some(now) = now {
                    holding.ceased(now, Second(0), Second(second));
                }
                if next.is_some() {
                    holding.gained(Second(second));
                }
                now = next;
                last = next.or(last);
            }
            diary.push(last);
            prop_assume!(holding.former.len() < FORMER_MAX);
            let known = diary.iter().enumerate().filter(|(_, last)| last.is_some());
            for (at, expected) in known {
                let found = holding.holder_at(now, Second(at as u32));
                prop_assert_eq!(found, *expected, "{} in {:?}", at, holding);
            }
        }
    }
}
