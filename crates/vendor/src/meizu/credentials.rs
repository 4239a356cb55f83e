//! What Meizu's console gives an app.

use pushtally_model::Secret;
use serde::Deserialize;

use crate::contract::Failure;
use crate::credentials::{check_filled, check_optional, check_urls, optional_secret, secret};

/// What Meizu's console gives an app.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// `AppId`.
    pub app_id: String,
    /// `AppSecret`.
    #[serde(deserialize_with = "secret")]
    pub app_secret: Secret,
    /// What the console shows beside the receipts' address. When it is said, receipts without it are refused.
    #[serde(default, deserialize_with = "optional_secret")]
    pub receipt_token: Option<Secret>,
    /// Where the API is.
    #[serde(default = "base_url")]
    pub base_url: String,
}

/// Meizu's own text shows `http`; `https` works, and the signature does not hide what is sent.
fn base_url() -> String {
    "https://server-api-push.meizu.com".to_owned()
}

impl Credentials {
    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        check_filled(&[
            ("app_id", &self.app_id),
            ("app_secret", self.app_secret.expose()),
        ])?;
        check_optional(&[("receipt_token", &self.receipt_token)])?;
        check_urls(&[("base_url", &self.base_url)])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_have_defaults_and_hide_the_secrets() {
        let credentials = json!({"app_id": "1001", "app_secret": "s3cr3t", "receipt_token": "r3c"});
        let credentials: Credentials = serde_json::from_value(credentials).unwrap();
        assert_eq!(credentials.base_url, "https://server-api-push.meizu.com");
        assert_eq!(credentials.check(), Ok(()));
        let debug = format!("{credentials:?}");
        assert!(
            !debug.contains("s3cr3t") && !debug.contains("r3c"),
            "{debug}"
        );
        let least = json!({"app_id": "1001", "app_secret": "s3cr3t"});
        let least: Credentials = serde_json::from_value(least).unwrap();
        assert_eq!(least.receipt_token, None);
        let unknown = json!({"app_id": "1", "app_secret": "s", "app_key": "k"});
        assert!(serde_json::from_value::<Credentials>(unknown).is_err());
    }

    #[test]
    fn what_makes_no_call_is_a_wrong_configuration() {
        for credentials in [
            json!({"app_id": "", "app_secret": "s"}),
            json!({"app_id": "1", "app_secret": ""}),
            json!({"app_id": "1", "app_secret": "s", "receipt_token": ""}),
            json!({"app_id": "1", "app_secret": "s", "base_url": "a.example"}),
        ] {
            let credentials: Credentials = serde_json::from_value(credentials).unwrap();
            let checked = credentials.check();
            assert!(
                matches!(checked, Err(Failure::Misconfigured(_))),
                "{credentials:?}"
            );
        }
    }
}
