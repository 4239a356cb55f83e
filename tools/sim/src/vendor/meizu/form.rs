//! The form of a message by pushId, its sign, and what Meizu finds wrong with one.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde_json::Value;

use super::{MeizuApp, Received, Taken};
use crate::vendor::hex;

/// What Meizu refuses a call with.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { code, reason }
    }
}

const PARAMETER: &str = "1005";
const SIGN: &str = "1006";
const APP_ID: &str = "110000";
const EMPTY: &str = "110004";
const LIMIT: &str = "110051";

const TOKENS_MAX: usize = 100;
const TITLE_LEN_MAX: usize = 32;
const TEXT_LEN_MAX: usize = 100;
const NOTIFY_KEY_LEN_MAX: usize = 8;
const CALLBACK_LEN_MAX: usize = 128;
const CALLBACK_PARAMETER_LEN_MAX: usize = 64;

/// A message that Meizu would send.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) tokens: Vec<String>,
    title: String,
    text: String,
    notify_key: String,
    callback: String,
    callback_param: String,
    callback_kinds: String,
}

/// A refusal of a parameter.
fn refused<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(PARAMETER, reason))
}

/// The sign of a form: its pairs by name, nothing between them, then the secret.
pub(super) fn sign(fields: &BTreeMap<String, String>, app_secret: &str) -> String {
    let mut hasher = Md5::new();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "sign") {
        hasher.update(name);
        hasher.update("=");
        hasher.update(value);
    }
    hasher.update(app_secret);
    hex(&hasher.finalize())
}

impl Message {
    /// Reads a request as Meizu does: whose it is, then what it says.
    pub(super) fn read(app: &MeizuApp, received: &Received) -> Result<Self, Refusal> {
        let Some(fields) = received.form() else {
            return refused("not a form");
        };
        let field = |name: &str| match fields.get(name) {
            Some(value) => Ok(value.as_str()),
            None => refused(format!("{name} is missing")),
        };
        if field("appId")? != app.app_id {
            return Err(Refusal::new(APP_ID, "appId is not valid"));
        }
        if field("sign")? != sign(&fields, &app.app_secret) {
            return Err(Refusal::new(SIGN, "sign is not valid"));
        }
        let tokens = tokens(field("pushIds")?)?;
        let message: Value = match serde_json::from_str(field("messageJson")?) {
            Ok(message) => message,
            Err(_) => return refused("messageJson is not valid"),
        };
        let read = Self {
            tokens,
            title: text(&message, "/noticeBarInfo/title", 1, TITLE_LEN_MAX)?,
            text: text(&message, "/noticeBarInfo/content", 1, TEXT_LEN_MAX)?,
            notify_key: text(&message, "/advanceInfo/notifyKey", 0, NOTIFY_KEY_LEN_MAX)?,
            callback: text(&message, "/extra/callback", 0, CALLBACK_LEN_MAX)?,
            callback_param: text(
                &message,
                "/extra/callback.param",
                0,
                CALLBACK_PARAMETER_LEN_MAX,
            )?,
            callback_kinds: kinds(&message)?,
        };
        check_numbers(&message)?;
        check_callback(app, &read.callback)?;
        Ok(read)
    }

    /// The message as one token gets it.
    pub(super) fn taken(&self, token: &str, id: &str) -> Taken {
        let kinds = if self.callback.is_empty() {
            ""
        } else {
            &self.callback_kinds
        };
        Taken {
            token: token.to_owned(),
            title: self.title.clone(),
            text: self.text.clone(),
            collapse: self.notify_key.clone(),
            mark: self.callback_param.clone(),
            receipts_url: self.callback.clone(),
            receipt_kinds: kinds.to_owned(),
            request_id: id.to_owned(),
        }
    }
}

fn tokens(push_ids: &str) -> Result<Vec<String>, Refusal> {
    let tokens: Vec<_> = push_ids.split(',').map(str::to_owned).collect();
    if tokens.iter().any(String::is_empty) {
        return Err(Refusal::new(EMPTY, "pushIds is empty"));
    }
    if tokens.len() > TOKENS_MAX {
        return Err(Refusal::new(LIMIT, "too many pushIds"));
    }
    Ok(tokens)
}

/// A text of so many characters, which are UTF-16 units here, or of so many bytes in `extra`.
fn text(message: &Value, at: &str, len_min: usize, len_max: usize) -> Result<String, Refusal> {
    let text = match message.pointer(at) {
        None if len_min == 0 => return Ok(String::new()),
        Some(Value::String(text)) => text,
        _ => return refused(format!("{at} is missing or no text")),
    };
    let len = if at.starts_with("/extra/") {
        text.len()
    } else {
        text.encode_utf16().count()
    };
    if !(len_min..=len_max).contains(&len) {
        return refused(format!("{at} is too long or too short"));
    }
    Ok(text.clone())
}

/// What receipts are asked of: 3 is both, and the default.
fn kinds(message: &Value) -> Result<String, Refusal> {
    match message.pointer("/extra/callback.type") {
        None => Ok("3".to_owned()),
        Some(Value::String(kinds)) if matches!(kinds.as_str(), "1" | "2" | "3") => {
            Ok(kinds.clone())
        }
        Some(_) => refused("/extra/callback.type is not valid"),
    }
}

fn check_numbers(message: &Value) -> Result<(), Refusal> {
    for (at, from, to) in [
        ("/noticeBarInfo/noticeMsgType", 0, 1),
        ("/clickTypeInfo/clickType", 0, 3),
        ("/pushTimeInfo/offLine", 0, 1),
        ("/pushTimeInfo/validTime", 1, 72),
        ("/advanceInfo/clearNoticeBar", 0, 1),
        ("/advanceInfo/notificationType/vibrate", 0, 1),
        ("/advanceInfo/notificationType/lights", 0, 1),
        ("/advanceInfo/notificationType/sound", 0, 1),
    ] {
        let Some(value) = message.pointer(at) else {
            continue;
        };
        let is_good = value.as_i64().is_some_and(|it| (from..=to).contains(&it));
        if !is_good {
            return refused(format!("{at} is not valid"));
        }
    }
    match message.pointer("/clickTypeInfo/parameters") {
        None | Some(Value::Object(_)) => Ok(()),
        Some(_) => refused("/clickTypeInfo/parameters is no object"),
    }
}

/// An address that the console does not know has the push itself refused.
fn check_callback(app: &MeizuApp, callback: &str) -> Result<(), Refusal> {
    let is_known = app.callbacks.is_empty() || app.callbacks.iter().any(|it| it == callback);
    if callback.is_empty() || is_known {
        Ok(())
    } else {
        refused("callback is not registered")
    }
}
