//! The form of a message by regid, and what Xiaomi finds wrong with one.

use std::collections::BTreeMap;

use super::{Received, Taken, XiaomiApp};

/// What Xiaomi refuses a call with.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(code: i64, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { code, reason }
    }
}

const PARAMETER: i64 = 10_008;
const MISSING: i64 = 10_016;
const VALUE: i64 = 10_017;
const UNAUTHORIZED: i64 = 21_301;
const PACKAGE: i64 = 22_022;
const CHANNEL: i64 = 27_001;
const TOO_LONG: i64 = 65_009;
const EXTRAS_MANY: i64 = 65_014;
const EXTRAS_LONG: i64 = 65_015;
const CALLBACK_PARAMETER: i64 = 65_036;
const CALLBACK_URL: i64 = 65_038;

const TOKENS_MAX: usize = 1_000;
/// Texts are shorter than these.
const TITLE_LEN_END: usize = 50;
const TEXT_LEN_END: usize = 128;
const PAYLOAD_LEN_MAX: usize = 4_096;
const PARAMETER_LEN_MAX: usize = 64;
const EXTRAS_MAX: usize = 10;
const EXTRAS_LEN_MAX: usize = 1_024;
const DAY_MS: i64 = 86_400_000;
/// All that a receipt may be of.
const KINDS: i64 = 1 | 2 | 16 | 32 | 64 | 128 | 1_024;

/// The extras with a meaning of their own; all others are the app's.
const EXTRAS_KNOWN: [&str; 11] = [
    "extra.channel_id",
    "extra.notify_effect",
    "extra.intent_uri",
    "extra.web_uri",
    "extra.notify_foreground",
    "extra.jobkey",
    "extra.only_send_once",
    "extra.flow_control",
    "extra.callback",
    "extra.callback.param",
    "extra.callback.type",
];

/// A message that Xiaomi would send.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) tokens: Vec<String>,
    title: String,
    text: String,
    notify_id: String,
    callback: String,
    callback_param: String,
    callback_kinds: String,
}

struct Fields(BTreeMap<String, String>);

impl Fields {
    /// A field; empty is as good as absent.
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| Refusal::new(MISSING, format!("{name} is missing")))
    }

    /// A number of a range, where it is there.
    fn number(&self, name: &str, from: i64, to: i64) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if (from..=to).contains(&number) => Ok(Some(number)),
            _ => Err(Refusal::new(VALUE, format!("{name} is not valid"))),
        }
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

impl Message {
    /// Reads a request as Xiaomi does: whose it is, then what it says.
    pub(super) fn read(app: &XiaomiApp, received: &Received) -> Result<Self, Refusal> {
        let Some(fields) = received.form() else {
            return Err(Refusal::new(PARAMETER, "not a form"));
        };
        if received.header("authorization") != format!("key={}", app.app_secret) {
            return Err(Refusal::new(UNAUTHORIZED, "auth failed"));
        }
        let fields = Fields(fields);
        if fields.required("restricted_package_name")? != app.package {
            return Err(Refusal::new(PACKAGE, "package name mismatch"));
        }
        let tokens = tokens(&fields)?;
        check_shown(&fields)?;
        check_times(&fields, received.now_ms)?;
        check_extras(app, &fields)?;
        let callback = fields.text("extra.callback");
        Ok(Self {
            tokens,
            title: fields.text("title"),
            text: fields.text("description"),
            notify_id: fields.text("notify_id"),
            callback_param: fields.text("extra.callback.param"),
            callback_kinds: match fields.get("extra.callback.type") {
                Some(kinds) => kinds.to_owned(),
                None if callback.is_empty() => String::new(),
                None => "3".to_owned(),
            },
            callback,
        })
    }

    /// The message as one token gets it.
    pub(super) fn taken(&self, token: &str, id: &str) -> Taken {
        Taken {
            token: token.to_owned(),
            title: self.title.clone(),
            text: self.text.clone(),
            collapse: self.notify_id.clone(),
            mark: self.callback_param.clone(),
            receipts_url: self.callback.clone(),
            receipt_kinds: self.callback_kinds.clone(),
            request_id: id.to_owned(),
        }
    }
}

fn tokens(fields: &Fields) -> Result<Vec<String>, Refusal> {
    let tokens = fields.required("registration_id")?;
    let tokens: Vec<_> = tokens.split(',').map(str::to_owned).collect();
    if tokens.len() > TOKENS_MAX || tokens.iter().any(String::is_empty) {
        return Err(Refusal::new(VALUE, "registration_id is not valid"));
    }
    Ok(tokens)
}

fn check_shown(fields: &Fields) -> Result<(), Refusal> {
    fields.required("pass_through")?;
    let is_shown = fields.number("pass_through", 0, 1)? == Some(0);
    for (name, len_end) in [("title", TITLE_LEN_END), ("description", TEXT_LEN_END)] {
        if is_shown && units(fields.required(name)?) >= len_end {
            return Err(Refusal::new(TOO_LONG, format!("{name} is too long")));
        }
    }
    if fields.text("payload").len() > PAYLOAD_LEN_MAX {
        return Err(Refusal::new(TOO_LONG, "payload is too long"));
    }
    fields.number("notify_type", -1, 7)?;
    fields.number("notify_id", 0, i64::from(i32::MAX))?;
    Ok(())
}

fn check_times(fields: &Fields, now_ms: i64) -> Result<(), Refusal> {
    // Two weeks, the longest of what the pages say.
    fields.number("time_to_live", 1, 14 * DAY_MS)?;
    let latest_ms = now_ms.saturating_add(7 * DAY_MS);
    fields.number("time_to_send", 0, latest_ms)?;
    Ok(())
}

fn check_extras(app: &XiaomiApp, fields: &Fields) -> Result<(), Refusal> {
    if let Some(channel) = fields.get("extra.channel_id")
        && !app.channels.is_empty()
        && !app.channels.iter().any(|known| known == channel)
    {
        return Err(Refusal::new(CHANNEL, "channel mismatch"));
    }
    match fields.number("extra.notify_effect", 1, 3)? {
        Some(2) => fields.required("extra.intent_uri").map(drop)?,
        Some(3) => fields.required("extra.web_uri").map(drop)?,
        _ => {}
    }
    fields.number("extra.notify_foreground", 0, 1)?;
    fields.number("extra.only_send_once", 0, 1)?;
    fields.number("extra.flow_control", 3_000, i64::MAX)?;
    if units(&fields.text("extra.jobkey")) > 20 {
        return Err(Refusal::new(VALUE, "extra.jobkey is not valid"));
    }
    let own = fields
        .0
        .iter()
        .filter(|(name, _)| name.starts_with("extra.") && !EXTRAS_KNOWN.contains(&name.as_str()));
    let lens = own.map(|(name, value)| units(name) - "extra.".len() + units(value));
    let lens: Vec<_> = lens.collect();
    if lens.len() > EXTRAS_MAX {
        return Err(Refusal::new(EXTRAS_MANY, "too many extras"));
    }
    if lens.iter().sum::<usize>() > EXTRAS_LEN_MAX {
        return Err(Refusal::new(EXTRAS_LONG, "extras are too long"));
    }
    check_callback(fields)
}

fn check_callback(fields: &Fields) -> Result<(), Refusal> {
    if let Some(url) = fields.get("extra.callback")
        && !["http://", "https://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
    {
        return Err(Refusal::new(CALLBACK_URL, "callback URL is not valid"));
    }
    if fields.text("extra.callback.param").len() > PARAMETER_LEN_MAX {
        let reason = "callback parameter is too long";
        return Err(Refusal::new(CALLBACK_PARAMETER, reason));
    }
    let kinds = fields.number("extra.callback.type", 1, KINDS)?;
    if kinds.is_some_and(|kinds| kinds & !KINDS != 0) {
        return Err(Refusal::new(VALUE, "extra.callback.type is not valid"));
    }
    Ok(())
}
