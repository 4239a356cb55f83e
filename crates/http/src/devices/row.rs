//! A device as a line of a file: the body of `POST /v1/devices` without client key and UserSig. Imports read it, exports
//! write it.
//!
//! Its fields are read by what reads a phone's own, so that a file may say what a phone may. Reading files is `server`'s.

use pushtally_audience::Imported;
use pushtally_model::{Device, DeviceFacts, Environment, Permission, Token, TokenKind};
use serde::Serialize;

use super::json::{Fields, Names, missing};
use crate::problem::Problem;

/// Why a line is no device. Never repeats a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RowError {
    /// What is allowed, or missing.
    pub reason: String,
    /// The field at fault, if one is.
    pub field: Option<String>,
    /// What it held, shortened; `None` for what must not be repeated.
    pub value: Option<String>,
}

/// Of a line that has no fields.
const NO_OBJECT: &str = "the line must be a JSON object that says each field once";

/// Reads a device from its JSON.
pub fn read_device_row(row: &str) -> Result<Imported, RowError> {
    let fields = Fields::parse(row.as_bytes()).map_err(|_| RowError {
        reason: NO_OBJECT.to_owned(),
        field: None,
        value: None,
    })?;
    read(&fields).map_err(|problem| RowError {
        reason: problem.detail.into_owned(),
        field: problem.field.map(|field| field.into_owned()),
        value: problem.value,
    })
}

fn read(fields: &Fields<'_>) -> Result<Imported, Problem> {
    let Names {
        registration_id,
        secret,
        account,
    } = Names::read(fields)?;
    Ok(Imported {
        registration_id: registration_id.ok_or_else(|| missing("registration_id"))?,
        secret,
        account,
        facts: fields.facts()?.facts()?,
    })
}

#[derive(Serialize)]
struct Row<'a> {
    registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<TokenRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    system: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    system_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    app_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sdk_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    language: &'a str,
}

#[derive(Serialize)]
struct TokenRow<'a> {
    channel: &'static str,
    kind: &'static str,
    token: &'a str,
    cert_id: u32,
    environment: &'static str,
}

/// The JSON of a device, which [`read_device_row`] reads back. Tokens are secrets: with them only when asked for.
#[must_use]
pub fn write_device_row(device: &Device, with_tokens: bool) -> String {
    let DeviceFacts {
        tokens,
        vendor,
        model,
        system,
        system_version,
        app_version,
        sdk_version,
        notifications,
        language,
    } = &device.facts;
    let tokens = tokens.iter().filter(|_| with_tokens).map(token_row);
    let row = Row {
        registration_id: device.registration_id.as_str(),
        account: device.account.as_ref().map(|account| account.as_str()),
        tokens: tokens.collect(),
        vendor: vendor.map(|vendor| vendor.name()),
        model,
        system,
        system_version,
        app_version,
        sdk_version,
        notifications: match notifications {
            Permission::Unknown => None,
            Permission::Granted => Some("granted"),
            Permission::Denied => Some("denied"),
        },
        language,
    };
    // Texts into memory: nothing of it can fail.
    serde_json::to_string(&row).unwrap_or_default()
}

fn token_row(token: &Token) -> TokenRow<'_> {
    TokenRow {
        channel: token.channel.name(),
        kind: match token.kind {
            TokenKind::Alert => "alert",
            TokenKind::Voip => "voip",
            TokenKind::LiveActivity => "live_activity",
        },
        token: token.value.expose(),
        cert_id: token.cert_id,
        environment: match token.environment {
            Environment::Production => "production",
            Environment::Sandbox => "sandbox",
        },
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::{Number, Second};

    use super::*;

    const WHOLE: &str = r#"{"registration_id":"手机 1","account":"用户😀","tokens":[{"channel":"apns","kind":"alert","token":"t\"1","cert_id":0,"environment":"production"},{"channel":"apns","kind":"voip","token":"t2","cert_id":4294967295,"environment":"sandbox"}],"vendor":"apns","model":"m","system":"s","system_version":"1","app_version":"2","sdk_version":"3","notifications":"denied","language":"zh-Hans"}"#;

    fn device(row: &str) -> Device {
        let read = read_device_row(row).unwrap();
        Device {
            number: Number(1),
            registration_id: read.registration_id,
            account: read.account,
            facts: read.facts,
            registered_at: Second(0),
            said_at: Second(0),
            dropped: Vec::new(),
        }
    }

    #[test]
    fn a_written_device_is_read_back_and_tokens_are_written_only_when_asked_for() {
        for row in [WHOLE, r#"{"registration_id":"p"}"#] {
            assert_eq!(write_device_row(&device(row), true), row);
        }
        let hidden = write_device_row(&device(WHOLE), false);
        assert!(!hidden.contains("token"), "{hidden}");
        assert!(device(&hidden).facts.tokens.is_empty());
    }

    #[test]
    fn a_fault_names_its_field_and_value_and_no_secret() {
        for (row, reason, field, value) in [
            ("[1]", NO_OBJECT, None, None),
            (r#"{"registration_id":"p","#, NO_OBJECT, None, None),
            (
                r#"{"account":"a"}"#,
                "`registration_id` is missing",
                Some("registration_id"),
                None,
            ),
            (
                r#"{"registration_id":"p","secret":"SECRET"}"#,
                "`secret` must be 32 hexadecimal digits",
                Some("secret"),
                None,
            ),
            (
                r#"{"registration_id":"p","tokens":[{"channel":"pager","token":"SECRET"}]}"#,
                "`tokens[0].channel` must be `apns`, `xiaomi`, `huawei`, `harmony`, `fcm`, `meizu`, `oppo`, `vivo` or `honor`",
                Some("tokens[0].channel"),
                Some("pager"),
            ),
            (
                r#"{"registration_id":"p","tokens":[{"channel":"fcm","token":["SECRET"]}]}"#,
                "`tokens[0].token` must be a text",
                Some("tokens[0].token"),
                None,
            ),
        ] {
            let error = read_device_row(row).unwrap_err();
            assert_eq!(error.reason, reason, "{row}");
            assert_eq!(error.field.as_deref(), field, "{row}");
            assert_eq!(error.value.as_deref(), value, "{row}");
        }
    }
}
