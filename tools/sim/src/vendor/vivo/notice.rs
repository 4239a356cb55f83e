//! What a message shows, and the rules that vivo has for it.

use serde_json::{Map, Value, json};

use crate::vendor::{Answered, Taken};

/// The result of a broken rule of texts.
pub(super) const TEXT_RULE: i64 = 10085;
/// The result of any other broken rule that has no number of its own.
pub(super) const OTHER_RULE: i64 = 10104;
/// The longest title, in UTF-16 units, as all texts here.
const TITLE_LEN_MAX: usize = 40;
/// The longest text.
const TEXT_LEN_MAX: usize = 100;
/// The longest id of a request.
const REQUEST_ID_LEN_MAX: usize = 64;
/// The longest address of receipts.
const CALLBACK_LEN_MAX: usize = 128;
/// The longest text that receipts echo.
const CALLBACK_PARAM_LEN_MAX: usize = 64;
/// Categories of system messages.
const SYSTEM: [&str; 6] = [
    "IM",
    "ACCOUNT",
    "TODO",
    "DEVICE_REMINDER",
    "ORDER",
    "SUBSCRIPTION",
];
/// Categories of operation messages.
const OPERATION: [&str; 4] = ["NEWS", "CONTENT", "MARKETING", "SOCIAL"];

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// By HTTP status alone.
    Http(u16),
    /// By vivo's result.
    Result {
        /// Its number.
        result: i64,
        /// Its text.
        desc: &'static str,
        /// Whom it is about, and vivo's status of it.
        invalid_user: Option<(String, u8)>,
    },
}

impl Refusal {
    /// A result that is about nobody.
    pub(super) const fn result(result: i64, desc: &'static str) -> Self {
        Self::Result {
            result,
            desc,
            invalid_user: None,
        }
    }

    /// As it is answered.
    pub(super) fn answer(&self) -> Answered {
        match self {
            Self::Http(status) => Answered {
                status: *status,
                headers: Vec::new(),
                body: Vec::new(),
            },
            Self::Result {
                result,
                desc,
                invalid_user,
            } => {
                let mut body = json!({"result": result, "desc": desc});
                if let Some((token, status)) = invalid_user {
                    body["invalidUser"] = json!({"userid": token, "status": status});
                }
                Answered::json(200, &body)
            }
        }
    }
}

/// What a message shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notice {
    title: String,
    text: String,
    notify_id: String,
    /// The sender's id of the request.
    pub(super) request_id: String,
    /// Whether it is a system message.
    pub(super) is_system: bool,
    /// Whether it goes to test devices alone.
    pub(super) is_test: bool,
    callback: String,
    mark: String,
    callback_id: String,
}

impl Notice {
    /// From the body of `send` or `saveListPayload`.
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Refusal> {
        let title = text(body, "title", TITLE_LEN_MAX, TEXT_RULE)?;
        let content = text(body, "content", TEXT_LEN_MAX, TEXT_RULE)?;
        if title.is_empty() || content.is_empty() {
            return Err(Refusal::result(TEXT_RULE, "title和content不能为空"));
        }
        check_presence(body)?;
        let (callback, mark, callback_id) = callback(body)?;
        let notify_id = number(body, "notifyId", 0..=i64::from(i32::MAX))?;
        Ok(Self {
            title: title.to_owned(),
            text: content.to_owned(),
            notify_id: notify_id.map(|id| id.to_string()).unwrap_or_default(),
            request_id: request_id(body)?,
            is_system: is_system(body)?,
            is_test: is_test(body)?,
            callback,
            mark,
            callback_id,
        })
    }

    /// That it was taken for this token. A message with the `notifyId` of another replaces it; without, requests with the
    /// same id are one request. Addresses of receipts work with single formal messages only, ids of addresses with all.
    pub(super) fn taken(&self, token: &str, task: &str, request: &str, is_single: bool) -> Taken {
        let collapse = if self.notify_id.is_empty() {
            request
        } else {
            &self.notify_id
        };
        let receipts_url = if is_single { &*self.callback } else { "" };
        Taken {
            token: token.to_owned(),
            title: self.title.clone(),
            text: self.text.clone(),
            collapse: collapse.to_owned(),
            mark: self.mark.clone(),
            receipts_url: receipts_url.to_owned(),
            receipt_kinds: self.callback_id.clone(),
            request_id: task.to_owned(),
        }
    }
}

/// A text, or a number as one: vivo takes ids as either. Empty when it is neither.
pub(super) fn as_text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Required, and not too long.
pub(super) fn request_id(body: &Map<String, Value>) -> Result<String, Refusal> {
    let id = text(body, "requestId", REQUEST_ID_LEN_MAX, OTHER_RULE)?;
    if id.is_empty() {
        return Err(Refusal::result(OTHER_RULE, "requestId不能为空"));
    }
    Ok(id.to_owned())
}

/// By `pushMode`.
pub(super) fn is_test(body: &Map<String, Value>) -> Result<bool, Refusal> {
    Ok(number(body, "pushMode", 0..=1)? == Some(1))
}

/// What a text is when it is not said is empty.
fn text<'a>(
    body: &'a Map<String, Value>,
    name: &str,
    len_max: usize,
    rule: i64,
) -> Result<&'a str, Refusal> {
    let text = match body.get(name) {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err(Refusal::result(rule, "参数类型错误")),
    };
    if text.encode_utf16().count() > len_max {
        return Err(Refusal::result(rule, "参数过长"));
    }
    Ok(text)
}

fn number(
    body: &Map<String, Value>,
    name: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_i64().filter(|number| range.contains(number));
            let wrong = Refusal::result(OTHER_RULE, "参数不合法");
            number.ok_or(wrong).map(Some)
        }
    }
}

/// How it calls attention, how long it lives, where a click leads.
fn check_presence(body: &Map<String, Value>) -> Result<(), Refusal> {
    let skip_type = number(body, "skipType", 1..=4)?;
    let is_told = number(body, "notifyType", 1..=4)?.is_some() && skip_type.is_some();
    let is_led =
        skip_type == Some(1) || !text(body, "skipContent", usize::MAX, OTHER_RULE)?.is_empty();
    if !is_told || !is_led {
        return Err(Refusal::result(OTHER_RULE, "缺少参数"));
    }
    number(body, "timeToLive", 60..=86_400)?;
    number(body, "networkType", -1..=1)?;
    match body.get("clientCustomMap") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(map)) if map.values().all(Value::is_string) => Ok(()),
        Some(_) => Err(Refusal::result(OTHER_RULE, "clientCustomMap不合法")),
    }
}

/// Category and classification have to agree.
fn is_system(body: &Map<String, Value>) -> Result<bool, Refusal> {
    let is_system = number(body, "classification", 0..=1)? == Some(1);
    let category = text(body, "category", usize::MAX, 10096)?;
    let agrees = match category {
        "" => true,
        category if SYSTEM.contains(&category) => is_system,
        category if OPERATION.contains(&category) => !is_system,
        _ => return Err(Refusal::result(10096, "category不合法")),
    };
    if agrees {
        Ok(is_system)
    } else {
        Err(Refusal::result(10097, "category与classification不匹配"))
    }
}

/// The address of receipts, what they echo, and the id of an address in the console. An address or an id, not both.
fn callback(body: &Map<String, Value>) -> Result<(String, String, String), Refusal> {
    let wrong = Refusal::result(OTHER_RULE, "extra不合法");
    let extra = match body.get("extra") {
        None | Some(Value::Null) => return Ok(<(String, String, String)>::default()),
        Some(Value::Object(extra)) => extra,
        Some(_) => return Err(wrong),
    };
    let callback = text(extra, "callback", CALLBACK_LEN_MAX, OTHER_RULE)?.to_owned();
    let mark = text(extra, "callback.param", CALLBACK_PARAM_LEN_MAX, OTHER_RULE)?.to_owned();
    let id = as_text(extra.get("callback.id"));
    if !callback.is_empty() && (!id.is_empty() || !callback.starts_with("http")) {
        return Err(wrong);
    }
    Ok((callback, mark, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: (&str, Value)) -> Result<Notice, Refusal> {
        let mut body = json!({
            "appId": "10001", "regId": "vr-1", "notifyType": 4, "title": "Parcel",
            "content": "Arrives today", "timeToLive": 86400, "skipType": 1, "networkType": -1,
            "classification": 1, "category": "ORDER", "requestId": "n-1001-1", "pushMode": 0,
            "notifyId": 42, "clientCustomMap": {"mid": "n-1001"},
            "extra": {"callback": "https://push.example.com/cb/vivo", "callback.param": "n-1001"},
        });
        let (name, value) = change;
        body[name] = value;
        Notice::read(body.as_object().unwrap())
    }

    #[test]
    fn the_documented_message_is_taken() {
        let notice = read(("networkType", json!(1))).unwrap();
        let taken = notice.taken("vr-1", "900001", "n-1001-1", true);
        let expected = Taken {
            token: "vr-1".to_owned(),
            title: "Parcel".to_owned(),
            text: "Arrives today".to_owned(),
            collapse: "42".to_owned(),
            mark: "n-1001".to_owned(),
            receipts_url: "https://push.example.com/cb/vivo".to_owned(),
            receipt_kinds: String::new(),
            request_id: "900001".to_owned(),
        };
        assert_eq!(taken, expected);
        let taken = notice.taken("vr-1", "900001", "n-1001-l1", false);
        assert_eq!(taken.receipts_url, "");
        let notice = read(("notifyId", json!(null))).unwrap();
        let taken = notice.taken("vr-1", "900001", "n-1001-1", true);
        assert_eq!(taken.collapse, "n-1001-1");
    }

    #[test]
    fn each_rule_has_its_result() {
        let long = format!("https://{}", "x".repeat(121));
        for (name, value, expected) in [
            ("title", json!(""), TEXT_RULE),
            ("title", json!("x".repeat(41)), TEXT_RULE),
            ("title", json!("😀".repeat(21)), TEXT_RULE),
            ("content", json!(null), TEXT_RULE),
            ("content", json!("x".repeat(101)), TEXT_RULE),
            ("requestId", json!(""), OTHER_RULE),
            ("requestId", json!("x".repeat(65)), OTHER_RULE),
            ("notifyType", json!(null), OTHER_RULE),
            ("notifyType", json!(5), OTHER_RULE),
            ("notifyType", json!("4"), OTHER_RULE),
            ("skipType", json!(null), OTHER_RULE),
            ("skipType", json!(2), OTHER_RULE),
            ("timeToLive", json!(59), OTHER_RULE),
            ("timeToLive", json!(86401), OTHER_RULE),
            ("notifyId", json!(-1), OTHER_RULE),
            ("pushMode", json!(2), OTHER_RULE),
            ("clientCustomMap", json!({"mid": 7}), OTHER_RULE),
            ("clientCustomMap", json!("mid"), OTHER_RULE),
            ("category", json!("PARCEL"), 10096),
            ("category", json!("NEWS"), 10097),
            ("classification", json!(0), 10097),
            ("extra", json!(7), OTHER_RULE),
            ("extra", json!({"callback": long}), OTHER_RULE),
            ("extra", json!({"callback": "push.example.com"}), OTHER_RULE),
            (
                "extra",
                json!({"callback": "https://a.example", "callback.id": "1"}),
                OTHER_RULE,
            ),
            (
                "extra",
                json!({"callback.param": "x".repeat(65)}),
                OTHER_RULE,
            ),
        ] {
            let Err(Refusal::Result { result, .. }) = read((name, value.clone())) else {
                panic!("{name} {value} is refused");
            };
            assert_eq!(result, expected, "{name} {value}");
        }
        for (name, value) in [
            ("title", json!("包".repeat(40))),
            ("content", json!("x".repeat(100))),
            ("timeToLive", json!(60)),
            ("category", json!("")),
            ("extra", json!({"callback.id": 12, "callback.param": "m"})),
        ] {
            assert!(read((name, value.clone())).is_ok(), "{name} {value}");
        }
    }
}
