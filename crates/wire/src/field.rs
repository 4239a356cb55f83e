//! Reads single JSON fields, naming the field and repeating the value when it is not what was wanted.
//!
//! Used where a message matters more than speed: small requests, and webhook events that failed the typed parse.

use std::borrow::Cow;

use pushtally_model::Second;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{MILLISECONDS_FROM, WireError};

/// Checks that a body is one JSON object and reads the wanted fields of it, left as raw values.
pub(crate) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, WireError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(WireError::BodyEmpty);
    }
    let text = std::str::from_utf8(body).map_err(|_| WireError::NotJson { line: 0, column: 0 })?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| WireError::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    if !raw.get().starts_with('{') {
        return Err(WireError::NotObject {
            value: raw.get().to_owned(),
        });
    }
    fields(raw)
}

/// Reads the wanted fields of an object. All that can be wrong with a sound object of raw values is a repetition.
pub(crate) fn fields<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, WireError> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let text = error.to_string();
        let what = text
            .split_once(" at line")
            .map_or(text.as_str(), |(what, _)| what);
        WireError::FieldRepeated {
            what: what.to_owned(),
        }
    })
}

pub(crate) type Raw<'a> = Option<&'a RawValue>;

pub(crate) fn present<'a>(name: &'static str, raw: Raw<'a>) -> Result<&'a RawValue, WireError> {
    raw.ok_or_else(|| WireError::FieldMissing { name: name.into() })
}

pub(crate) fn refuse(name: &'static str, wanted: &'static str, raw: &RawValue) -> WireError {
    WireError::Field {
        name: name.into(),
        wanted: wanted.into(),
        value: raw.get().to_owned(),
    }
}

/// An integer of 64 bits; fractions and exponents are refused even when they come out whole.
pub(crate) fn integer(name: &'static str, raw: &RawValue) -> Result<i64, WireError> {
    raw.get()
        .parse()
        .map_err(|_| refuse(name, "an integer", raw))
}

/// A time in seconds.
pub(crate) fn second(name: &'static str, raw: &RawValue) -> Result<Second, WireError> {
    let value = integer(name, raw)?;
    if value >= MILLISECONDS_FROM {
        return Err(WireError::Milliseconds {
            name: name.into(),
            value,
        });
    }
    Second::from_unix(value)
        .ok_or_else(|| refuse(name, "a Unix time in seconds from 1970 to 2106", raw))
}

/// A text, borrowed unless it has escapes.
pub(crate) fn text<'a>(name: &'static str, raw: &'a RawValue) -> Result<Cow<'a, str>, WireError> {
    let Text(text) = serde_json::from_str(raw.get()).map_err(|_| refuse(name, "a string", raw))?;
    Ok(text)
}

/// A text that is borrowed from the body unless it has escapes.
///
/// A newtype, since serde never borrows into an `Option<Cow<str>>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
