//! What of a bad row is shown: the fields that are known and no secret.

use serde_json::{Map, Value};

use super::Kind;
use super::csv::{DEVICE_FIELDS, TOKEN_FIELDS};

/// The row without secrets, tokens and whatever else could be one; `None` when it is no JSON object.
pub(super) fn shown(kind: Kind, json: &str) -> Option<Value> {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else {
        return None;
    };
    let fields = fields.into_iter().filter_map(|(name, value)| {
        let value = match (kind, name.as_str()) {
            (Kind::Devices, "secret") => return None,
            (Kind::Devices, "tokens") => tokens(value)?,
            (Kind::Devices, other) if DEVICE_FIELDS.contains(&other) => value,
            (Kind::Tags | Kind::Attributes, "account" | "kind") => value,
            (Kind::Tags, "tags") | (Kind::Attributes, "attributes") => value,
            (Kind::Devices | Kind::Tags | Kind::Attributes, _) => return None,
        };
        Some((name, value))
    });
    Some(Value::Object(fields.collect()))
}

fn tokens(value: Value) -> Option<Value> {
    let Value::Array(tokens) = value else {
        return None;
    };
    let tokens = tokens.into_iter().map(|token| {
        let Value::Object(fields) = token else {
            return Value::Null;
        };
        let shown = fields
            .into_iter()
            .filter(|(name, _)| name != "token" && TOKEN_FIELDS.contains(&name.as_str()));
        Value::Object(shown.collect::<Map<String, Value>>())
    });
    Some(Value::Array(tokens.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_secrets_and_unknown_fields_are_not_shown() {
        for (kind, row, expected) in [
            (
                Kind::Devices,
                r#"{"registration_id":"p","secret":"S","usersig":"S","model":"m","tokens":[{"channel":"fcm","token":"S","key":"S"},"S"]}"#,
                Some(r#"{"model":"m","registration_id":"p","tokens":[{"channel":"fcm"},null]}"#),
            ),
            (Kind::Devices, r#"{"tokens":"S"}"#, Some("{}")),
            (Kind::Devices, r#"{"secret":"S""#, None),
            (Kind::Devices, r#""S""#, None),
            (
                Kind::Tags,
                r#"{"account":"a","tags":[1],"tokens":"S"}"#,
                Some(r#"{"account":"a","tags":[1]}"#),
            ),
            (
                Kind::Attributes,
                r#"{"account":"a","attributes":{"城市":"x"},"secret":"S"}"#,
                Some(r#"{"account":"a","attributes":{"城市":"x"}}"#),
            ),
        ] {
            let shown = shown(kind, row).map(|shown| shown.to_string());
            assert_eq!(shown.as_deref(), expected, "{row}");
        }
    }
}
