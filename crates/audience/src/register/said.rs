//! What a client says of its device, judged field by field: pure, and the first fault is told with its field.
//!
//! It knows no JSON: `http` hands texts over. Names of values are those of `docs/DEVICE-PROTOCOL.md`.

use std::borrow::Cow;

use pushtally_model::{
    Channel, DeviceFacts, Environment, Permission, Second, Secret, Token, TokenKind,
};
use pushtally_store::DeviceChange;

/// A field that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be {rule}")]
pub struct FieldError {
    /// The field, such as `tokens[1].channel`.
    pub field: Cow<'static, str>,
    /// What is allowed.
    pub rule: &'static str,
    /// What it held; `None` for what must not be repeated.
    pub value: Option<String>,
}

/// One field of what a client says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Said<T> {
    /// The client did not mention it.
    #[default]
    Nothing,
    /// The client says that there is none (`null`).
    None,
    /// The client says this.
    This(T),
}

/// A token as a client says it.
#[derive(Debug, Clone)]
pub struct SaidToken<'a> {
    /// The vendor's name.
    pub channel: Cow<'a, str>,
    /// `alert` when absent.
    pub kind: Option<Cow<'a, str>>,
    /// The token.
    pub value: Secret,
    /// Which of the app's credentials.
    pub cert_id: u32,
    /// `production` when absent.
    pub environment: Option<Cow<'a, str>>,
}

/// Everything that a client may say of its device.
#[derive(Debug, Clone, Default)]
pub struct SaidFacts<'a> {
    /// All tokens it has.
    pub tokens: Said<Vec<SaidToken<'a>>>,
    /// The vendor that would reach it.
    pub vendor: Said<Cow<'a, str>>,
    /// The phone's model.
    pub model: Said<Cow<'a, str>>,
    /// Its operating system.
    pub system: Said<Cow<'a, str>>,
    /// The operating system's version.
    pub system_version: Said<Cow<'a, str>>,
    /// The app's version.
    pub app_version: Said<Cow<'a, str>>,
    /// The version of the client library.
    pub sdk_version: Said<Cow<'a, str>>,
    /// `granted` or `denied`.
    pub notifications: Said<Cow<'a, str>>,
    /// Language tag.
    pub language: Said<Cow<'a, str>>,
}

const CHANNEL_RULE: &str =
    "`apns`, `xiaomi`, `huawei`, `harmony`, `fcm`, `meizu`, `oppo`, `vivo` or `honor`";
const KIND_RULE: &str = "`alert`, or for `apns` also `voip` or `live_activity`";
const ENVIRONMENT_RULE: &str = "`production` or `sandbox`";
const PERMISSION_RULE: &str = "`granted` or `denied`";
const TEXT_RULE: &str = "at most 64 bytes without control characters";
const TOKEN_RULE: &str = "1 to 4096 bytes without control characters";
const TOKENS_RULE: &str = "at most 12 tokens";
const TWICE_RULE: &str = "another one: the device has a token of this channel and kind already";

impl SaidFacts<'_> {
    /// Everything a device is, from all that its client says: what is left out is not known.
    pub fn facts(self) -> Result<DeviceFacts, FieldError> {
        let change = self.change()?;
        Ok(DeviceFacts {
            tokens: change.tokens.unwrap_or_default(),
            vendor: change.vendor.flatten(),
            model: change.model.unwrap_or_default(),
            system: change.system.unwrap_or_default(),
            system_version: change.system_version.unwrap_or_default(),
            app_version: change.app_version.unwrap_or_default(),
            sdk_version: change.sdk_version.unwrap_or_default(),
            notifications: change.notifications.unwrap_or_default(),
            language: change.language.unwrap_or_default(),
        })
    }

    /// What is different now: what is left out stays.
    pub fn change(self) -> Result<DeviceChange, FieldError> {
        Ok(DeviceChange {
            at: Second::default(),
            tokens: match self.tokens {
                Said::Nothing => None,
                Said::None => Some(Vec::new()),
                Said::This(tokens) => Some(read_tokens(tokens)?),
            },
            vendor: match self.vendor {
                Said::Nothing => None,
                Said::None => Some(None),
                Said::This(name) => Some(Some(vendor("vendor", &name)?)),
            },
            model: text("model", self.model)?,
            system: text("system", self.system)?,
            system_version: text("system_version", self.system_version)?,
            app_version: text("app_version", self.app_version)?,
            sdk_version: text("sdk_version", self.sdk_version)?,
            notifications: match self.notifications {
                Said::Nothing => None,
                Said::None => Some(Permission::Unknown),
                Said::This(name) => Some(permission(&name)?),
            },
            language: text("language", self.language)?,
        })
    }
}

fn refuse(field: impl Into<Cow<'static, str>>, rule: &'static str, value: &str) -> FieldError {
    FieldError {
        value: Some(value.to_owned()),
        ..hide(field, rule)
    }
}

fn hide(field: impl Into<Cow<'static, str>>, rule: &'static str) -> FieldError {
    FieldError {
        field: field.into(),
        rule,
        value: None,
    }
}

fn text(field: &'static str, said: Said<Cow<'_, str>>) -> Result<Option<String>, FieldError> {
    match said {
        Said::Nothing => Ok(None),
        Said::None => Ok(Some(String::new())),
        Said::This(text) if is_sound(&text, DeviceFacts::TEXT_LEN_MAX) => {
            Ok(Some(text.into_owned()))
        }
        Said::This(text) => Err(refuse(field, TEXT_RULE, &text)),
    }
}

/// Texts and tokens end up in requests to vendors and in terminals: nothing in them may be taken for more than text.
fn is_sound(text: &str, len_max: usize) -> bool {
    text.len() <= len_max && !text.chars().any(char::is_control)
}

fn vendor(field: impl Into<Cow<'static, str>>, name: &str) -> Result<Channel, FieldError> {
    let vendors = Channel::ALL
        .into_iter()
        .filter(|channel| !matches!(channel, Channel::Unknown | Channel::Online));
    let mut named = vendors.filter(|channel| channel.name() == name);
    named
        .next()
        .ok_or_else(|| refuse(field, CHANNEL_RULE, name))
}

fn permission(name: &str) -> Result<Permission, FieldError> {
    match name {
        "granted" => Ok(Permission::Granted),
        "denied" => Ok(Permission::Denied),
        _ => Err(refuse("notifications", PERMISSION_RULE, name)),
    }
}

/// Ordered by channel and kind, as a device keeps them: the order in which a client names them means nothing.
fn read_tokens(said: Vec<SaidToken<'_>>) -> Result<Vec<Token>, FieldError> {
    if said.len() > DeviceFacts::TOKENS_MAX {
        return Err(refuse("tokens", TOKENS_RULE, &said.len().to_string()));
    }
    let mut tokens: Vec<Token> = Vec::with_capacity(said.len());
    for (index, said) in said.into_iter().enumerate() {
        let token = read_token(index, said)?;
        let place = (token.channel, token.kind);
        match tokens.binary_search_by_key(&place, |token| (token.channel, token.kind)) {
            Ok(_) => return Err(hide(format!("tokens[{index}]"), TWICE_RULE)),
            Err(at) => tokens.insert(at, token),
        }
    }
    Ok(tokens)
}

fn read_token(index: usize, said: SaidToken<'_>) -> Result<Token, FieldError> {
    let field = |name: &str| format!("tokens[{index}].{name}");
    let channel = match vendor("", &said.channel) {
        Ok(channel) => channel,
        Err(_) => return Err(refuse(field("channel"), CHANNEL_RULE, &said.channel)),
    };
    let kind = match said.kind.as_deref() {
        None | Some("alert") => TokenKind::Alert,
        Some("voip") if channel == Channel::Apns => TokenKind::Voip,
        Some("live_activity") if channel == Channel::Apns => TokenKind::LiveActivity,
        Some(name) => return Err(refuse(field("kind"), KIND_RULE, name)),
    };
    let environment = match said.environment.as_deref() {
        None | Some("production") => Environment::Production,
        Some("sandbox") => Environment::Sandbox,
        Some(name) => return Err(refuse(field("environment"), ENVIRONMENT_RULE, name)),
    };
    let text = said.value.expose();
    if text.is_empty() || !is_sound(text, Token::LEN_MAX) {
        return Err(hide(field("token"), TOKEN_RULE));
    }
    Ok(Token {
        channel,
        kind,
        value: said.value,
        cert_id: said.cert_id,
        environment,
    })
}

#[cfg(test)]
mod tests;
