//! What Huawei's console and the service account's key file give an app.

use pushtally_model::Secret;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::contract::Failure;
use crate::credentials::{check_optional, check_urls, optional_secret, secret};
use crate::huawei::{Callback, Signer, public_base_url, public_token_url};

/// An app's credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The project's id.
    pub project_id: String,
    /// The service account's key's id.
    pub key_id: String,
    /// The service account's private key, PKCS#8 in PEM.
    #[serde(deserialize_with = "secret")]
    pub private_key: Secret,
    /// The service account.
    pub sub_account: String,
    /// Whom the JWT is for.
    #[serde(default = "public_token_url")]
    pub token_uri: String,
    /// Where messages go.
    #[serde(default = "public_base_url")]
    pub base_url: String,
    /// The category of notifications that say none.
    #[serde(default)]
    pub category: String,
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
        check_optional(&[("callback_key", &self.callback_key)])?;
        check_urls(&[("token_uri", &self.token_uri), ("base_url", &self.base_url)])
    }

    /// What receipts are signed with, if they are.
    #[must_use]
    pub fn callback(&self) -> Option<Callback> {
        Callback::of(&self.callback_user, self.callback_key.as_ref())
    }

    pub(super) fn signer(&self) -> Signer<'_> {
        Signer {
            key_id: &self.key_id,
            sub_account: &self.sub_account,
            private_key: &self.private_key,
            audience: &self.token_uri,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_enough_and_the_key_is_hidden() {
        let file = r#"{"project_id":"p1","key_id":"k1","private_key":"k3y","sub_account":"a1",
            "auth_uri":"https://oauth-login.cloud.huawei.com/oauth2/v3/authorize",
            "token_uri":"https://oauth-login.cloud.huawei.com/oauth2/v3/token",
            "auth_provider_cert_uri":"https://oauth-login.cloud.huawei.com/oauth2/v3/certs",
            "client_cert_uri":"https://oauth-login.cloud.huawei.com/oauth2/v3/x509?client_id="}"#;
        let credentials: Credentials = serde_json::from_str(file).unwrap();
        assert_eq!(credentials.base_url, "https://push-api.cloud.huawei.com");
        assert!(credentials.callback().is_none());
        assert!(!format!("{credentials:?}").contains("k3y"));
        let without = file.replace("\"key_id\":\"k1\",", "");
        assert!(serde_json::from_str::<Credentials>(&without).is_err());
        let unknown = file.replace("key_id", "key_ib");
        assert!(serde_json::from_str::<Credentials>(&unknown).is_err());
    }
}
