//! The bodies of the commands on accounts.

use pushtally_model::Account;

use crate::object::{Object, Value};
use crate::{Code, ENTRIES_MAX, USER_ID_LEN_MAX, WireError};

/// `account_import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// The account.
    pub account: Account,
}

/// `multiaccount_import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportAllRequest {
    /// Those that can be imported, in the order of the request.
    pub accounts: Vec<Account>,
    /// Names that no account can have, in the order of the request.
    pub failed: Vec<String>,
}

/// `account_check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRequest {
    /// 1 to [`ENTRIES_MAX`] names as received.
    pub names: Vec<String>,
}

/// `account_delete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRequest {
    /// 1 to [`ENTRIES_MAX`] names as received.
    pub names: Vec<String>,
}

impl ImportRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            let value = user_id(&body)?;
            check_profile(&body)?;
            let wanted = "1 to 32 bytes without control characters";
            let account = account(&value.text()?).ok_or_else(|| value.refuse(wanted))?;
            Ok(Self { account })
        };
        read().map_err(malformed)
    }
}

impl ImportAllRequest {
    /// Reads a body: objects in `AccountList`, or names in `Accounts` as older clients send them.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            let older = body.get("Accounts")?;
            if let (None, Some(older)) = (body.get("AccountList")?, older) {
                return names(&older, "an array of strings", |item| {
                    Ok(item.text()?.into_owned())
                });
            }
            objects(&body, "AccountList", |item| {
                check_profile(item)?;
                Ok(user_id(item)?.text()?.into_owned())
            })
        };
        let names = read().map_err(malformed)?;
        let failed = names.iter().filter(|name| account(name).is_none());
        Ok(Self {
            accounts: names.iter().filter_map(|name| account(name)).collect(),
            failed: failed.cloned().collect(),
        })
    }
}

impl CheckRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let names = user_ids(body, "CheckItem").map_err(malformed)?;
        Ok(Self { names })
    }
}

impl DeleteRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let names = user_ids(body, "DeleteItem").map_err(malformed)?;
        Ok(Self { names })
    }
}

fn malformed(error: WireError) -> WireError {
    error.common(Code::AccountRequestBad)
}

/// An imported account's name is shorter than one that a device may be registered with.
fn account(name: &str) -> Option<Account> {
    let fits = name.len() <= USER_ID_LEN_MAX;
    fits.then(|| Account::new(name).ok()).flatten()
}

/// Older clients say `Identifier`.
fn user_id<'s, 'a>(object: &'s Object<'_, 'a>) -> Result<Value<'s, 'a>, WireError> {
    match object.get("UserID")? {
        Some(value) => Ok(value),
        None => match object.get("Identifier")? {
            Some(value) => Ok(value),
            None => object.require("UserID"),
        },
    }
}

fn check_profile(object: &Object<'_, '_>) -> Result<(), WireError> {
    object.text("Nick")?;
    object.text("FaceUrl").map(drop)
}

fn user_ids(body: &[u8], list: &'static str) -> Result<Vec<String>, WireError> {
    let body = Object::of_body(body)?;
    objects(&body, list, |item| {
        Ok(item.require("UserID")?.text()?.into_owned())
    })
}

fn objects(
    body: &Object<'_, '_>,
    list: &'static str,
    read: impl Fn(&Object<'_, '_>) -> Result<String, WireError>,
) -> Result<Vec<String>, WireError> {
    let value = body.require(list)?;
    names(&value, "an array of objects", |item| read(&item.object()?))
}

/// The names in a list of 1 to [`ENTRIES_MAX`].
fn names(
    list: &Value<'_, '_>,
    wanted: &'static str,
    read: impl Fn(Value<'_, '_>) -> Result<String, WireError>,
) -> Result<Vec<String>, WireError> {
    let items = list.items(wanted)?;
    let (name, count, count_max) = (list.name(), items.len(), ENTRIES_MAX);
    if items.is_empty() {
        return Err(list.refuse("1 to 100 accounts"));
    }
    if count > count_max {
        return Err(WireError::TooMany {
            name,
            count,
            count_max,
        });
    }
    let read = |(index, raw)| read(list.item(index, raw));
    items.into_iter().enumerate().map(read).collect()
}
