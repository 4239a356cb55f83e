//! Acts on apps. What the configuration declares it owns: every change of it is refused, naming the line.

use pushtally_model::{App, AppId, Secret};
use pushtally_webhook::Target;

use super::{ActError, Acts, AppRow, Done, KEYS_MAX, NewApp, NewToken};

/// Bytes of a generated key, which has twice as many hexadecimal digits: as Tencent's keys.
const KEY_LEN: usize = 32;
/// Bytes of a generated callback token or client key.
const TOKEN_LEN: usize = 16;

impl Acts {
    pub(super) async fn add_app(&self, new: NewApp) -> Result<Done, ActError> {
        let id = AppId(new.sdkappid);
        if id.0 == 0 {
            return Err(ActError::ZeroId);
        }
        self.refuse_declared(id)?;
        if self.directory.get(id).is_some() {
            return Err(ActError::Exists { app: id });
        }
        let (key, shown_key) = match new.key {
            Some(key) => (given(key, "key")?, None),
            None => self.generate(KEY_LEN)?,
        };
        let mut app = App::new(id, key);
        let (shown_token, shown_client_key);
        (app.callback_token, shown_token) = self.token(new.callback_token, "callback token")?;
        (app.client_key, shown_client_key) = self.token(new.client_key, "client key")?;
        if !new.administrators.is_empty() {
            for name in &new.administrators {
                pushtally_usersig::validate_identifier(name).map_err(|source| {
                    ActError::Administrator {
                        name: name.clone(),
                        source,
                    }
                })?;
            }
            app.administrators = new.administrators;
        }
        if let Some(url) = new.relay_to {
            Target::parse(&url)?;
            app.relay_to = Some(url);
        }
        let administrators = app.administrators.clone();
        self.store(app).await?;
        self.note(id, "app add", "").await;
        Ok(Done::AppAdded {
            administrators,
            key: shown_key,
            callback_token: shown_token,
            client_key: shown_client_key,
        })
    }

    pub(super) fn list_apps(&self) -> Done {
        let row = |app: &App| AppRow {
            sdkappid: app.id.0,
            enabled: app.enabled,
            keys: app.keys.len(),
            administrators: app.administrators.clone(),
            has_callback_token: app.callback_token.is_some(),
            has_client_key: app.client_key.is_some(),
            has_relay: app.relay_to.is_some(),
            declared_at: self.declared_at(app.id),
        };
        Done::Apps {
            apps: self.directory.all().values().map(|app| row(app)).collect(),
        }
    }

    pub(super) async fn rotate_key(&self, id: AppId) -> Result<Done, ActError> {
        let mut app = self.changeable(id)?;
        if app.keys.len() >= KEYS_MAX {
            return Err(ActError::TooManyKeys { app: id });
        }
        let (key, shown) = self.generate(KEY_LEN)?;
        app.keys.insert(0, key);
        let keys = app.keys.len();
        self.store(app).await?;
        self.note(id, "app rotate-key", "").await;
        Ok(Done::KeyRotated {
            key: shown.unwrap_or_default(),
            keys,
        })
    }

    pub(super) async fn drop_old_keys(&self, id: AppId) -> Result<Done, ActError> {
        let mut app = self.changeable(id)?;
        let dropped = app.keys.len().saturating_sub(1);
        app.keys.truncate(1);
        self.store(app).await?;
        self.note(id, "app drop-old-keys", "").await;
        Ok(Done::OldKeysDropped { dropped })
    }

    /// One client key holds at a time: copies of the app that carry the one before register no more.
    pub(super) async fn rotate_client_key(&self, id: AppId) -> Result<Done, ActError> {
        let mut app = self.changeable(id)?;
        let (key, shown) = self.generate(TOKEN_LEN)?;
        let replaced = app.client_key.replace(key).is_some();
        self.store(app).await?;
        self.note(id, "app rotate-client-key", "").await;
        Ok(Done::ClientKeyRotated {
            client_key: shown.unwrap_or_default(),
            replaced,
        })
    }

    /// An app that lives in the store.
    pub(super) fn changeable(&self, id: AppId) -> Result<App, ActError> {
        self.refuse_declared(id)?;
        let app = self
            .directory
            .get(id)
            .ok_or(ActError::Missing { app: id })?;
        Ok(App::clone(&app))
    }

    fn refuse_declared(&self, id: AppId) -> Result<(), ActError> {
        match self.declared_at(id) {
            Some(at) => Err(ActError::Declared { app: id, at }),
            None => Ok(()),
        }
    }

    pub(super) async fn store(&self, app: App) -> Result<(), ActError> {
        self.opened.engine.apps.put(&app).await?;
        Ok(self.refresh().await?)
    }

    /// A token from where it comes, and its text if that is shown.
    fn token(
        &self,
        new: NewToken,
        what: &'static str,
    ) -> Result<(Option<Secret>, Option<String>), ActError> {
        Ok(match new {
            NewToken::None => (None, None),
            NewToken::Given(token) => (Some(given(token, what)?), None),
            NewToken::Generated => {
                let (token, shown) = self.generate(TOKEN_LEN)?;
                (Some(token), shown)
            }
        })
    }

    /// A new secret, and the text of it that is shown this once.
    fn generate(&self, len: usize) -> Result<(Secret, Option<String>), ActError> {
        let mut bytes = vec![0; len];
        self.entropy.fill(&mut bytes).map_err(ActError::Entropy)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((Secret::new(text.as_str()), Some(text)))
    }
}

fn given(secret: String, what: &'static str) -> Result<Secret, ActError> {
    if secret.is_empty() {
        Err(ActError::Empty { what })
    } else {
        Ok(Secret::new(secret))
    }
}
