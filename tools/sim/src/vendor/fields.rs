//! A JSON object's fields, each of the type and in the range that a vendor documents.

use serde_json::{Map, Value};

/// What is wrong, for the answer's text.
pub(super) type Wrong = String;

/// An object whose fields are read one by one. Those that nobody reads are let be: the vendors do not say that they refuse
/// them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    pub(super) fn of(object: &'a Map<String, Value>) -> Self {
        Self(Some(object))
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// An object; one that is missing has no fields.
    pub(super) fn object(self, name: &str) -> Result<Self, Wrong> {
        match self.get(name) {
            None => Ok(Self(None)),
            Some(Value::Object(object)) => Ok(Self::of(object)),
            Some(_) => Err(format!("{name} is not an object")),
        }
    }

    /// A string; one that is missing is empty.
    pub(super) fn text(self, name: &str) -> Result<&'a str, Wrong> {
        match self.get(name) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(format!("{name} is not a string")),
        }
    }

    /// One of some strings.
    pub(super) fn choice(self, name: &str, choices: &[&str]) -> Result<&'a str, Wrong> {
        let text = self.text(name)?;
        if self.has(name) && !choices.contains(&text) {
            return Err(format!("{name} is none of {choices:?}"));
        }
        Ok(text)
    }

    /// A whole number from `min` to `max`.
    pub(super) fn whole(self, name: &str, min: i64, max: i64) -> Result<Option<i64>, Wrong> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value.as_i64().filter(|it| (min..=max).contains(it));
        let wrong = || format!("{name} is not a whole number from {min} to {max}");
        number.map(Some).ok_or_else(wrong)
    }

    pub(super) fn flag(self, name: &str) -> Result<bool, Wrong> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("{name} is not true or false")),
        }
    }

    /// An address that is public and encrypted.
    pub(super) fn https(self, name: &str) -> Result<&'a str, Wrong> {
        let url = self.text(name)?;
        if self.has(name) && !url.starts_with("https://") {
            return Err(format!("{name} is not an https address"));
        }
        Ok(url)
    }

    /// How many entries an array has that may have `max`.
    pub(super) fn count(self, name: &str, max: usize) -> Result<usize, Wrong> {
        match self.get(name) {
            None => Ok(0),
            Some(Value::Array(entries)) if entries.len() <= max => Ok(entries.len()),
            Some(_) => Err(format!("{name} is not an array of at most {max}")),
        }
    }

    /// Strings that are not empty.
    pub(super) fn texts(self, name: &str) -> Result<Vec<String>, Wrong> {
        let Some(Value::Array(entries)) = self.get(name) else {
            return Err(format!("{name} is not an array"));
        };
        let text = |entry: &Value| match entry {
            Value::String(text) if !text.is_empty() => Ok(text.clone()),
            _ => Err(format!("{name} has an entry that is not a string")),
        };
        entries.iter().map(text).collect()
    }
}

/// How a vendor writes the names of its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `click_action`.
    Snake,
    /// `clickAction`.
    Camel,
}

/// The first name in another vendor's, or another version's, style. What the app gets as it is may be called anything.
pub(super) fn foreign_name(value: &Value, style: Style) -> Option<&str> {
    match value {
        Value::Object(object) => object.iter().find_map(|(name, value)| {
            let is_foreign = name.chars().any(|char| match style {
                Style::Snake => char.is_ascii_uppercase(),
                Style::Camel => char == '_',
            });
            match name.as_str() {
                _ if is_foreign => Some(name.as_str()),
                "data" | "extraData" => None,
                _ => foreign_name(value, style),
            }
        }),
        Value::Array(entries) => entries.iter().find_map(|entry| foreign_name(entry, style)),
        _ => None,
    }
}

/// A life such as `86400s`, in seconds.
pub(super) fn life_s(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('s')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_what_it_must_be_or_is_called_wrong() {
        let value = json!({"t": "a", "n": 5, "f": 5.5, "o": {}, "u": "http://x", "l": ["a", ""], "z": null});
        let fields = Fields::of(value.as_object().unwrap());
        assert_eq!(fields.text("t"), Ok("a"));
        assert_eq!((fields.text("z"), fields.text("none")), (Ok(""), Ok("")));
        assert!(fields.text("n").is_err());
        assert_eq!(fields.whole("n", 0, 5), Ok(Some(5)));
        assert_eq!(fields.whole("z", 0, 5), Ok(None));
        assert!(fields.whole("n", 0, 4).is_err() && fields.whole("f", 0, 9).is_err());
        assert!(fields.choice("t", &["b"]).is_err() && fields.https("u").is_err());
        assert!(fields.object("o").is_ok() && fields.object("t").is_err());
        assert!(fields.texts("l").is_err() && fields.texts("none").is_err());
        assert!(fields.count("l", 1).is_err() && fields.flag("t").is_err());
        assert_eq!(fields.count("l", 2), Ok(2));
    }

    #[test]
    fn names_are_of_one_style_but_for_the_apps_own() {
        let snake = json!({"click_action": {"type": 3}, "data": {"aB": 1}});
        let camel = json!({"l": [{"clickAction": 1}]});
        assert_eq!(foreign_name(&snake, Style::Snake), None);
        assert_eq!(foreign_name(&snake, Style::Camel), Some("click_action"));
        assert_eq!(foreign_name(&camel, Style::Camel), None);
        assert_eq!(foreign_name(&camel, Style::Snake), Some("clickAction"));
    }

    #[test]
    fn a_life_is_digits_and_an_s() {
        for (text, expected) in [
            ("86400s", Some(86400)),
            ("0s", Some(0)),
            ("86400", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(life_s(text), expected, "{text}");
        }
    }
}
