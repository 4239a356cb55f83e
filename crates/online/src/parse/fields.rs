//! One field of an object, read as what it must be, or refused by name.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::OnlineError;
use crate::limits::VALUE_LEN_MAX;

/// A field that is looked at, whatever it holds.
pub(super) struct Field<'a> {
    name: Cow<'static, str>,
    raw: Option<&'a RawValue>,
    secret: bool,
}

/// An object's known fields; the others are skipped without being kept.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, OnlineError> {
    // A list would pass for an object whose fields come in order.
    let open = json.iter().find(|byte| !byte.is_ascii_whitespace());
    if open != Some(&b'{') {
        return Err(OnlineError::NotJson);
    }
    serde_json::from_slice(json).map_err(|error| match repeated_field(&error) {
        Some(field) => OnlineError::Field {
            field: field.into(),
            value: None,
            rule: "must come once",
        },
        None => OnlineError::NotJson,
    })
}

/// The known field that an object has twice, if that is the error. serde tells it in words only.
pub fn repeated_field(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (field, _) = text.strip_prefix("duplicate field `")?.split_once('`')?;
    Some(field.to_owned())
}

/// A list's items, unread.
pub(super) fn list<'a>(
    field: &Field<'a>,
    rule: &'static str,
) -> Result<Vec<&'a RawValue>, OnlineError> {
    field.read(rule)
}

impl<'a> Field<'a> {
    pub(super) fn new(name: impl Into<Cow<'static, str>>, raw: Option<&'a RawValue>) -> Self {
        Self {
            name: name.into(),
            raw,
            secret: false,
        }
    }

    /// A field that no error repeats.
    pub(super) fn secret(name: &'static str, raw: Option<&'a RawValue>) -> Self {
        Self {
            secret: true,
            ..Self::new(name, raw)
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.raw.is_none()
    }

    pub(super) fn text(&self) -> Result<String, OnlineError> {
        self.read("must be a string")
    }

    pub(super) fn switch(&self) -> Result<bool, OnlineError> {
        self.read("must be true or false")
    }

    /// A whole number from 0 to a highest one.
    pub(super) fn number<N>(&self, highest: N, rule: &'static str) -> Result<N, OnlineError>
    where
        N: Deserialize<'a> + PartialOrd,
    {
        let number = self.read(rule)?;
        if number > highest {
            return Err(self.fault(rule));
        }
        Ok(number)
    }

    fn read<T: Deserialize<'a>>(&self, rule: &'static str) -> Result<T, OnlineError> {
        let raw = self.raw.ok_or_else(|| self.fault("is missing"))?;
        serde_json::from_str(raw.get()).map_err(|_| self.fault(rule))
    }

    /// The error that names this field.
    pub(super) fn fault(&self, rule: &'static str) -> OnlineError {
        let shown = self.raw.filter(|_| !self.secret);
        OnlineError::Field {
            field: self.name.clone(),
            value: shown.map(|raw| raw.get().chars().take(VALUE_LEN_MAX).collect()),
            rule,
        }
    }
}
