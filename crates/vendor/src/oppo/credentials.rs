//! What OPPO's console gives an app.

use pushtally_model::Secret;
use serde::Deserialize;

use crate::contract::Failure;
use crate::credentials::{check_filled, check_urls, secret};

/// An app at OPPO.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Its AppKey.
    #[serde(deserialize_with = "secret")]
    pub app_key: Secret,
    /// Its MasterSecret: the one for servers. The AppSecret is for the app itself and signs nothing here.
    #[serde(deserialize_with = "secret")]
    pub master_secret: Secret,
    /// The channel of pushes that name none; none when empty.
    #[serde(default)]
    pub channel_id: String,
    /// Where OPPO is: in China unless it says otherwise.
    #[serde(default = "base_url")]
    pub base_url: String,
}

fn base_url() -> String {
    "https://api.push.oppomobile.com".to_owned()
}

impl Credentials {
    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        check_filled(&[
            ("app_key", self.app_key.expose()),
            ("master_secret", self.master_secret.expose()),
        ])?;
        check_urls(&[("base_url", &self.base_url)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::misconfigured;

    #[test]
    fn they_are_read_with_defaults_and_print_no_secret() {
        let text = r#"{"app_key":" k1 ","master_secret":"m1"}"#;
        let credentials: Credentials = serde_json::from_str(text).unwrap();
        assert_eq!(credentials.app_key.expose(), "k1");
        assert_eq!(credentials.base_url, "https://api.push.oppomobile.com");
        assert_eq!(credentials.check(), Ok(()));
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("k1") && !shown.contains("m1"), "{shown}");
    }

    #[test]
    fn unknown_names_are_errors_and_empty_values_are_named() {
        let unknown = r#"{"app_key":"k","master_secret":"m","app_secret":"s"}"#;
        assert!(serde_json::from_str::<Credentials>(unknown).is_err());
        let empty = r#"{"app_key":"k","master_secret":" "}"#;
        let credentials: Credentials = serde_json::from_str(empty).unwrap();
        assert_eq!(
            credentials.check(),
            Err(misconfigured("`master_secret` is empty"))
        );
    }
}
