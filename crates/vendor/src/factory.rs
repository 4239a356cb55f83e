//! A vendor from its name and its credentials.

use pushtally_model::Channel;
use serde::de::DeserializeOwned;

use crate::apns::Apns;
use crate::contract::Vendor;
use crate::fcm::Fcm;
use crate::harmony::Harmony;
use crate::honor::Honor;
use crate::huawei::Huawei;
use crate::meizu::Meizu;
use crate::oppo::Oppo;
use crate::vivo::Vivo;
use crate::xiaomi::Xiaomi;

/// Why credentials are none. Says nothing of their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// They are no JSON object with the vendor's fields.
    #[error("{0}")]
    Form(String),
    /// Nothing is sent through this channel with credentials.
    #[error("`{0}` is no vendor")]
    NoVendor(&'static str),
}

/// The vendor of a channel, with credentials as a JSON object: what its folder's `Credentials` say.
pub fn vendor(channel: Channel, credentials: &str) -> Result<Box<dyn Vendor>, CredentialsError> {
    Ok(match channel {
        Channel::Apns => Box::new(Apns::new(read(credentials)?)),
        Channel::Xiaomi => Box::new(Xiaomi::new(read(credentials)?)),
        Channel::Huawei => Box::new(Huawei::new(read(credentials)?)),
        Channel::Fcm => Box::new(Fcm::new(read(credentials)?)),
        Channel::Meizu => Box::new(Meizu::new(read(credentials)?)),
        Channel::Oppo => Box::new(Oppo::new(read(credentials)?)),
        Channel::Vivo => Box::new(Vivo::new(read(credentials)?)),
        Channel::Honor => Box::new(Honor::new(read(credentials)?)),
        Channel::Harmony => Box::new(Harmony::new(read(credentials)?)),
        Channel::Unknown | Channel::Online => {
            return Err(CredentialsError::NoVendor(channel.name()));
        }
    })
}

/// What of credentials may be shown, so that one account is told from another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// What the vendor knows the phones' app by; empty when nothing but secrets say it.
    pub app: String,
    /// Where the key is good, of the vendors that have environments; else empty.
    pub environment: String,
}

/// The fields that name an app and let nobody send, the plainest first.
const NAMES: [&str; 5] = ["bundle_id", "package", "project_id", "app_id", "client_id"];

/// What of an account's credentials may be shown. Nothing of credentials that are none.
#[must_use]
pub fn shown(channel: Channel, credentials: &str) -> Shown {
    let fields: serde_json::Value = serde_json::from_str(credentials).unwrap_or_default();
    let text = |name: &str| {
        let text = fields.get(name).and_then(serde_json::Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let environment = match channel {
        Channel::Apns => text("environments").unwrap_or_else(|| "both".to_owned()),
        _ => String::new(),
    };
    Shown {
        app: NAMES.into_iter().find_map(text).unwrap_or_default(),
        environment,
    }
}

/// Where it goes wrong is told by line and column, what is wrong only where it is a field's name.
fn read<C: DeserializeOwned>(credentials: &str) -> Result<C, CredentialsError> {
    serde_json::from_str(credentials).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let named = text.starts_with("missing field") || text.starts_with("unknown field");
        CredentialsError::Form(if named {
            text
        } else {
            format!("not a JSON object of the vendor's fields, at line {line} column {column}")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_names_the_app_and_no_secret() {
        let check = |channel, credentials, app: &str, environment: &str| {
            let Shown {
                app: found,
                environment: place,
            } = shown(channel, credentials);
            assert_eq!((found.as_str(), place.as_str()), (app, environment));
        };
        let apns = r#"{"team_id":"T","key_id":"K","private_key":"s3cr3t","bundle_id":"b"}"#;
        check(Channel::Apns, apns, "b", "both");
        let sandbox = r#"{"bundle_id":"b","environments":"sandbox"}"#;
        check(Channel::Apns, sandbox, "b", "sandbox");
        let xiaomi = r#"{"app_secret":"s3cr3t","package":"p"}"#;
        check(Channel::Xiaomi, xiaomi, "p", "");
        let huawei = r#"{"client_id":"1","client_secret":"s3cr3t","package":""}"#;
        check(Channel::Huawei, huawei, "1", "");
        let oppo = r#"{"app_key":"s3cr3t","master_secret":"s3cr3t"}"#;
        check(Channel::Oppo, oppo, "", "");
        check(Channel::Oppo, "s3cr3t", "", "");
    }

    #[test]
    fn credentials_are_refused_without_saying_what_they_hold() {
        let check = |credentials: &str, expected: &str| {
            let error = vendor(Channel::Xiaomi, credentials).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        };
        check("", "line 1");
        check("[\"s3cr3t\"]", "not a JSON object");
        check("{\"app_secret\":\"s3cr3t\"}", "missing field `package`");
        check(
            "{\"app_secret\":\"s3cr3t\",\"package\":\"p\",\"x\":1}",
            "unknown field `x`",
        );
        check(
            "{\"app_secret\":{\"s3cr3t\":1},\"package\":\"p\"}",
            "line 1 column",
        );
        let good = "{\"app_secret\":\"s3cr3t\",\"package\":\"p\"}";
        let xiaomi = vendor(Channel::Xiaomi, good).unwrap();
        assert!(!format!("{xiaomi:?}").contains("s3cr3t"));
        assert!(vendor(Channel::Online, good).is_err());
    }
}
