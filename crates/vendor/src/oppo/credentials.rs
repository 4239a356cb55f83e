//! What OPPO's console gives an app.

use pushtally_model::Secret;
use serde::Deserialize;

use crate::credentials::{base, secret};

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
    /// The address of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", base(&self.base_url))
    }

    /// What is missing, by its name.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let parts = [
            (self.app_key.expose(), "app_key"),
            (self.master_secret.expose(), "master_secret"),
            (base(&self.base_url), "base_url"),
        ];
        let missing = parts.into_iter().find(|(value, _)| value.is_empty());
        missing.map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_with_defaults_and_print_no_secret() {
        let text = r#"{"app_key":" k1 ","master_secret":"m1"}"#;
        let credentials: Credentials = serde_json::from_str(text).unwrap();
        assert_eq!(credentials.app_key.expose(), "k1");
        assert_eq!(credentials.url("/x"), "https://api.push.oppomobile.com/x");
        assert_eq!(credentials.missing(), None);
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("k1") && !shown.contains("m1"), "{shown}");
    }

    #[test]
    fn unknown_names_are_errors_and_empty_values_are_named() {
        let unknown = r#"{"app_key":"k","master_secret":"m","app_secret":"s"}"#;
        assert!(serde_json::from_str::<Credentials>(unknown).is_err());
        let empty = r#"{"app_key":"k","master_secret":" "}"#;
        let credentials: Credentials = serde_json::from_str(empty).unwrap();
        assert_eq!(credentials.missing(), Some("master_secret"));
    }
}
