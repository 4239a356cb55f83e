//! JSON as vendors write it: codes as numbers or as texts, fields that are not there.

use serde_json::Value;

/// A whole number, written as one or as a text.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A text; empty when it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The texts of a list; none when it is no list.
pub(crate) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let values = value.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(Value::as_str)
}

/// A body; `Null` when it is no JSON.
pub(crate) fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// A vendor's own words for the operator: at most 200 characters, and not if they name a token.
pub(crate) fn words<'a>(words: &str, mut tokens: impl Iterator<Item = &'a str>) -> String {
    if tokens.any(|token| words.contains(token)) {
        return "the vendor's text names a token".to_owned();
    }
    words.chars().take(WORDS_LEN_MAX).collect()
}

/// As many characters of a vendor's words as an operator reads.
const WORDS_LEN_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_may_be_a_text() {
        for (value, expected) in [
            (json!(200), Some(200)),
            (json!("80000000"), Some(80_000_000)),
            (json!(" 7 "), Some(7)),
            (json!("x"), None),
            (json!(1.5), None),
            (json!(null), None),
        ] {
            assert_eq!(number(&value), expected, "{value}");
        }
    }

    #[test]
    fn words_are_short_and_name_no_token() {
        assert_eq!(words("no right", ["T1"].into_iter()), "no right");
        assert!(!words("token T1 is bad", ["T1"].into_iter()).contains("T1"));
        assert_eq!(
            words(&"界".repeat(300), [].into_iter()).chars().count(),
            200
        );
    }
}
