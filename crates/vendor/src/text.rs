//! Texts as vendors take them, and as they are kept of what vendors say.

use crate::contract::{Failure, Said, To};

/// The longest text kept of what a vendor says, in UTF-16 units: enough for a sentence.
const SAID_LEN_MAX: usize = 200;

/// A text of at most `max` UTF-16 units: a longer one is cut to three fewer and ends in `...`, between characters.
#[must_use]
pub fn cut(text: &str, max: usize) -> std::borrow::Cow<'_, str> {
    if text.encode_utf16().nth(max).is_none() {
        return text.into();
    }
    let mut units = 0;
    let kept = text.char_indices().find(|(_, char)| {
        units += char.len_utf16();
        units > max.saturating_sub(3)
    });
    let end = kept.map_or(text.len(), |(at, _)| at);
    format!("{}...", text.get(..end).unwrap_or_default()).into()
}

/// A vendor's words as they may be kept and shown: with `*` in the place of each secret, on one line, and not too long.
pub(crate) fn without<'a>(words: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut words = words.to_owned();
    let secrets = secrets.into_iter();
    let mut found: Vec<&str> = secrets
        .filter(|secret| !secret.is_empty() && words.contains(secret))
        .collect();
    // The longest first, so that of a secret that begins with another one no rest is left.
    found.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in found {
        words = words.replace(secret, "*");
    }
    let line: String = words
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    cut(&line, SAID_LEN_MAX).into_owned()
}

/// The targets' tokens: what no text may hold.
pub(crate) fn tokens<'a>(targets: &[To<'a>]) -> impl Iterator<Item = &'a str> {
    targets.iter().map(|to| to.token.expose())
}

/// The targets' tokens in one field, with commas between them.
pub(crate) fn joined(targets: &[To<'_>]) -> Result<String, Failure> {
    // A comma would make two of it, and none is no token.
    if tokens(targets).any(|token| token.is_empty() || token.contains(',')) {
        let said = Said::new(0, "a token is empty or has a comma");
        return Err(Failure::Targets(said));
    }
    Ok(tokens(targets).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_only_when_it_is_too_long() {
        for (text, max, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc..."),
            ("包裹今天送达", 6, "包裹今天送达"),
            ("包裹今天送达了", 6, "包裹今..."),
            // An emoji is two units.
            ("ab😀😀", 6, "ab😀😀"),
            ("ab😀😀c", 6, "ab..."),
            ("", 5, ""),
        ] {
            assert_eq!(cut(text, max), expected, "{text} {max}");
        }
    }

    #[test]
    fn what_a_vendor_says_is_kept_without_secrets_on_one_short_line() {
        let check = |words: &str, secrets: &[&str], expected: &str| {
            assert_eq!(without(words, secrets.iter().copied()), expected);
        };
        check("no right", &["t1"], "no right");
        check("bad id t1, t2", &["t1", "", "t2"], "bad id *, *");
        check("`t1` is\nbad: t12", &["t1", "t12"], "`*` is bad: *");
        let cut = format!("{}...", "信".repeat(197));
        check(&"信".repeat(300), &[], &cut);
    }
}
