//! Registering and unregistering a phone over HTTP.

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::identity::Identity;
use crate::place::Place;

/// What a registration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The device is new.
    New,
    /// The server knew it already.
    Known,
}

impl Place {
    /// Registers a phone; repeating it is harmless.
    pub async fn register(&self, identity: &Identity) -> Result<Registered, Error> {
        let path = format!("/v1/devices?sdkappid={}", self.app);
        let body = self.registration(identity);
        let answer = self
            .calls
            .call("POST", &path, None, &body)
            .await?
            .accepted()?;
        let body = answer.json();
        if body["registration_id"] != *identity.registration_id {
            return Err(Error::Strange(body.to_string()));
        }
        match body["new"].as_bool() {
            Some(true) => Ok(Registered::New),
            Some(false) => Ok(Registered::Known),
            None => Err(Error::Strange(body.to_string())),
        }
    }

    /// Unregisters a phone; false when it was not registered.
    pub async fn unregister(&self, identity: &Identity) -> Result<bool, Error> {
        let path = format!(
            "/v1/devices/{}?sdkappid={}",
            identity.registration_id, self.app
        );
        let answer = self
            .calls
            .call("DELETE", &path, Some(&identity.secret), "")
            .await?
            .accepted()?;
        Ok(answer.json()["changed"] == true)
    }

    /// The body that registers a phone.
    #[must_use]
    pub fn registration(&self, identity: &Identity) -> String {
        let mut body = Map::new();
        let mut put = |name: &str, value: &str| body.insert(name.to_owned(), Value::from(value));
        put("client_key", &self.client_key);
        put("registration_id", &identity.registration_id);
        put("secret", &identity.secret);
        if let Some(binding) = &identity.binding {
            put("account", &binding.account);
            put("usersig", &binding.usersig);
        }
        put("model", "Simulated");
        put("system", "none");
        put("sdk_version", env!("CARGO_PKG_VERSION"));
        put("notifications", "granted");
        put("language", "en");
        if let Some(token) = &identity.token {
            let tokens = json!([{"channel": token.channel, "token": token.token}]);
            body.insert("tokens".to_owned(), tokens);
        }
        Value::Object(body).to_string()
    }
}
