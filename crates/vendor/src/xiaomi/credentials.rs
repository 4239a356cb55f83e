//! What Xiaomi's console gives an app.

use http::HeaderValue;
use pushtally_model::Secret;
use serde::Deserialize;

use crate::contract::Failure;
use crate::credentials::{check_filled, check_urls, misconfigured, secret};

/// What Xiaomi's console gives an app.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// `AppSecret`.
    #[serde(deserialize_with = "secret")]
    pub app_secret: Secret,
    /// The app's package.
    pub package: String,
    /// The channel of notifications that name none; empty for none, which is Xiaomi's public quota.
    #[serde(default)]
    pub channel_id: String,
    /// Where the API is: other hosts serve apps outside China.
    #[serde(default = "base_url")]
    pub base_url: String,
}

fn base_url() -> String {
    "https://api.xmpush.xiaomi.com".to_owned()
}

impl Credentials {
    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        check_filled(&[
            ("app_secret", self.app_secret.expose()),
            ("package", &self.package),
        ])?;
        if HeaderValue::from_str(self.app_secret.expose()).is_err() {
            return Err(misconfigured("`app_secret` cannot be put into a header"));
        }
        check_urls(&[("base_url", &self.base_url)])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_have_defaults_and_hide_the_secret() {
        let credentials = json!({"app_secret": "EXAMPLESECRET0000", "package": "com.example.acme"});
        let credentials: Credentials = serde_json::from_value(credentials).unwrap();
        assert_eq!(credentials.base_url, "https://api.xmpush.xiaomi.com");
        assert_eq!(credentials.channel_id, "");
        assert_eq!(credentials.check(), Ok(()));
        assert!(!format!("{credentials:?}").contains("EXAMPLE"));
        let unknown = json!({"app_secret": "s", "package": "p", "pakage": "p"});
        assert!(serde_json::from_value::<Credentials>(unknown).is_err());
    }

    #[test]
    fn what_makes_no_call_is_a_wrong_configuration() {
        for (secret, package, base_url) in [
            ("", "p", "https://a.example"),
            ("a\nb", "p", "https://a.example"),
            ("s", "", "https://a.example"),
            ("s", "p", "a.example"),
        ] {
            let credentials = Credentials {
                app_secret: Secret::new(secret),
                package: package.to_owned(),
                channel_id: String::new(),
                base_url: base_url.to_owned(),
            };
            let checked = credentials.check();
            assert!(
                matches!(checked, Err(Failure::Misconfigured(_))),
                "{credentials:?}"
            );
        }
    }
}
