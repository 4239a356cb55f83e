//! The JSON of a device's calls: fields stay raw until they are read, so that a wrong one can be named and repeated.
//!
//! Rules about values are `pushtally_audience`'s; here is only what is a text, a number, a list.

use std::borrow::Cow;

use pushtally_audience::{DeviceSecret, FieldError, Said, SaidFacts, SaidToken};
use pushtally_model::{Account, RegistrationId, Secret};
use pushtally_online::repeated_field;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::problem::Problem;

pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Keeps `null` apart from nothing at all.
fn raw<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Raw<'a>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// All fields of all calls. Those that a call does not have are ignored like any unknown one.
#[derive(Debug, Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow, default, deserialize_with = "raw")]
    pub(super) client_key: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    pub(super) registration_id: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    pub(super) secret: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    pub(super) account: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    pub(super) usersig: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    tokens: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    vendor: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    model: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    system: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    system_version: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    app_version: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    sdk_version: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    notifications: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    language: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct TokenFields<'a> {
    #[serde(borrow, default, deserialize_with = "raw")]
    channel: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    kind: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    token: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    cert_id: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    environment: Raw<'a>,
}

impl<'a> Fields<'a> {
    /// Reads a body: one JSON object that says no field twice.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        let Ok(text) = std::str::from_utf8(body) else {
            return Err(Problem::bad_request("body must be UTF-8"));
        };
        // A list would be taken for the fields in their order.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(Problem::bad_request("body must be a JSON object"));
        }
        serde_json::from_str(text).map_err(|error| {
            let place = format!("line `{}`, column `{}`", error.line(), error.column());
            match repeated_field(&error) {
                Some(field) => {
                    let told = format!("`{field}` must be said once, {place}");
                    Problem::bad_request(told).of(field)
                }
                None => Problem::bad_request(format!("body must be JSON, {place}")),
            }
        })
    }

    /// What the client says of its device.
    pub(super) fn facts(&self) -> Result<SaidFacts<'a>, Problem> {
        Ok(SaidFacts {
            tokens: match self.tokens {
                None => Said::Nothing,
                Some(raw) if raw.get() == "null" => Said::None,
                Some(raw) => Said::This(tokens(raw)?),
            },
            vendor: said("vendor", self.vendor)?,
            model: said("model", self.model)?,
            system: said("system", self.system)?,
            system_version: said("system_version", self.system_version)?,
            app_version: said("app_version", self.app_version)?,
            sdk_version: said("sdk_version", self.sdk_version)?,
            notifications: said("notifications", self.notifications)?,
            language: said("language", self.language)?,
        })
    }
}

/// Which phone, and who is signed in on it.
pub(super) struct Names {
    pub(super) registration_id: Option<RegistrationId>,
    pub(super) secret: Option<DeviceSecret>,
    pub(super) account: Option<Account>,
}

impl Names {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Problem> {
        let registration_id = text(|| "registration_id".to_owned(), fields.registration_id)?;
        let registration_id = registration_id.map(|text| {
            RegistrationId::new(text.as_ref()).map_err(|error| {
                let told = format!("`registration_id` {error}");
                Problem::bad_request(told).at("registration_id", &text)
            })
        });
        let secret = hidden(|| "secret".to_owned(), fields.secret)?;
        let secret = secret.map(|text| {
            DeviceSecret::parse(text.expose()).ok_or_else(|| {
                Problem::bad_request("`secret` must be 32 hexadecimal digits").of("secret")
            })
        });
        let account = text(|| "account".to_owned(), fields.account)?;
        let account = account.map(|text| {
            Account::new(text.as_ref()).map_err(|error| {
                Problem::bad_request(format!("`account` {error}")).at("account", &text)
            })
        });
        Ok(Self {
            registration_id: registration_id.transpose()?,
            secret: secret.transpose()?,
            account: account.transpose()?,
        })
    }
}

fn tokens<'a>(raw: &'a RawValue) -> Result<Vec<SaidToken<'a>>, Problem> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|_| Problem::bad_request("`tokens` must be a list").of("tokens"))?;
    list.into_iter()
        .enumerate()
        .map(|(index, raw)| token(index, raw))
        .collect()
}

/// A token's own value is never repeated, so neither is what holds it.
fn token<'a>(index: usize, raw: &'a RawValue) -> Result<SaidToken<'a>, Problem> {
    let name = |field: &str| format!("tokens[{index}].{field}");
    let fields = Some(raw.get()).filter(|text| text.starts_with('{'));
    let fields = fields.and_then(|text| serde_json::from_str::<TokenFields<'_>>(text).ok());
    let Some(fields) = fields else {
        let field = format!("tokens[{index}]");
        let told = format!("`{field}` must be an object that says each field once");
        return Err(Problem::bad_request(told).of(field));
    };
    let cert_id = match fields.cert_id.map(RawValue::get) {
        None | Some("null") => 0,
        Some(text) => text.parse().map_err(|_| {
            let field = name("cert_id");
            Problem::bad_request(format!("`{field}` must be 0 to 4294967295")).at(field, text)
        })?,
    };
    let channel = text(|| name("channel"), fields.channel)?;
    let value = hidden(|| name("token"), fields.token)?;
    Ok(SaidToken {
        channel: channel.ok_or_else(|| missing(name("channel")))?,
        kind: text(|| name("kind"), fields.kind)?,
        value: value.ok_or_else(|| missing(name("token")))?,
        cert_id,
        environment: text(|| name("environment"), fields.environment)?,
    })
}

pub(super) fn missing(field: impl Into<Cow<'static, str>>) -> Problem {
    let field = field.into();
    Problem::bad_request(format!("`{field}` is missing")).of(field)
}

fn said<'a>(field: &'static str, raw: Raw<'a>) -> Result<Said<Cow<'a, str>>, Problem> {
    Ok(match text(|| field.to_owned(), raw)? {
        Some(text) => Said::This(text),
        None if raw.is_some() => Said::None,
        None => Said::Nothing,
    })
}

/// A text, borrowed unless it has escapes; `None` when it is absent or `null`.
pub(super) fn text<'a>(
    field: impl Fn() -> String,
    raw: Raw<'a>,
) -> Result<Option<Cow<'a, str>>, Problem> {
    match raw.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(json) => match unquote(json) {
            Some(text) => Ok(Some(text)),
            None => {
                let field = field();
                Err(Problem::bad_request(format!("`{field}` must be a text")).at(field, json))
            }
        },
    }
}

/// The same for what is never repeated.
pub(super) fn hidden(field: impl Fn() -> String, raw: Raw<'_>) -> Result<Option<Secret>, Problem> {
    let text = text(field, raw).map_err(|problem| Problem {
        value: None,
        ..problem
    })?;
    Ok(text.map(|text| Secret::new(text.into_owned())))
}

/// A sound JSON value as text, if it is one. Without a backslash it stands there as it is.
fn unquote(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// A broken rule, told to the client.
impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        let problem = Self::bad_request(error.to_string());
        match error.value {
            Some(value) => problem.at(error.field, &value),
            None => problem.of(error.field),
        }
    }
}
