//! The bodies of `push`, `batch` and `message-push`.

use std::borrow::Cow;
use std::collections::HashSet;

use pushtally_model::{Account, ChatMessage, Notification, TaskId};

use super::{Selection, condition, message, notification};
use crate::object::{Object, Value};
use crate::{ACCOUNTS_MAX, Code, DATA_ID_LEN_MAX, LIFE_TIME_S_MAX, NAME_LEN_MAX, WireError};

/// What all of them say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRequest {
    /// `Condition`; `None` is everybody. Never there in a `batch`.
    pub selection: Option<Selection>,
    /// `From_Account`; `None` when a `push` does not say.
    pub sender: Option<String>,
    /// `MsgRandom`.
    pub random: u32,
    /// `DataId`; empty when absent.
    pub data_id: String,
    /// `OfflinePushInfo`, with the text of `MsgBody` where it has none.
    pub notification: Notification,
    /// `MsgLifeTime` in seconds, 1 to [`LIFE_TIME_S_MAX`]; `None` is the app's default.
    pub life_time_s: Option<u32>,
}

/// A `batch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// What a `push` says, too.
    pub push: PushRequest,
    /// `To_Account`: 1 to [`ACCOUNTS_MAX`] names, each once, in the order of the request. Not all of them need be
    /// names that an account can have.
    pub names: Vec<String>,
}

/// A `message-push`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePushRequest {
    /// What a `push` says, too.
    pub push: PushRequest,
    /// `To_Account`, as in a `batch`: of a group's message those of its members that are to get it.
    pub names: Vec<String>,
    /// `PushID`; `None` when it is to be made.
    pub id: Option<TaskId>,
    /// The message, as far as it is named.
    pub message: ChatMessage,
}

impl PushRequest {
    /// Reads the body of a `push`. `To_Account` means nothing in it and is ignored as every unknown field.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            let selection = condition::parse(body.get("Condition")?)?;
            read(&body, selection, sender(&body)?)
        };
        read().map_err(malformed)
    }
}

impl BatchRequest {
    /// Reads the body of a `batch`.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            condition::refuse(body.get("Condition")?)?;
            let sender = sender(&body)?;
            let sender = sender.ok_or_else(|| missing("From_Account", Code::Malformed))?;
            let names = names(&body)?;
            let push = read(&body, None, Some(sender))?;
            Ok(Self { push, names })
        };
        read().map_err(malformed)
    }
}

impl MessagePushRequest {
    /// Reads the body of a `message-push`.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            condition::refuse(body.get("Condition")?)?;
            let sender = sender(&body)?;
            let sender = sender.ok_or_else(|| missing("From_Account", Code::Malformed))?;
            let names = names(&body)?;
            Ok(Self {
                push: read(&body, None, Some(sender))?,
                names,
                id: push_id(&body)?,
                message: ChatMessage {
                    key: named(&body, "MsgKey")?.unwrap_or_default(),
                    seq: msg_seq(&body)?,
                    sent_at: body.get("MsgTime")?.map(|time| time.second()).transpose()?,
                    group: named(&body, "GroupId")?,
                },
            })
        };
        read().map_err(malformed)
    }
}

/// Empty is absent, as for a sender.
fn named(body: &Object<'_, '_>, name: &'static str) -> Result<Option<String>, WireError> {
    let Some(value) = body.get(name)? else {
        return Ok(None);
    };
    let text = value.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > NAME_LEN_MAX || text.chars().any(char::is_control) {
        return Err(value.refuse("1 to 128 bytes without control characters"));
    }
    Ok(Some(text.into_owned()))
}

fn push_id(body: &Object<'_, '_>) -> Result<Option<TaskId>, WireError> {
    const { assert!(TaskId::LEN_MAX == NAME_LEN_MAX) };
    let id = named(body, "PushID")?;
    Ok(id.and_then(|id| TaskId::new(id).ok()))
}

fn msg_seq(body: &Object<'_, '_>) -> Result<Option<u32>, WireError> {
    let Some(value) = body.get("MsgSeq")? else {
        return Ok(None);
    };
    let seq = value.json().parse();
    seq.map(Some)
        .map_err(|_| value.refuse("an integer from 0 to 4294967295"))
}

/// The fields that all commands have.
fn read(
    body: &Object<'_, '_>,
    selection: Option<Selection>,
    sender: Option<String>,
) -> Result<PushRequest, WireError> {
    let random = random(body)?;
    let notification = shown(body)?;
    body.flag("OnlineOnlyFlag")?;
    Ok(PushRequest {
        selection,
        sender,
        random,
        data_id: data_id(body)?,
        notification,
        life_time_s: life_time_s(body)?,
    })
}

/// `OfflinePushInfo` goes first; a message of the Chat family may do without it.
fn shown(body: &Object<'_, '_>) -> Result<Notification, WireError> {
    let message = body.get("MsgBody")?;
    let message = message.map(|body| message::parse(&body)).transpose()?;
    let info = match message {
        Some(_) => body.get("OfflinePushInfo")?,
        None => Some(body.require("OfflinePushInfo")?),
    };
    let mut shown = info.map_or(Ok(Notification::default()), notification::parse)?;
    if let Some(message) = message {
        if shown.desc.is_empty() {
            shown.desc = message.desc;
        }
        if shown.ext.is_empty() {
            shown.ext = message.ext;
        }
    }
    Ok(shown)
}

/// The faults of these two commands that have no code of their own have another common one than queries.
fn malformed(error: WireError) -> WireError {
    error.common(Code::Malformed)
}

/// Empty is absent: client libraries send empty texts for what is not set.
fn sender(body: &Object<'_, '_>) -> Result<Option<String>, WireError> {
    let Some(value) = body.get("From_Account")? else {
        return Ok(None);
    };
    let text = value.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    match Account::new(text) {
        Ok(account) => Ok(Some(account.as_str().to_owned())),
        Err(_) => Err(value.refuse("1 to 128 bytes without control characters")),
    }
}

fn random(body: &Object<'_, '_>) -> Result<u32, WireError> {
    let Some(value) = body.get("MsgRandom")? else {
        return Err(missing("MsgRandom", Code::RandomBad));
    };
    let wanted = "an integer from 0 to 4294967295";
    let random = value.json().parse();
    random.map_err(|_| value.refuse(wanted).coded(Code::RandomBad))
}

fn missing(name: &'static str, code: Code) -> WireError {
    let name = name.into();
    WireError::FieldMissing { name }.coded(code)
}

/// The bound counts names as received, repetitions included.
fn names(body: &Object<'_, '_>) -> Result<Vec<String>, WireError> {
    const WANTED: &str = "an array of strings";
    let not_texts = |error: WireError| error.coded(Code::ToAccountNotArray);
    let Some(value) = body.get("To_Account")? else {
        return Err(missing("To_Account", Code::ToAccountMissing));
    };
    let items = value.items(WANTED).map_err(not_texts)?;
    if items.is_empty() {
        return Err(value
            .refuse("1 to 500 accounts")
            .coded(Code::ToAccountEmpty));
    }
    if items.len() > ACCOUNTS_MAX {
        return Err(WireError::TooManyAccounts { count: items.len() });
    }
    let mut seen: HashSet<Cow<'_, str>> = HashSet::with_capacity(items.len());
    let mut names = Vec::with_capacity(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        let name = value.item(index, raw).text();
        let name = name.map_err(|_| not_texts(value.refuse_part(WANTED, raw)))?;
        if seen.insert(name.clone()) {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}

fn data_id(body: &Object<'_, '_>) -> Result<String, WireError> {
    let text = body.text("DataId")?;
    if text.len() > DATA_ID_LEN_MAX {
        let too_long = WireError::FieldTooLong {
            name: "DataId".into(),
            len: text.len(),
            len_max: DATA_ID_LEN_MAX,
        };
        return Err(too_long.coded(Code::DataIdTooLong));
    }
    Ok(text)
}

/// 0 is documented as "not stored"; what it means here is that the caller has no wish.
fn life_time_s(body: &Object<'_, '_>) -> Result<Option<u32>, WireError> {
    let Some(value) = body.get("MsgLifeTime")? else {
        return Ok(None);
    };
    let not_integer = |code| refuse_life_time(&value, code);
    let seconds = value.json().parse::<i64>().ok();
    let seconds = seconds.filter(|seconds| *seconds >= 0);
    let seconds = seconds.ok_or_else(|| not_integer(Code::LifeTimeNotInteger))?;
    match u32::try_from(seconds) {
        Ok(0) => Ok(None),
        Ok(seconds) if seconds <= LIFE_TIME_S_MAX => Ok(Some(seconds)),
        _ => Err(not_integer(Code::LifeTimeTooLong)),
    }
}

fn refuse_life_time(value: &Value<'_, '_>, code: Code) -> WireError {
    value.refuse("an integer from 0 to 604800").coded(code)
}

#[cfg(test)]
mod tests;
