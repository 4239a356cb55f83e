//! What a counter keeps of its callers: the accesses it gave, and whom it has refused once.

use std::collections::{HashMap, HashSet};

use super::Fate;

/// What an access is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    Good,
    Expired,
    /// It was never given.
    None,
}

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

    /// Gives an access. The earlier ones stay good.
    pub(super) fn give_access(&mut self, prefix: &str, now_ms: i64, life_ms: i64) -> String {
        let access = format!("{prefix}{:06}", self.number());
        let until_ms = now_ms.saturating_add(life_ms);
        self.accesses.insert(access.clone(), until_ms);
        access
    }

    /// What an access is worth.
    pub(super) fn worth(&self, access: &str, now_ms: i64) -> Worth {
        match self.accesses.get(access) {
            Some(until_ms) if now_ms < *until_ms => Worth::Good,
            Some(_) => Worth::Expired,
            None => Worth::None,
        }
    }

    /// Every access ends.
    pub(super) fn expire(&mut self) {
        let ends = self.accesses.values_mut();
        ends.for_each(|until_ms| *until_ms = i64::MIN);
    }

    /// Whether one of these asks for this fate, which is met once, for the first time; then all of them that ask have
    /// had it.
    pub(super) fn strikes(&mut self, tokens: &[String], fate: Fate) -> bool {
        let asking = tokens.iter().filter(|token| Fate::of(token) == fate);
        let struck = asking.filter(|token| self.refused.insert((*token).clone()));
        struck.count() > 0
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
        let first = memory.give_access("a-", 1000, 500);
        let second = memory.give_access("a-", 2000, 500);
        assert_ne!(first, second);
        assert_eq!(memory.worth(&first, 1499), Worth::Good);
        assert_eq!(memory.worth(&first, 1500), Worth::Expired);
        assert_eq!(memory.worth(&second, 2000), Worth::Good);
        assert_eq!(memory.worth("a-", 0), Worth::None);
        memory.expire();
        assert_eq!(memory.worth(&second, 2000), Worth::Expired);
    }

    #[test]
    fn trouble_comes_once_for_all_that_ask() {
        let tokens = ["rate-1", "a", "rate-2", "fail-1"].map(str::to_owned);
        let mut memory = Memory::default();
        assert!(!memory.strikes(&tokens[1..2], Fate::Rate));
        assert!(memory.strikes(&tokens, Fate::Rate));
        assert!(!memory.strikes(&tokens, Fate::Rate));
        assert!(memory.strikes(&tokens, Fate::Fail));
        assert!(!memory.strikes(&tokens[3..], Fate::Fail));
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
