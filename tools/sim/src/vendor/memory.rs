//! What a counter keeps of its callers: the accesses it gave, and whom it has refused once.

use std::collections::{HashMap, HashSet};

use super::Fate;

/// What a counter keeps of its callers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When each access ends, in Unix milliseconds.
    accesses: HashMap<String, i64>,
    /// Tokens that are refused the first time only, and were.
    refused: HashSet<String>,
    last: u64,
}

impl Memory {
    /// A number that was not given before.
    pub(super) const fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Gives an access. Several may live at once.
    pub(super) fn give_access(&mut self, prefix: &str, now_ms: i64, life_ms: i64) -> String {
        self.accesses.retain(|_, until_ms| *until_ms > now_ms);
        let access = format!("{prefix}{:04}", self.number());
        let until_ms = now_ms.saturating_add(life_ms);
        self.accesses.insert(access.clone(), until_ms);
        access
    }

    /// Whether it gave this access, and its time is not over.
    pub(super) fn has_access(&self, access: &str, now_ms: i64) -> bool {
        let until_ms = self.accesses.get(access);
        until_ms.is_some_and(|until_ms| *until_ms > now_ms)
    }

    /// Every access ends.
    pub(super) fn expire(&mut self) {
        self.accesses.clear();
    }

    /// What this token meets now: what is met the first time only is ordinary afterwards.
    pub(super) fn fate(&mut self, token: &str) -> Fate {
        match Fate::of(token) {
            Fate::Rate | Fate::Fail if !self.refused.insert(token.to_owned()) => Fate::Ordinary,
            fate => fate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_ends_by_time_or_by_command() {
        let mut memory = Memory::default();
        let access = memory.give_access("a-", 1000, 500);
        assert!(memory.has_access(&access, 1499));
        assert!(!memory.has_access(&access, 1500));
        let (one, other) = (
            memory.give_access("a-", 2000, 500),
            memory.give_access("a-", 2000, 500),
        );
        assert_ne!(one, other);
        assert!(memory.has_access(&one, 2000) && memory.has_access(&other, 2000));
        memory.expire();
        assert!(!memory.has_access(&one, 2000));
    }

    #[test]
    fn a_token_that_is_refused_once_is_ordinary_afterwards() {
        let mut memory = Memory::default();
        for (token, first, second) in [
            ("rate-1", Fate::Rate, Fate::Ordinary),
            ("fail-1", Fate::Fail, Fate::Ordinary),
            ("gone-1", Fate::Gone, Fate::Gone),
            ("x", Fate::Ordinary, Fate::Ordinary),
        ] {
            let met = (memory.fate(token), memory.fate(token));
            assert_eq!(met, (first, second), "{token}");
        }
    }
}
