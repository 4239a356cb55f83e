//! Tokens that ask for trouble once.

use std::collections::HashSet;

use super::Fate;

/// The tokens that have had their trouble.
#[derive(Debug, Default)]
pub(super) struct Once(HashSet<String>);

impl Once {
    /// Whether one of these asks for this fate for the first time; then all of them that ask have had it.
    pub(super) fn strikes(&mut self, tokens: &[String], fate: Fate) -> bool {
        let asking = tokens.iter().filter(|token| Fate::of(token) == fate);
        let struck = asking.filter(|token| self.0.insert((*token).clone()));
        struck.count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_comes_once_for_all_that_ask() {
        let tokens = ["rate-1", "a", "rate-2", "fail-1"].map(str::to_owned);
        let mut once = Once::default();
        assert!(!once.strikes(&tokens[1..2], Fate::Rate));
        assert!(once.strikes(&tokens, Fate::Rate));
        assert!(!once.strikes(&tokens, Fate::Rate));
        assert!(once.strikes(&tokens, Fate::Fail));
        assert!(!once.strikes(&tokens[3..], Fate::Fail));
    }
}
