//! The bodies of `push` and `batch`.

use std::borrow::Cow;
use std::collections::HashSet;

use pushtally_model::{Account, Notification};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::notification;
use crate::field::{self, Raw};
use crate::{ACCOUNTS_MAX, Code, DATA_ID_LEN_MAX, LIFE_TIME_S_MAX, WireError};

/// What both commands say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRequest {
    /// `From_Account`; `None` when a `push` does not say.
    pub sender: Option<String>,
    /// `MsgRandom`.
    pub random: u32,
    /// `DataId`; empty when absent.
    pub data_id: String,
    /// `OfflinePushInfo`.
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

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "From_Account")]
    sender: Raw<'a>,
    #[serde(borrow, rename = "To_Account")]
    accounts: Raw<'a>,
    #[serde(borrow, rename = "MsgRandom")]
    random: Raw<'a>,
    #[serde(borrow, rename = "Condition")]
    condition: Raw<'a>,
    #[serde(borrow, rename = "OfflinePushInfo")]
    notification: Raw<'a>,
    #[serde(borrow, rename = "DataId")]
    data_id: Raw<'a>,
    #[serde(borrow, rename = "MsgLifeTime")]
    life_time: Raw<'a>,
}

impl PushRequest {
    /// Reads the body of a `push`. `To_Account` means nothing in it and is ignored as every unknown field.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let fields: Fields<'_> = field::object(body).map_err(malformed)?;
        refuse_condition(fields.condition)?;
        read(&fields, sender(fields.sender)?)
    }
}

impl BatchRequest {
    /// Reads the body of a `batch`.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let fields: Fields<'_> = field::object(body).map_err(malformed)?;
        refuse_condition(fields.condition)?;
        let sender = sender(fields.sender)?;
        if sender.is_none() {
            let missing = WireError::FieldMissing {
                name: "From_Account",
            };
            return Err(missing.coded(Code::Malformed));
        }
        let names = names(fields.accounts)?;
        let push = read(&fields, sender)?;
        Ok(Self { push, names })
    }
}

/// The fields that both commands have.
fn read(fields: &Fields<'_>, sender: Option<String>) -> Result<PushRequest, WireError> {
    let random = random(fields.random)?;
    let raw = field::present("OfflinePushInfo", fields.notification).map_err(malformed)?;
    Ok(PushRequest {
        sender,
        random,
        data_id: fields.data_id.map_or(Ok(String::new()), data_id)?,
        notification: notification::parse(raw)?,
        life_time_s: fields.life_time.map_or(Ok(None), life_time_s)?,
    })
}

/// The faults of these two commands that have no code of their own have another common one than queries.
pub(super) fn malformed(error: WireError) -> WireError {
    match error.code() {
        Code::BadRequest => error.coded(Code::Malformed),
        _ => error,
    }
}

/// Empty is absent: client libraries send empty texts for what is not set.
fn sender(raw: Raw<'_>) -> Result<Option<String>, WireError> {
    const NAME: &str = "From_Account";
    let Some(raw) = raw else { return Ok(None) };
    let text = field::text(NAME, raw).map_err(malformed)?;
    if text.is_empty() {
        return Ok(None);
    }
    match Account::new(text) {
        Ok(account) => Ok(Some(account.as_str().to_owned())),
        Err(_) => Err(malformed(field::refuse(
            NAME,
            "1 to 128 bytes without control characters",
            raw,
        ))),
    }
}

fn random(raw: Raw<'_>) -> Result<u32, WireError> {
    const NAME: &str = "MsgRandom";
    let coded = |error: WireError| error.coded(Code::RandomBad);
    let raw = field::present(NAME, raw).map_err(coded)?;
    let wanted = "an integer from 0 to 4294967295";
    raw.get()
        .parse()
        .map_err(|_| coded(field::refuse(NAME, wanted, raw)))
}

/// An empty list of tags may come from a caller's own mistake, and taking it for everybody could not be undone.
fn refuse_condition(raw: Raw<'_>) -> Result<(), WireError> {
    match raw {
        None => Ok(()),
        Some(raw) if is_empty_object(raw) => Ok(()),
        Some(raw) => Err(malformed(field::refuse(
            "Condition",
            "absent, null or {} (conditions come with a later release)",
            raw,
        ))),
    }
}

fn is_empty_object(raw: &RawValue) -> bool {
    let inside = raw
        .get()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    inside.is_some_and(|inside| inside.trim().is_empty())
}

/// The bound counts names as received, repetitions included.
fn names(raw: Raw<'_>) -> Result<Vec<String>, WireError> {
    const NAME: &str = "To_Account";
    let raw = field::present(NAME, raw).map_err(|error| error.coded(Code::ToAccountMissing))?;
    let not_texts =
        |raw| field::refuse(NAME, "an array of strings", raw).coded(Code::ToAccountNotArray);
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| not_texts(raw))?;
    if items.is_empty() {
        return Err(field::refuse(NAME, "1 to 500 accounts", raw).coded(Code::ToAccountEmpty));
    }
    if items.len() > ACCOUNTS_MAX {
        return Err(WireError::TooManyAccounts { count: items.len() });
    }
    let mut seen: HashSet<Cow<'_, str>> = HashSet::with_capacity(items.len());
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        let name = field::text(NAME, item).map_err(|_| not_texts(item))?;
        if seen.insert(name.clone()) {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}

fn data_id(raw: &RawValue) -> Result<String, WireError> {
    const NAME: &str = "DataId";
    let text = field::text(NAME, raw).map_err(malformed)?;
    if text.len() > DATA_ID_LEN_MAX {
        let too_long = WireError::FieldTooLong {
            name: NAME,
            len: text.len(),
            len_max: DATA_ID_LEN_MAX,
        };
        return Err(too_long.coded(Code::DataIdTooLong));
    }
    Ok(text.into_owned())
}

/// 0 is documented as "not stored"; what it means here is that the caller has no wish.
fn life_time_s(raw: &RawValue) -> Result<Option<u32>, WireError> {
    const NAME: &str = "MsgLifeTime";
    let not_integer = || field::refuse(NAME, "an integer from 0 to 604800", raw);
    let seconds = raw
        .get()
        .parse::<i64>()
        .ok()
        .filter(|seconds| *seconds >= 0);
    let seconds = seconds.ok_or_else(|| not_integer().coded(Code::LifeTimeNotInteger))?;
    match u32::try_from(seconds) {
        Ok(0) => Ok(None),
        Ok(seconds) if seconds <= LIFE_TIME_S_MAX => Ok(Some(seconds)),
        _ => Err(not_integer().coded(Code::LifeTimeTooLong)),
    }
}

#[cfg(test)]
mod tests;
