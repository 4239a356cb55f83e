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

/// A number that came as one, or as its digits in a string.
pub(crate) fn integer(value: &serde_json::Value) -> Option<i64> {
    match value {
        serde_json::Value::String(digits) => digits.trim().parse().ok(),
        other => other.as_i64(),
    }
}

/// What a vendor said, with `*` in the place of each secret, and not too long to be kept with a loss.
pub(crate) fn without<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    const SAID_LEN_MAX: usize = 200;
    let mut text = text.to_owned();
    for secret in secrets {
        if !secret.is_empty() && text.contains(secret) {
            text = text.replace(secret, "*");
        }
    }
    cut(&text, SAID_LEN_MAX).into_owned()
}

/// Compact JSON of what has only text keys.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    // Such values do not fail to serialise.
    serde_json::to_string(value).unwrap_or_default()
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

    #[test]
    fn numbers_come_as_digits_too() {
        for (value, expected) in [
            (serde_json::json!(-2), Some(-2)),
            (serde_json::json!("10000"), Some(10_000)),
            (serde_json::json!(" 7 "), Some(7)),
            (serde_json::json!(1.5), None),
            (serde_json::json!("x"), None),
            (serde_json::json!(null), None),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
    }

    #[test]
    fn what_a_vendor_said_names_no_secret() {
        assert_eq!(
            without("bad id r1, r2", ["r1", "", "r2"]),
            "bad id *, *".to_owned()
        );
        assert_eq!(without(&"x".repeat(300), []).len(), 200);
    }
}
