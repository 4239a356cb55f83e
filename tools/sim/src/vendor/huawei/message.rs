//! The body of a message of versions 1 and 2.

use serde_json::{Map, Value};

use super::super::fields::{Fields, Style, foreign_name, life_s};
use super::refusal::{Code, Refusal};

pub(in crate::vendor) const TOKENS_MAX: usize = 1000;
pub(in crate::vendor) const MESSAGE_LEN_MAX: usize = 4096;
pub(in crate::vendor) const LIFE_S_MAX: i64 = 1_296_000;
pub(in crate::vendor) const NOTIFY_ID_MAX: i64 = i32::MAX as i64;
const BUTTONS_MAX: usize = 3;
const CATEGORIES: [&str; 13] = [
    "IM",
    "VOIP",
    "SUBSCRIPTION",
    "TRAVEL",
    "HEALTH",
    "WORK",
    "ACCOUNT",
    "EXPRESS",
    "FINANCE",
    "DEVICE_REMINDER",
    "MAIL",
    "PLAY_VOICE",
    "MARKETING",
];

/// What a message asks for.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) tokens: Vec<String>,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) collapse: String,
    pub(super) mark: String,
    pub(super) receipt_id: String,
    pub(super) is_urgent: bool,
    pub(super) is_test: bool,
    /// Nothing is to be sent.
    pub(super) is_check: bool,
}

impl Message {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let body = object(body)?;
        let value = Value::Object(body);
        if let Some(name) = foreign_name(&value, Style::Snake) {
            return Err(Code::Structure.says(format!("{name} is no field")));
        }
        let body = value.as_object().map(Fields::of);
        let body = body.ok_or_else(|| Code::Structure.says("not an object"))?;
        if !body.has("message") {
            return Err(Code::Payload.says("message is required"));
        }
        let message = body.object("message").map_err(structure)?;
        let tokens = tokens(message)?;
        check_len(value.get("message"))?;
        let common = message.object("notification").map_err(structure)?;
        let android = message.object("android").map_err(structure)?;
        let shown = android.object("notification").map_err(structure)?;
        let is_shown = message.has("notification") || android.has("notification");
        // Android's own goes first.
        let text = |name| match shown.text(name) {
            Ok("") => common.text(name),
            other => other,
        };
        let (title, text) = (text("title")?, text("body")?);
        if is_shown {
            check_shown(common, shown, title, text)?;
        } else if message.text("data")?.is_empty() {
            return Err(Code::Payload.says("neither notification nor data"));
        }
        message.text("data")?;
        let android = Android::read(android)?;
        Ok(Self {
            tokens,
            title: title.to_owned(),
            text: text.to_owned(),
            collapse: collapse(shown, "notify_id")?,
            mark: android.mark,
            receipt_id: android.receipt_id,
            is_urgent: android.is_urgent,
            is_test: android.is_test,
            is_check: body.flag("validate_only")?,
        })
    }
}

struct Android {
    mark: String,
    receipt_id: String,
    is_urgent: bool,
    is_test: bool,
}

impl Android {
    fn read(android: Fields<'_>) -> Result<Self, Refusal> {
        let collapse_key = android.whole("collapse_key", -1, 100);
        collapse_key.map_err(|wrong| Code::CollapseKey.says(wrong))?;
        check_life(android)?;
        android.choice("category", &CATEGORIES)?;
        Ok(Self {
            mark: android.text("bi_tag")?.to_owned(),
            receipt_id: android.text("receipt_id")?.to_owned(),
            is_urgent: android.choice("urgency", &["HIGH", "NORMAL"])? == "HIGH",
            is_test: android.whole("target_user_type", 0, 1)? == Some(1),
        })
    }
}

pub(in crate::vendor) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let read = serde_json::from_slice(body);
    read.map_err(|_| Code::Payload.says("the body is not a JSON object"))
}

pub(in crate::vendor) fn structure(wrong: String) -> Refusal {
    Code::Structure.says(wrong)
}

/// Topics and conditions are not played: exactly the tokens are expected.
fn tokens(message: Fields<'_>) -> Result<Vec<String>, Refusal> {
    if message.has("topic") || message.has("condition") || !message.has("token") {
        return Err(Code::Parameter.says("one of token, topic and condition; here: token"));
    }
    let tokens = message.texts("token")?;
    check_count(&tokens)?;
    Ok(tokens)
}

pub(in crate::vendor) fn check_count(tokens: &[String]) -> Result<(), Refusal> {
    if (1..=TOKENS_MAX).contains(&tokens.len()) {
        Ok(())
    } else {
        let text = format!("{} tokens, 1 to {TOKENS_MAX} are taken", tokens.len());
        Err(Code::TokenCount.says(text))
    }
}

/// Without the tokens.
pub(in crate::vendor) fn check_len(message: Option<&Value>) -> Result<(), Refusal> {
    let mut message = message.cloned().unwrap_or_default();
    if let Some(message) = message.as_object_mut() {
        message.remove("token");
    }
    if message.to_string().len() > MESSAGE_LEN_MAX {
        return Err(Code::TooLong.says(format!("more than {MESSAGE_LEN_MAX} bytes")));
    }
    Ok(())
}

pub(in crate::vendor) fn check_life(android: Fields<'_>) -> Result<(), Refusal> {
    let life = android.text("ttl").map_err(|wrong| Code::Ttl.says(wrong))?;
    let fits = life_s(life).is_some_and(|life| (1..=LIFE_S_MAX).contains(&life));
    if android.has("ttl") && !fits {
        return Err(Code::Ttl.says("ttl is not 1s to 1296000s"));
    }
    Ok(())
}

/// The number by which a later one replaces it.
pub(in crate::vendor) fn collapse(shown: Fields<'_>, name: &str) -> Result<String, Refusal> {
    let id = shown.whole(name, 0, NOTIFY_ID_MAX)?;
    Ok(id.map_or_else(String::new, |id| id.to_string()))
}

fn check_shown(
    common: Fields<'_>,
    shown: Fields<'_>,
    title: &str,
    text: &str,
) -> Result<(), Refusal> {
    if title.is_empty() || text.is_empty() {
        return Err(Code::Parameter.says("title and body are required"));
    }
    common.https("image")?;
    shown.https("image")?;
    check_click(shown)?;
    shown.choice("importance", &["LOW", "NORMAL", "HIGH"])?;
    shown.choice(
        "visibility",
        &["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"],
    )?;
    shown.flag("foreground_show")?;
    for name in ["channel_id", "tag", "group", "sound", "when"] {
        shown.text(name)?;
    }
    if shown.text("profile_id")?.chars().count() > 64 {
        return Err(Code::Parameter.says("profile_id is longer than 64"));
    }
    check_style(shown)?;
    shown.count("buttons", BUTTONS_MAX)?;
    let badge = shown.object("badge").map_err(structure)?;
    badge.whole("add_num", 1, 99)?;
    badge.whole("set_num", 0, 99)?;
    badge.text("class")?;
    Ok(())
}

fn check_click(shown: Fields<'_>) -> Result<(), Refusal> {
    let wrong = |text: &str| Code::Parameter.says(text);
    let click = shown.object("click_action").map_err(structure)?;
    let fits = match click.whole("type", 1, 3)? {
        None => return Err(wrong("click_action.type is required")),
        Some(1) => !click.text("intent")?.is_empty() || !click.text("action")?.is_empty(),
        Some(2) => !click.https("url")?.is_empty(),
        Some(_) => true,
    };
    if fits {
        Ok(())
    } else {
        Err(wrong("click_action has not what its type needs"))
    }
}

fn check_style(shown: Fields<'_>) -> Result<(), Refusal> {
    let fits = match shown.whole("style", 0, 3)? {
        None | Some(0) => true,
        Some(1) => !shown.text("big_title")?.is_empty() && !shown.text("big_body")?.is_empty(),
        Some(3) => shown.count("inbox_content", 5)? > 0,
        Some(_) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(Code::Parameter.says("style has not what it needs"))
    }
}
