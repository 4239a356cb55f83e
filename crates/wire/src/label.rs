//! The commands on tags and attributes: their bodies and their replies.
//!
//! Which accounts exist and what they are labelled with is for `http` to ask. The bodies that public clients really send
//! are read, too, under the documented and under the older paths; docs/COMPATIBILITY.md lists them.

mod accounts;
mod attributes;
mod entries;
mod names;
mod reply;
mod tags;

use std::collections::BTreeSet;

use pushtally_model::{AttributeIndex, AttributeName, AttributeNames, AttributeValue, Tag};

use crate::object::{Object, Value};
use crate::{Code, WireError};

pub use accounts::AccountsRequest;
pub use attributes::{RemoveAttributes, SetAttributes};
pub use names::{SetNames, names, taken};
pub use reply::{attributes_of, done, tags_of};
pub use tags::{AddTags, RemoveTags};

/// The faults of these commands that have no code of their own.
fn malformed(error: WireError) -> WireError {
    error.common(Code::Malformed)
}

/// That a body of `get_attr_name` is an object, which has nothing to say.
pub fn check_empty(body: &[u8]) -> Result<(), WireError> {
    Object::of_body(body).map(drop).map_err(malformed)
}

/// A list of tags, as received; the bound counts repetitions.
pub(crate) fn tags(value: &Value<'_, '_>, count_max: usize) -> Result<Vec<Tag>, WireError> {
    const WANTED: &str = "an array of strings";
    let items = value.items(WANTED)?;
    if items.len() > count_max {
        let too_many = WireError::TooMany {
            name: value.name(),
            count: items.len(),
            count_max,
        };
        return Err(too_many.coded(Code::TooManyTags));
    }
    let read = |(index, raw)| tag(&value.item(index, raw));
    items.into_iter().enumerate().map(read).collect()
}

fn tag(value: &Value<'_, '_>) -> Result<Tag, WireError> {
    let text = value.text()?;
    let len = text.len();
    Tag::new(text).map_err(|_| match len {
        0 => value.refuse("1 to 50 bytes").coded(Code::TagEmpty),
        len if len > Tag::LEN_MAX => {
            let too_long = WireError::FieldTooLong {
                name: value.name(),
                len,
                len_max: Tag::LEN_MAX,
            };
            too_long.coded(Code::TagTooLong)
        }
        _ => value.refuse("without control characters"),
    })
}

/// An object of attributes and their values.
pub(crate) fn attributes(
    value: Value<'_, '_>,
) -> Result<Vec<(AttributeName, AttributeValue)>, WireError> {
    let bad = |error: WireError| error.coded(Code::AttributeBad);
    let object = value.object()?;
    let mut attributes = Vec::new();
    for (name, raw) in object.entries()? {
        let name = AttributeName::new(name).map_err(|_| unknown(name))?;
        let text = value.item(attributes.len(), raw).text();
        let text = text.map_err(|_| value.refuse_part("an object of strings", raw))?;
        let content = AttributeValue::new(text);
        let wanted = "values of 1 to 50 bytes without control characters";
        let content = content.map_err(|_| bad(value.refuse_part(wanted, raw)))?;
        attributes.push((name, content));
    }
    Ok(attributes)
}

/// A list of attributes' names.
fn attribute_names(value: &Value<'_, '_>) -> Result<BTreeSet<AttributeName>, WireError> {
    let items = value.items("an array of strings")?;
    let name = |(index, raw)| {
        let name = value.item(index, raw).text()?;
        AttributeName::new(name.as_ref()).map_err(|_| unknown(&name))
    };
    items.into_iter().enumerate().map(name).collect()
}

/// A name that no attribute can have is as unknown as one that none has.
fn unknown(name: &str) -> WireError {
    let name = name.to_owned();
    WireError::AttributeUnknown { name }
}

/// Which of the app's attributes has this name.
pub fn attribute_index(
    name: &AttributeName,
    names: &AttributeNames,
) -> Result<AttributeIndex, WireError> {
    let named = |(_, (known, _)): &(&AttributeIndex, &(AttributeName, _))| known == name;
    let found = names.iter().find(named);
    found
        .map(|(index, _)| *index)
        .ok_or_else(|| unknown(name.as_str()))
}

#[cfg(test)]
mod tests;
