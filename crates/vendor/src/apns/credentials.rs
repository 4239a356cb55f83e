//! What Apple's developer account gives an app.

use pushtally_model::{Environment, Secret};
use serde::Deserialize;

use crate::contract::Failure;
use crate::credentials::{check_urls, misconfigured, secret};

/// A signing key of a team, and the app it is used for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The team, 10 characters.
    pub team_id: String,
    /// The key, 10 characters.
    pub key_id: String,
    /// What the `.p8` file holds.
    #[serde(deserialize_with = "secret")]
    pub private_key: Secret,
    /// The app.
    pub bundle_id: String,
    /// Where the key is good.
    #[serde(default)]
    pub environments: Environments,
    /// Where published apps' pushes go.
    #[serde(default = "production_url")]
    pub production_url: String,
    /// Where pushes of apps under development go.
    #[serde(default = "sandbox_url")]
    pub sandbox_url: String,
}

/// Where a key is good: Apple lets a key be made for one environment only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environments {
    /// In both.
    #[default]
    Both,
    /// For published apps.
    Production,
    /// For apps under development.
    Sandbox,
}

fn production_url() -> String {
    "https://api.push.apple.com".to_owned()
}

fn sandbox_url() -> String {
    "https://api.sandbox.push.apple.com".to_owned()
}

impl Credentials {
    /// Where a token of this environment is called; `None` where the key is not good.
    pub(super) fn base_url(&self, environment: Environment) -> Option<&str> {
        match (environment, self.environments) {
            (Environment::Production, Environments::Both | Environments::Production) => {
                Some(&self.production_url)
            }
            (Environment::Sandbox, Environments::Both | Environments::Sandbox) => {
                Some(&self.sandbox_url)
            }
            (Environment::Production, Environments::Sandbox)
            | (Environment::Sandbox, Environments::Production) => None,
        }
    }

    /// Whether a call can be made of them at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let is_name = |name: &str, others: &str| {
            let fits = |char: char| char.is_ascii_alphanumeric() || others.contains(char);
            !name.is_empty() && name.chars().all(fits)
        };
        if !is_name(&self.bundle_id, "-._") {
            return Err(misconfigured("`bundle_id` is not the id of an app"));
        }
        if !is_name(&self.team_id, "") || !is_name(&self.key_id, "") {
            return Err(misconfigured(
                "`team_id` and `key_id` are letters and digits",
            ));
        }
        check_urls(&[
            ("production_url", &self.production_url),
            ("sandbox_url", &self.sandbox_url),
        ])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Credentials with the test key.
    pub(crate) fn sample() -> Credentials {
        let text = serde_json::json!({
            "team_id": "TEAM123456",
            "key_id": "ABC123DEFG",
            "private_key": crate::given::EC_PRIVATE,
            "bundle_id": "com.example.acme",
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn addresses_are_apples_unless_said_and_follow_the_environment() {
        let check = |environments, environment, expected: Option<&str>| {
            let mut credentials = sample();
            credentials.environments = environments;
            assert_eq!(credentials.base_url(environment), expected);
        };
        let production = Some("https://api.push.apple.com");
        let sandbox = Some("https://api.sandbox.push.apple.com");
        check(Environments::Both, Environment::Production, production);
        check(Environments::Both, Environment::Sandbox, sandbox);
        check(
            Environments::Production,
            Environment::Production,
            production,
        );
        check(Environments::Production, Environment::Sandbox, None);
        check(Environments::Sandbox, Environment::Production, None);
        check(Environments::Sandbox, Environment::Sandbox, sandbox);
    }

    #[test]
    fn debug_shows_no_secret_and_unknown_fields_are_refused() {
        let shown = format!("{:?}", sample());
        assert!(shown.contains("TEAM123456") && !shown.contains("PRIVATE"));
        let text = r#"{"team_id":"t","key_id":"k","private_key":"p","bundle_id":"b","x":1}"#;
        assert!(serde_json::from_str::<Credentials>(text).is_err());
    }
}
