//! JSON and forms as vendors write them: numbers in strings, lists in strings, fields that are not there.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::contract::{Failure, ReceiptError, Reply, Said};

/// A body; `Null` when it is no JSON.
pub(crate) fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// What a body says if it is an object: a structure could be read from a list as well.
pub(crate) fn told<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let object = Some(body(bytes)).filter(Value::is_object)?;
    serde_json::from_value(object).ok()
}

/// The object that a reply holds, whatever its status; or that the vendor has failed, or that it is not understood.
pub(crate) fn object(reply: &Reply) -> Result<Value, Failure> {
    let status = i64::from(reply.status);
    if reply.is_trouble() {
        let said = Said::new(status, "overloaded or failed");
        let after = reply.retry_after();
        return Err(Failure::Busy { said, after });
    }
    Some(body(&reply.body))
        .filter(Value::is_object)
        .ok_or_else(|| Failure::Unknown(Said::new(status, "the reply is no JSON object")))
}

/// The object that a receipt's form holds in this field. A body that is an object itself is taken, too.
pub(crate) fn form_object(body: &[u8], field: &str) -> Result<Map<String, Value>, ReceiptError> {
    let value = if body.trim_ascii_start().first() == Some(&b'{') {
        Some(body.into())
    } else {
        form_field(body, field).map(|value| match value {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    };
    let value: Cow<'_, [u8]> = value.ok_or(ReceiptError::Form("the field is missing"))?;
    serde_json::from_slice(&value).map_err(|_| ReceiptError::Form("it is no JSON object"))
}

/// The first value that a form gives a field.
pub(crate) fn form_field<'a>(body: &'a [u8], field: &str) -> Option<Cow<'a, str>> {
    let mut pairs = form_urlencoded::parse(body);
    pairs.find_map(|(name, value)| (name == field).then_some(value))
}

/// A whole number, written as one or as its digits in a string.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(digits) => digits.trim().parse().ok(),
        _ => None,
    }
}

/// A text; empty when it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Names, in an array or in a string with commas between them, without blanks around them and without empty ones.
pub(crate) fn list(value: &Value) -> Vec<&str> {
    let names: Vec<&str> = match value {
        Value::String(text) => text.split(',').collect(),
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let names = names.into_iter().map(str::trim);
    names.filter(|name| !name.is_empty()).collect()
}

/// Compact JSON of what has only text keys.
pub(crate) fn written(value: &impl Serialize) -> String {
    // Such values do not fail to serialise.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_lists_are_read_as_either_of_two_types() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!(-2), Some(-2)),
            (json!("80000000"), Some(80_000_000)),
            (json!(" -1 "), Some(-1)),
            (json!(7.5), None),
            (json!("x"), None),
            (json!(null), None),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
        for (value, expected) in [
            (json!("a, b,,"), &["a", "b"][..]),
            (json!(["a", 1, " b "]), &["a", "b"]),
            (json!(""), &[]),
            (json!({"a": 1}), &[]),
        ] {
            assert_eq!(list(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_receipt_is_a_form_or_the_object_itself() {
        for body in [&b"x=1&data=%7B%22a%22%3A1%7D"[..], b" {\"a\":1}"] {
            let object = form_object(body, "data").unwrap();
            assert_eq!(object.get("a"), Some(&json!(1)));
        }
        for body in [&b""[..], b"x=1", b"data=[]", b"{", b"\xFF\xFE"] {
            assert!(form_object(body, "data").is_err(), "{body:?}");
        }
    }
}
