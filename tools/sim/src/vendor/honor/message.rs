//! The body of a message.

use serde_json::Value;

use super::super::fields::{Fields, Style, foreign_name};
use super::super::huawei::message::{
    check_count, check_len, check_life, collapse, object, structure,
};
use super::super::huawei::{Code, Refusal};

const BUTTONS_MAX: usize = 3;

/// What a message asks for.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) tokens: Vec<String>,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) collapse: String,
    pub(super) mark: String,
    pub(super) is_test: bool,
}

impl Message {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let value = Value::Object(object(body)?);
        if let Some(name) = foreign_name(&value, Style::Camel) {
            return Err(Code::Structure.says(format!("{name} is no field")));
        }
        check_len(Some(&value))?;
        let body = value.as_object().map(Fields::of);
        let body = body.ok_or_else(|| Code::Structure.says("not an object"))?;
        // Huawei's wrapper.
        if body.has("message") {
            return Err(Code::Structure.says("message is no field"));
        }
        let tokens = body.texts("token")?;
        check_count(&tokens)?;
        let common = body.object("notification").map_err(structure)?;
        let android = body.object("android").map_err(structure)?;
        let shown = android.object("notification").map_err(structure)?;
        // Android's own goes first.
        let text = |name| match shown.text(name) {
            Ok("") => common.text(name),
            other => other,
        };
        let (title, text) = (text("title")?, text("body")?);
        if android.has("notification") || body.has("notification") {
            check_shown(shown, title, text)?;
        } else if body.text("data")?.is_empty() && android.text("data")?.is_empty() {
            return Err(Code::Payload.says("neither notification nor data"));
        }
        body.text("data")?;
        android.text("data")?;
        check_life(android)?;
        Ok(Self {
            tokens,
            title: title.to_owned(),
            text: text.to_owned(),
            collapse: collapse(shown, "notifyId")?,
            mark: android.text("biTag")?.to_owned(),
            is_test: android.whole("targetUserType", 0, 1)? == Some(1),
        })
    }
}

fn check_shown(shown: Fields<'_>, title: &str, text: &str) -> Result<(), Refusal> {
    let wrong = |text: &str| Code::Parameter.says(text);
    if title.is_empty() || text.is_empty() {
        return Err(wrong("title and body are required"));
    }
    let click = shown.object("clickAction").map_err(structure)?;
    let goes = match click.whole("type", 1, 3)? {
        None => return Err(wrong("clickAction.type is required")),
        Some(1) => !click.text("intent")?.is_empty() || !click.text("action")?.is_empty(),
        Some(2) => !click.text("url")?.is_empty(),
        Some(_) => true,
    };
    if !goes {
        return Err(wrong("clickAction has not what its type needs"));
    }
    let is_big = shown.whole("style", 0, 1)? == Some(1);
    let has_big = !shown.text("bigTitle")?.is_empty() && !shown.text("bigBody")?.is_empty();
    if is_big && !has_big {
        return Err(wrong("style 1 needs bigTitle and bigBody"));
    }
    shown.choice("importance", &["LOW", "NORMAL"])?;
    shown.https("image")?;
    for name in ["tag", "group", "when"] {
        shown.text(name)?;
    }
    shown.count("buttons", BUTTONS_MAX)?;
    let badge = shown.object("badge").map_err(structure)?;
    badge.whole("addNum", 1, 99)?;
    badge.whole("setNum", 0, 99)?;
    badge.text("badgeClass")?;
    Ok(())
}
