//! What a service saw, in all and message by message. Pure.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::ServiceCounts;
use crate::vendor::{Happened, Taken};

/// Titles that are told apart.
const TITLES_MAX: usize = 10_000;

/// What a service saw of one message, which is known by its title.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// Pushes that were taken, repeats among them.
    pub taken: u64,
    /// Pushes taken again for the same token.
    pub repeats: u64,
    /// Pushes that arrived and were reported so, each once.
    pub delivered: u64,
    /// Pushes that were clicked and reported so, each once.
    pub clicked: u64,
    /// When the first was taken, in Unix microseconds.
    pub first_us: u64,
}

/// The counts of a service.
#[derive(Debug, Default)]
pub(super) struct Tally {
    all: ServiceCounts,
    messages: BTreeMap<String, MessageCounts>,
    /// Who has which message: 128 bits of hash, so that ten million cost little and none are confused.
    seen: HashSet<u128>,
}

impl Tally {
    /// Counts a push that was taken; whether it is the first that shows this on this phone.
    pub(super) fn take(&mut self, taken: &Taken, now_us: u64) -> bool {
        let is_first = self.seen.insert(key(taken));
        let counts = self.message(&taken.title);
        if counts.taken == 0 {
            counts.first_us = now_us;
        }
        counts.taken += 1;
        counts.repeats += u64::from(!is_first);
        self.all.taken += 1;
        self.all.repeats += u64::from(!is_first);
        is_first
    }

    /// Counts what is reported.
    pub(super) fn report(&mut self, happened: &[(Taken, Happened)]) {
        for (taken, happened) in happened {
            let counts = self.message(&taken.title);
            match happened {
                Happened::Delivered => {
                    counts.delivered += 1;
                    self.all.delivered += 1;
                }
                Happened::Clicked => {
                    counts.clicked += 1;
                    self.all.clicked += 1;
                }
                Happened::Gone => {}
            }
        }
    }

    /// Counts something that is never reported.
    pub(super) const fn lose(&mut self) {
        self.all.lost_receipts += 1;
    }

    /// All together.
    pub(super) const fn counts(&self) -> ServiceCounts {
        self.all
    }

    /// By title.
    pub(super) const fn messages(&self) -> &BTreeMap<String, MessageCounts> {
        &self.messages
    }

    fn message(&mut self, title: &str) -> &mut MessageCounts {
        let is_known = self.messages.contains_key(title);
        let title = if is_known || self.messages.len() < TITLES_MAX {
            title
        } else {
            ""
        };
        self.messages.entry(title.to_owned()).or_default()
    }
}

/// A phone and what it shows: the vendor's own rule of what is one notification, and the mark where a request says none.
fn key(taken: &Taken) -> u128 {
    let shown = if taken.collapse.is_empty() {
        &taken.mark
    } else {
        &taken.collapse
    };
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &taken.token, shown).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(token: &str, title: &str, collapse: &str, mark: &str) -> Taken {
        Taken {
            token: token.to_owned(),
            title: title.to_owned(),
            text: String::new(),
            collapse: collapse.to_owned(),
            mark: mark.to_owned(),
            receipts_url: String::new(),
            receipt_kinds: String::new(),
            request_id: String::new(),
        }
    }

    #[test]
    fn a_repeat_is_what_shows_nothing_new_on_a_phone() {
        let mut tally = Tally::default();
        for (token, title, collapse, mark, is_first) in [
            ("a", "one", "7", "m1", true),
            // Sent again a second later, with another mark.
            ("a", "one", "7", "m2", false),
            ("b", "one", "7", "m2", true),
            ("a", "two", "8", "m3", true),
            // Nothing but the mark tells these apart.
            ("c", "two", "", "m3", true),
            ("c", "two", "", "m4", true),
            ("c", "two", "", "m4", false),
        ] {
            let taken = taken(token, title, collapse, mark);
            assert_eq!(tally.take(&taken, 5), is_first, "{taken:?}");
        }
        let counts = tally.counts();
        assert_eq!((counts.taken, counts.repeats), (7, 2));
        let one = tally.messages()["one"];
        assert_eq!((one.taken, one.repeats, one.first_us), (3, 1, 5));
    }

    #[test]
    fn reports_count_by_message_and_in_all() {
        let mut tally = Tally::default();
        let at = |title: &str| taken("a", title, "1", "");
        tally.report(&[
            (at("one"), Happened::Delivered),
            (at("one"), Happened::Clicked),
            (at("two"), Happened::Delivered),
            (at("two"), Happened::Gone),
        ]);
        let counts = tally.counts();
        assert_eq!((counts.delivered, counts.clicked), (2, 1));
        let counts = tally.messages()["two"];
        assert_eq!((counts.delivered, counts.clicked), (1, 0));
    }

    #[test]
    fn titles_are_bounded() {
        let mut tally = Tally::default();
        for number in 0..TITLES_MAX + 5 {
            tally.take(&taken("a", &number.to_string(), &number.to_string(), ""), 1);
        }
        assert_eq!(tally.messages().len(), TITLES_MAX + 1);
        assert_eq!(tally.messages()[""].taken, 5);
    }
}
