//! What Huawei's console and key file give an app.

use pushtally_model::Secret;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Callback;
use super::auth::PUBLIC_TOKEN_URL;
use crate::contract::Failure;
use crate::credentials::{check_optional, check_urls, optional_secret};

/// Where Huawei takes messages.
const PUBLIC_BASE_URL: &str = "https://push-api.cloud.huawei.com";

/// An app's credentials. Either `client_id` and `client_secret`, or the fields of a service account's key file; with a
/// `project_id`, v2 is called, else v1 by the `client_id`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The app's id.
    #[serde(default)]
    pub client_id: String,
    /// Its secret.
    #[serde(default, deserialize_with = "optional_secret")]
    pub client_secret: Option<Secret>,
    /// The project's id.
    #[serde(default)]
    pub project_id: String,
    /// The service account's key's id.
    #[serde(default)]
    pub key_id: String,
    /// The service account's private key, PKCS#8 in PEM.
    #[serde(default, deserialize_with = "optional_secret")]
    pub private_key: Option<Secret>,
    /// The service account.
    #[serde(default)]
    pub sub_account: String,
    /// Huawei's token endpoint: where the secret is exchanged, and whom the service account's JWT is for.
    #[serde(default = "public_token_url")]
    pub token_uri: String,
    /// Where messages go.
    #[serde(default = "public_base_url")]
    pub base_url: String,
    /// The app's package, for `ext` in the intent.
    #[serde(default)]
    pub package: String,
    /// The class of the app's entry activity. Without it the number on the icon does not change.
    #[serde(default)]
    pub entry_activity: String,
    /// The category of notifications that say none.
    #[serde(default)]
    pub category: String,
    /// The channel of notifications that say none.
    #[serde(default)]
    pub channel_id: String,
    /// The console's id of the address that receipts go to, when there are several.
    #[serde(default)]
    pub receipt_id: String,
    /// The user that receipts are signed for.
    #[serde(default)]
    pub callback_user: String,
    /// The key that receipts are signed with, as the console shows it. Without it they are taken unsigned.
    #[serde(default, deserialize_with = "optional_secret")]
    pub callback_key: Option<Secret>,
    // The rest of the key file, so that it can be pasted as it is.
    #[serde(default, rename = "auth_uri")]
    _auth_uri: IgnoredAny,
    #[serde(default, rename = "auth_provider_cert_uri")]
    _auth_provider_cert_uri: IgnoredAny,
    #[serde(default, rename = "client_cert_uri")]
    _client_cert_uri: IgnoredAny,
}

impl Credentials {
    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        check_optional(&[
            ("client_secret", &self.client_secret),
            ("private_key", &self.private_key),
            ("callback_key", &self.callback_key),
        ])?;
        check_urls(&[("token_uri", &self.token_uri), ("base_url", &self.base_url)])
    }

    /// What receipts are signed with, if they are.
    #[must_use]
    pub fn callback(&self) -> Option<Callback> {
        Callback::of(&self.callback_user, self.callback_key.as_ref())
    }
}

pub(crate) fn public_token_url() -> String {
    PUBLIC_TOKEN_URL.to_owned()
}

pub(crate) fn public_base_url() -> String {
    PUBLIC_BASE_URL.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_refused_and_secrets_are_hidden() {
        let credentials: Credentials = serde_json::from_str(
            r#"{"client_id":"1","client_secret":"s3cr3t","callback_key":"k3y"}"#,
        )
        .unwrap();
        assert_eq!(credentials.base_url, "https://push-api.cloud.huawei.com");
        assert!(credentials.callback().is_some());
        let debug = format!("{credentials:?}");
        assert!(
            !debug.contains("s3cr3t") && !debug.contains("k3y"),
            "{debug}"
        );
        assert!(serde_json::from_str::<Credentials>(r#"{"client":"1"}"#).is_err());
        let none = serde_json::from_str::<Credentials>(r#"{"callback_key":""}"#).unwrap();
        assert!(none.check().is_err());
    }
}
