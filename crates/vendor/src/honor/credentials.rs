//! What HONOR's console gives an app.

use pushtally_model::Secret;
use serde::Deserialize;

use crate::contract::Failure;
use crate::credentials::{check_filled, check_urls, secret};

/// An app's credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The app's id.
    pub app_id: String,
    /// The client's id.
    pub client_id: String,
    /// Its secret.
    #[serde(deserialize_with = "secret")]
    pub client_secret: Secret,
    /// Where the secret is exchanged.
    #[serde(default = "public_token_url")]
    pub token_url: String,
    /// Where messages go.
    #[serde(default = "public_base_url")]
    pub base_url: String,
    /// The class of the app's entry activity. Without it the number on the icon does not change.
    #[serde(default)]
    pub entry_activity: String,
}

fn public_token_url() -> String {
    "https://iam.developer.honor.com/auth/token".to_owned()
}

fn public_base_url() -> String {
    "https://push-api.cloud.honor.com".to_owned()
}

impl Credentials {
    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        check_filled(&[
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
        ])?;
        check_urls(&[("token_url", &self.token_url), ("base_url", &self.base_url)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_refused_and_the_secret_is_hidden() {
        let json = r#"{"app_id":"1","client_id":"2","client_secret":"s3cr3t"}"#;
        let credentials: Credentials = serde_json::from_str(json).unwrap();
        assert_eq!(credentials.base_url, "https://push-api.cloud.honor.com");
        assert!(!format!("{credentials:?}").contains("s3cr3t"));
        let unknown = json.replace("app_id", "appid");
        assert!(serde_json::from_str::<Credentials>(&unknown).is_err());
    }
}
