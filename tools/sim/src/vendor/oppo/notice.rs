//! What a message shows, and the rules that OPPO has for it.

use serde_json::{Map, Value};

use crate::vendor::Taken;

/// The longest title, in UTF-16 units, as all texts here.
const TITLE_LEN_MAX: usize = 50;
/// The longest subtitle.
const SUB_TITLE_LEN_MAX: usize = 10;
/// The longest `action_parameters`.
const PARAMETERS_LEN_MAX: usize = 4000;
/// The longest address of receipts.
const CALLBACK_URL_LEN_MAX: usize = 200;
/// The longest text that receipts echo.
const CALLBACK_PARAMETER_LEN_MAX: usize = 100;
/// The longest life, in seconds.
const OFF_LINE_TTL_MAX: i64 = 10 * 24 * 3600;

/// OPPO's code of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) i64);

impl Refusal {
    /// Its text.
    pub(super) const fn text(self) -> &'static str {
        match self.0 {
            -1 => "Service Currently Unavailable",
            11 => "Invalid AuthToken",
            12 => "Http Action Not Allowed",
            13 => "App Call Limited",
            14 => "Invalid App Key",
            15 => "Missing App Key",
            16 => "Invalid Signature",
            17 => "Missing Signature",
            18 => "Missing Timestamp",
            19 => "Invalid Timestamp",
            25 => "Invalid Encoding",
            29 => "Missing Auth Token",
            30 => "Api Permission Denied",
            31 => "Data Not Exist",
            32 => "Data Duplicate",
            33 => "The number of messages exceeds the daily limit",
            40 => "Missing Required Arguments",
            67 => "Invalid Category",
            10000 => "Invalid RegistrationId",
            _ => "Invalid Arguments",
        }
    }
}

/// What a message shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notice {
    title: String,
    text: String,
    /// The sender's own id of it.
    pub(super) app_message_id: String,
    notify_id: String,
    receipts_url: String,
    mark: String,
}

impl Notice {
    /// From the fields of `notification`, or of a form, where numbers are texts.
    ///
    /// A text may be 200 long by a newer page; the older limits hold here, since every edition of the service takes those.
    pub(super) fn read(fields: &Map<String, Value>) -> Result<Self, Refusal> {
        let fields = Fields(fields);
        let title = fields.text("title", TITLE_LEN_MAX)?;
        let text_len_max = match fields.choice("style", &[1, 2, 3])?.unwrap_or(1) {
            2 => 128,
            _ => 50,
        };
        let text = fields.text("content", text_len_max)?;
        if title.is_empty() || text.is_empty() {
            return Err(Refusal(40));
        }
        fields.text("sub_title", SUB_TITLE_LEN_MAX)?;
        fields.check_click()?;
        fields.check_life()?;
        fields.check_category()?;
        fields.check_template()?;
        let receipts_url = fields.text("call_back_url", CALLBACK_URL_LEN_MAX)?;
        if !receipts_url.is_empty() && !receipts_url.starts_with("http") {
            return Err(Refusal(41));
        }
        let notify_id = fields.number("notify_id", 0..=i64::from(i32::MAX))?;
        Ok(Self {
            title: title.to_owned(),
            text: text.to_owned(),
            app_message_id: fields.text("app_message_id", usize::MAX)?.to_owned(),
            notify_id: notify_id.map(|id| id.to_string()).unwrap_or_default(),
            receipts_url: receipts_url.to_owned(),
            mark: fields
                .text("call_back_parameter", CALLBACK_PARAMETER_LEN_MAX)?
                .to_owned(),
        })
    }

    /// That it was taken for this token. Of two messages with one `app_message_id`, one is pushed; of two with one
    /// `notify_id`, the newer one replaces the other.
    pub(super) fn taken(&self, token: &str, id: &str) -> Taken {
        let collapse = if self.app_message_id.is_empty() {
            &self.notify_id
        } else {
            &self.app_message_id
        };
        Taken {
            token: token.to_owned(),
            title: self.title.clone(),
            text: self.text.clone(),
            collapse: collapse.clone(),
            mark: self.mark.clone(),
            receipts_url: self.receipts_url.clone(),
            receipt_kinds: String::new(),
            request_id: id.to_owned(),
        }
    }
}

/// A whole number, written as one or in a string.
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The fields of a notification. What is absent or null is not said.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Empty when it is not said.
    fn text(&self, name: &str, len_max: usize) -> Result<&'a str, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok("");
        };
        let text = value.as_str().ok_or(Refusal(41))?;
        if text.encode_utf16().count() > len_max {
            return Err(Refusal(41));
        }
        Ok(text)
    }

    fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = whole_number(value).filter(|number| range.contains(number));
        number.ok_or(Refusal(41)).map(Some)
    }

    fn choice(&self, name: &str, choices: &[i64]) -> Result<Option<i64>, Refusal> {
        let number = self.number(name, i64::MIN..=i64::MAX)?;
        match number {
            Some(number) if !choices.contains(&number) => Err(Refusal(41)),
            number => Ok(number),
        }
    }

    /// Some clicks need to be told where they lead.
    fn check_click(&self) -> Result<(), Refusal> {
        let needed = match self.choice("click_action_type", &[0, 1, 2, 4, 5])? {
            Some(1 | 4) => Some("click_action_activity"),
            Some(2 | 5) => Some("click_action_url"),
            _ => None,
        };
        if let Some(needed) = needed
            && self.text(needed, usize::MAX)?.is_empty()
        {
            return Err(Refusal(40));
        }
        self.check_object("action_parameters", PARAMETERS_LEN_MAX)
    }

    /// Whether it is a JSON object in a string, if it is said.
    fn check_object(&self, name: &str, len_max: usize) -> Result<(), Refusal> {
        let text = self.text(name, len_max)?;
        if text.is_empty() || serde_json::from_str::<Map<String, Value>>(text).is_ok() {
            Ok(())
        } else {
            Err(Refusal(41))
        }
    }

    fn check_life(&self) -> Result<(), Refusal> {
        match self.get("off_line") {
            None | Some(Value::Bool(_)) => {}
            Some(Value::String(text)) if text == "true" || text == "false" => {}
            Some(_) => return Err(Refusal(41)),
        }
        self.number("off_line_ttl", 0..=OFF_LINE_TTL_MAX)?;
        self.number("show_ttl", 0..=i64::MAX)?;
        Ok(())
    }

    /// A level needs a category. The names of categories are many and change: they are not judged.
    fn check_category(&self) -> Result<(), Refusal> {
        self.text("channel_id", usize::MAX)?;
        let category = self.text("category", usize::MAX)?;
        let level = self.choice("notify_level", &[1, 2, 16])?;
        if level.is_some() && category.is_empty() {
            return Err(Refusal(67));
        }
        Ok(())
    }

    /// Variables need a template. They come as objects or as strings that hold one: the documents show no sample.
    fn check_template(&self) -> Result<(), Refusal> {
        let template = self.text("private_msg_template_id", usize::MAX)?;
        for name in ["private_title_parameters", "private_content_parameters"] {
            let Some(value) = self.get(name) else {
                continue;
            };
            if template.is_empty() {
                return Err(Refusal(41));
            }
            if !value.is_object() {
                self.check_object(name, usize::MAX)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: (&str, Value)) -> Result<Notice, Refusal> {
        let mut fields = json!({
            "app_message_id": "n-1001-1", "style": 1, "title": "Parcel", "content": "Arrives today",
            "click_action_type": 0, "action_parameters": "{\"mid\":\"n-1001\"}", "off_line": true,
            "off_line_ttl": 86400, "channel_id": "orders", "category": "ORDER", "notify_level": 2,
            "call_back_url": "https://push.example.com/cb/oppo", "call_back_parameter": "n-1001",
        });
        let (name, value) = change;
        fields[name] = value;
        Notice::read(fields.as_object().unwrap())
    }

    #[test]
    fn the_documented_message_is_taken() {
        let taken = read(("notify_id", json!(42)))
            .unwrap()
            .taken("CN_aaaa", "m");
        let expected = Taken {
            token: "CN_aaaa".to_owned(),
            title: "Parcel".to_owned(),
            text: "Arrives today".to_owned(),
            collapse: "n-1001-1".to_owned(),
            mark: "n-1001".to_owned(),
            receipts_url: "https://push.example.com/cb/oppo".to_owned(),
            receipt_kinds: String::new(),
            request_id: "m".to_owned(),
        };
        assert_eq!(taken, expected);
    }

    #[test]
    fn each_rule_has_its_refusal() {
        for (name, value, code) in [
            ("title", json!(null), 40),
            ("title", json!(""), 40),
            ("title", json!("x".repeat(51)), 41),
            ("title", json!("😀".repeat(26)), 41),
            ("sub_title", json!("x".repeat(11)), 41),
            ("content", json!(null), 40),
            ("content", json!("x".repeat(51)), 41),
            ("content", json!(5), 41),
            ("style", json!(4), 41),
            ("click_action_type", json!(3), 41),
            ("click_action_type", json!(1), 40),
            ("click_action_type", json!(5), 40),
            ("action_parameters", json!("mid"), 41),
            ("action_parameters", json!({"mid": 1}), 41),
            (
                "action_parameters",
                json!(format!("{{\"a\":\"{}\"}}", "x".repeat(4000))),
                41,
            ),
            ("off_line", json!(1), 41),
            ("off_line_ttl", json!(864_001), 41),
            ("off_line_ttl", json!(-1), 41),
            ("notify_id", json!(2_147_483_648_i64), 41),
            ("category", json!(""), 67),
            ("notify_level", json!(3), 41),
            ("private_title_parameters", json!("{}"), 41),
            (
                "call_back_url",
                json!(format!("https://{}", "x".repeat(193))),
                41,
            ),
            ("call_back_url", json!("push.example.com"), 41),
            ("call_back_parameter", json!("x".repeat(101)), 41),
        ] {
            let read = read((name, value.clone()));
            assert_eq!(read, Err(Refusal(code)), "{name} {value}");
        }
        for (name, value) in [
            ("title", json!("x".repeat(50))),
            ("content", json!("x".repeat(50))),
            ("off_line_ttl", json!("864000")),
            ("private_msg_template_id", json!("t1")),
            ("notify_level", json!(16)),
        ] {
            assert!(read((name, value.clone())).is_ok(), "{name} {value}");
        }
    }

    #[test]
    fn a_style_of_long_texts_takes_longer_ones() {
        let fields = |len: usize| json!({"style": 2, "title": "t", "content": "x".repeat(len)});
        for (len, is_taken) in [(128, true), (129, false)] {
            let notice = Notice::read(fields(len).as_object().unwrap());
            assert_eq!(notice.is_ok(), is_taken, "{len}");
        }
    }
}
