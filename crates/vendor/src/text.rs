//! Texts as vendors take them.

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

/// A vendor's words as they may be kept and shown: without the token, on one line, at most 200 characters.
pub(crate) fn quoted(words: &str, token: &str) -> String {
    let words = if token.is_empty() {
        words.to_owned()
    } else {
        words.replace(token, "(token)")
    };
    let line = words
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    line.take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_vendor_says_is_kept_without_the_token() {
        assert_eq!(
            quoted("`t1` is\nbad: t1", "t1"),
            "`(token)` is bad: (token)"
        );
        assert_eq!(quoted(&"信".repeat(300), ""), "信".repeat(200));
    }

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
}
