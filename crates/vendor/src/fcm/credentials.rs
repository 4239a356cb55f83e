//! What Google's console gives an app: the service account's file, whole.

use pushtally_model::Secret;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::contract::Failure;
use crate::credentials::{check_filled, check_urls, misconfigured, secret};

/// A service account that may send messages of a project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The project.
    pub project_id: String,
    /// The key.
    pub private_key_id: String,
    /// The key itself, in PEM.
    #[serde(deserialize_with = "secret")]
    pub private_key: Secret,
    /// The account.
    pub client_email: String,
    /// Where the JWT is exchanged for access; also its audience.
    #[serde(default = "token_uri")]
    pub token_uri: String,
    /// The app, when FCM is to refuse tokens of others.
    #[serde(default)]
    pub package: String,
    /// Where pushes go.
    #[serde(default = "base_url")]
    pub base_url: String,
    // The rest of the file, so that it can be pasted as it is.
    #[serde(default, rename = "type")]
    _type: IgnoredAny,
    #[serde(default, rename = "client_id")]
    _client_id: IgnoredAny,
    #[serde(default, rename = "auth_uri")]
    _auth_uri: IgnoredAny,
    #[serde(default, rename = "auth_provider_x509_cert_url")]
    _auth_provider_x509_cert_url: IgnoredAny,
    #[serde(default, rename = "client_x509_cert_url")]
    _client_x509_cert_url: IgnoredAny,
    #[serde(default, rename = "universe_domain")]
    _universe_domain: IgnoredAny,
}

fn token_uri() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

fn base_url() -> String {
    "https://fcm.googleapis.com".to_owned()
}

impl Credentials {
    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let fits = |char: char| char.is_ascii_alphanumeric() || "-.:_".contains(char);
        if self.project_id.is_empty() || !self.project_id.chars().all(fits) {
            return Err(misconfigured("`project_id` is not the id of a project"));
        }
        check_filled(&[("client_email", &self.client_email)])?;
        check_urls(&[("token_uri", &self.token_uri), ("base_url", &self.base_url)])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The whole file of a service account, with the test key.
    pub(crate) fn sample() -> Credentials {
        let text = serde_json::json!({
            "type": "service_account",
            "project_id": "acme-1",
            "private_key_id": "key-0001",
            "private_key": crate::given::RSA_PRIVATE,
            "client_email": "push@acme-1.iam.gserviceaccount.com",
            "client_id": "1000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/push",
            "universe_domain": "googleapis.com",
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn the_file_is_taken_whole_and_nothing_else() {
        assert_eq!(sample().base_url, "https://fcm.googleapis.com");
        let text =
            r#"{"project_id":"p","private_key_id":"i","private_key":"k","client_email":"e"}"#;
        let short = serde_json::from_str::<Credentials>(text).unwrap();
        assert_eq!(short.token_uri, "https://oauth2.googleapis.com/token");
        let other = text.replace("{", r#"{"x":1,"#);
        assert!(serde_json::from_str::<Credentials>(&other).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", sample());
        assert!(shown.contains("acme-1") && !shown.contains("PRIVATE"));
    }
}
