//! `set_attr_name` and `get_attr_name`: what an app calls its attributes, and whom each fits.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{AccountKind, AttributeIndex, AttributeName, AttributeNames};
use serde::Serialize;

use super::malformed;
use crate::envelope::{Success, to_json};
use crate::object::{Object, Value};
use crate::{Code, WireError};

/// Names attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetNames {
    /// At least one name, each once.
    pub names: BTreeMap<AttributeIndex, AttributeName>,
    /// Whom those fit that say so. Only attributes that are named here.
    pub kinds: BTreeMap<AttributeIndex, AccountKind>,
}

impl SetNames {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            let names = indexed(body.require("AttrNames")?, name)?;
            if names.is_empty() {
                let value = body.require("AttrNames")?;
                return Err(value.refuse("an object with at least one name"));
            }
            let mut seen = BTreeSet::new();
            if let Some(twice) = names.values().find(|name| !seen.insert(*name)) {
                let name = twice.as_str().to_owned();
                return Err(WireError::AttributeRepeated { name });
            }
            let kinds = body.get("AttrTypes")?;
            let kinds = kinds.map(|kinds| {
                let read = indexed(kinds, kind)?;
                match read.keys().all(|index| names.contains_key(index)) {
                    true => Ok(read),
                    false => Err(kinds.refuse("an object with keys that AttrNames has")),
                }
            });
            let kinds = kinds.transpose()?.unwrap_or_default();
            Ok(Self { names, kinds })
        };
        read().map_err(malformed)
    }
}

/// An object with a key for each attribute, `"0"` to `"9"`. Absent and null values say nothing, as elsewhere.
fn indexed<T>(
    value: Value<'_, '_>,
    read: impl Fn(Value<'_, '_>) -> Result<T, WireError>,
) -> Result<BTreeMap<AttributeIndex, T>, WireError> {
    let object = value.object()?;
    let mut indexed = BTreeMap::new();
    for (key, raw) in object.entries()? {
        let index = match key.as_bytes() {
            [digit @ b'0'..=b'9'] => AttributeIndex::new(digit - b'0'),
            _ => None,
        };
        let index = index.ok_or_else(|| WireError::Field {
            name: value.name(),
            wanted: "an object with keys from 0 to 9".into(),
            value: key.to_owned(),
        })?;
        if raw.get() != "null" {
            indexed.insert(index, read(value.item(index.get().into(), raw))?);
        }
    }
    Ok(indexed)
}

fn name(value: Value<'_, '_>) -> Result<AttributeName, WireError> {
    let name = AttributeName::new(value.text()?);
    name.map_err(|_| value.refuse("1 to 50 bytes without control characters"))
        .map_err(|error| error.coded(Code::AttributeBad))
}

fn kind(value: Value<'_, '_>) -> Result<AccountKind, WireError> {
    match value.json() {
        "0" => Ok(AccountKind::User),
        "1" => Ok(AccountKind::Phone),
        _ => Err(value.refuse("0 or 1")),
    }
}

/// The text of a name that another attribute has, as the documented sample says it.
#[must_use]
pub fn taken(name: &AttributeName, by: AttributeIndex) -> String {
    format!("attrName:{name} already exists at index:{}", by.get())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    attr_names: BTreeMap<u8, &'a str>,
    attr_types: BTreeMap<u8, u8>,
}

/// The reply of `get_attr_name`.
#[must_use]
pub fn names(names: &AttributeNames) -> Vec<u8> {
    let entries = || {
        names
            .iter()
            .map(|(index, (name, kind))| (index.get(), name, kind))
    };
    let named = Named {
        attr_names: entries()
            .map(|(index, name, _)| (index, name.as_str()))
            .collect(),
        attr_types: entries()
            .map(|(index, _, kind)| (index, *kind as u8))
            .collect(),
    };
    to_json(&Success::new(named))
}
