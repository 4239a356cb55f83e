//! What vivo's console gives an app.

use pushtally_model::Secret;
use serde::Deserialize;

use crate::contract::Failure;
use crate::credentials::{check_filled, check_urls, secret};

/// An app at vivo.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Its AppID.
    pub app_id: String,
    /// Its AppKey.
    #[serde(deserialize_with = "secret")]
    pub app_key: Secret,
    /// Its AppSecret.
    #[serde(deserialize_with = "secret")]
    pub app_secret: Secret,
    /// The console's id of the address for receipts. Without it only pushes to one target have receipts.
    #[serde(default)]
    pub callback_id: String,
    /// Where vivo is, unless it is somewhere else.
    #[serde(default = "base_url")]
    pub base_url: String,
}

fn base_url() -> String {
    "https://api-push.vivo.com.cn".to_owned()
}

impl Credentials {
    /// The AppID as vivo compares it: without blanks around it.
    pub(super) fn app_id(&self) -> &str {
        self.app_id.trim()
    }

    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        check_filled(&[
            ("app_id", self.app_id()),
            ("app_key", self.app_key.expose()),
            ("app_secret", self.app_secret.expose()),
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
        let text = r#"{"app_id":" 10001 ","app_key":"k1\n","app_secret":"s1"}"#;
        let credentials: Credentials = serde_json::from_str(text).unwrap();
        assert_eq!(credentials.app_id(), "10001");
        assert_eq!(credentials.app_key.expose(), "k1");
        assert_eq!(credentials.base_url, "https://api-push.vivo.com.cn");
        assert_eq!(credentials.check(), Ok(()));
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("k1") && !shown.contains("s1"), "{shown}");
    }

    #[test]
    fn unknown_names_are_errors_and_empty_values_are_named() {
        let unknown = r#"{"app_id":"1","app_key":"k","app_secret":"s","master_secret":"m"}"#;
        assert!(serde_json::from_str::<Credentials>(unknown).is_err());
        let empty = r#"{"app_id":"1","app_key":"","app_secret":"s"}"#;
        let credentials: Credentials = serde_json::from_str(empty).unwrap();
        assert_eq!(
            credentials.check(),
            Err(misconfigured("`app_key` is empty"))
        );
    }
}
