//! The entries of a change: an account, and what is to be changed of it.
//!
//! Documented is a list, such as `UserTags`. Public clients also send the same list under the inner name (`Tags`), and one
//! account's change without a list: `{"To_Account": "a", "Tags": ["x"]}`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::object::{Object, Value};
use crate::{Code, ENTRIES_MAX, WireError};

/// How a family calls its list and what is in it.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) list: &'static str,
    pub(super) content: &'static str,
}

/// Reads every entry: the account's name as received, and its content. The bound counts repetitions.
pub(super) fn read<T>(
    body: &Object<'_, '_>,
    names: Names,
    content: impl Fn(Value<'_, '_>) -> Result<T, WireError>,
) -> Result<Vec<(String, T)>, WireError>
where
    T: Clone,
{
    let accounts = body.get("To_Account")?;
    if body.get(names.list)?.is_none()
        && let Some(accounts) = accounts
    {
        let accounts = account_names(&accounts)?;
        let content = content(body.require(names.content)?)?;
        let entry = |name: String| (name, content.clone());
        return Ok(accounts.into_iter().map(entry).collect());
    }
    let list = match body.get(names.list)? {
        Some(list) => list,
        None => match body.get(names.content)? {
            Some(list) => list,
            None => body.require(names.list)?,
        },
    };
    let items = bounded(&list, "an array of objects")?;
    let mut entries = Vec::with_capacity(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        let entry = list.item(index, raw).object()?;
        let name = entry.require("To_Account")?.text()?.into_owned();
        entries.push((name, content(entry.require(names.content)?)?));
    }
    Ok(entries)
}

/// The names of a list, or the one name that is there without one, as received.
pub(super) fn account_names(accounts: &Value<'_, '_>) -> Result<Vec<String>, WireError> {
    if accounts.is_text() {
        return Ok(vec![accounts.text()?.into_owned()]);
    }
    let items = bounded(accounts, "an array of strings")?;
    let name = |(index, raw)| accounts.item(index, raw).text().map(Cow::into_owned);
    items.into_iter().enumerate().map(name).collect()
}

/// The items of an array of 1 to [`ENTRIES_MAX`].
fn bounded<'a>(list: &Value<'_, 'a>, wanted: &'static str) -> Result<Vec<&'a RawValue>, WireError> {
    let items = list.items(wanted)?;
    match items.len() {
        0 => Err(list.refuse("1 to 100 entries")),
        count if count > ENTRIES_MAX => {
            let (name, count_max) = (list.name(), ENTRIES_MAX);
            let too_many = WireError::TooMany {
                name,
                count,
                count_max,
            };
            Err(too_many.coded(Code::TooManyEntries))
        }
        _ => Ok(items),
    }
}
