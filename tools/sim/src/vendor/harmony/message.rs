//! The body of a message of version 3.

use serde_json::Value;

use super::super::fields::{Fields, Style, foreign_name};
use super::super::huawei::message::{
    LIFE_S_MAX, MESSAGE_LEN_MAX, check_count, collapse, object, structure,
};
use super::super::huawei::{Code, Refusal};

const TEST_TOKENS_MAX: usize = 10;

/// What a message asks for.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) tokens: Vec<String>,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) collapse: String,
    pub(super) mark: String,
    pub(super) receipt_id: String,
    pub(super) is_test: bool,
}

impl Message {
    pub(super) fn read(push_type: &str, body: &[u8]) -> Result<Self, Refusal> {
        // Alert, card, voice, background, live view, call.
        if !["0", "1", "2", "6", "7", "10"].contains(&push_type) {
            return Err(Code::Parameter.says("push-type is none that there is"));
        }
        let value = Value::Object(object(body)?);
        if let Some(name) = foreign_name(&value, Style::Camel) {
            return Err(Code::Structure.says(format!("{name} is no field")));
        }
        check_len(&value)?;
        let body = value.as_object().map(Fields::of);
        let body = body.ok_or_else(|| Code::Structure.says("not an object"))?;
        let part = |name| body.object(name).map_err(structure);
        let (payload, target, options) = (part("payload")?, part("target")?, part("pushOptions")?);
        if !body.has("payload") {
            return Err(Code::Payload.says("payload is required"));
        }
        let tokens = target.texts("token")?;
        check_count(&tokens)?;
        if push_type == "1" && tokens.len() > 1 {
            return Err(Code::OneToken.says("a card is refreshed for one token"));
        }
        let is_test = options.flag("testMessage")?;
        if is_test && tokens.len() > TEST_TOKENS_MAX {
            return Err(Code::TestTokens.says("a test has at most 10 tokens"));
        }
        let shown = payload.object("notification").map_err(structure)?;
        if push_type == "0" {
            check_shown(shown)?;
        }
        let life_s = options.whole("ttl", 1, LIFE_S_MAX);
        life_s.map_err(|wrong| Code::Ttl.says(wrong))?;
        let collapse_key = options.whole("collapseKey", -1, 100);
        collapse_key.map_err(|wrong| Code::CollapseKey.says(wrong))?;
        Ok(Self {
            tokens,
            title: shown.text("title")?.to_owned(),
            text: shown.text("body")?.to_owned(),
            collapse: collapse(shown, "notifyId")?,
            mark: options.text("biTag")?.to_owned(),
            receipt_id: options.text("receiptId")?.to_owned(),
            is_test,
        })
    }
}

/// Without the tokens.
fn check_len(body: &Value) -> Result<(), Refusal> {
    let mut body = body.clone();
    if let Some(target) = body.get_mut("target").and_then(Value::as_object_mut) {
        target.remove("token");
    }
    if body.to_string().len() > MESSAGE_LEN_MAX {
        return Err(Code::TooLong.says(format!("more than {MESSAGE_LEN_MAX} bytes")));
    }
    Ok(())
}

fn check_shown(shown: Fields<'_>) -> Result<(), Refusal> {
    if shown.text("title")?.is_empty() || shown.text("body")?.is_empty() {
        return Err(Code::Parameter.says("title and body are required"));
    }
    // The list of version 3 is not the one of version 1, and is not in the contract.
    let is_category = |char: char| char.is_ascii_uppercase() || char == '_';
    if !shown.text("category")?.chars().all(is_category) {
        return Err(Code::Parameter.says("category is none"));
    }
    let click = shown.object("clickAction").map_err(structure)?;
    let goes = match click.whole("actionType", 0, 1)? {
        None => return Err(Code::Parameter.says("clickAction.actionType is required")),
        Some(0) => true,
        // A page within the app.
        Some(_) => !click.text("action")?.is_empty() || !click.text("uri")?.is_empty(),
    };
    if !goes {
        return Err(Code::Parameter.says("clickAction has not what its type needs"));
    }
    shown.https("image")?;
    shown.text("sound")?;
    let sound_s = shown.whole("soundDuration", 1, 60)?;
    if sound_s.is_some() && !shown.has("sound") {
        return Err(Code::Parameter.says("soundDuration needs sound"));
    }
    let badge = shown.object("badge").map_err(structure)?;
    badge.whole("addNum", 1, 99)?;
    badge.whole("setNum", 0, 99)?;
    Ok(())
}
