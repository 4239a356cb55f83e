//! The bodies of `set_attr` and `remove_attr`.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{AttributeName, AttributeValue};

use super::entries::{self, Names};
use super::malformed;
use crate::WireError;
use crate::object::Object;

const NAMES: Names = Names {
    list: "UserAttrs",
    content: "Attrs",
};

/// Gives accounts attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAttributes {
    /// 1 to [`crate::ENTRIES_MAX`] names as received, each with at least one value.
    pub entries: Vec<(String, BTreeMap<AttributeName, AttributeValue>)>,
}

/// Takes attributes away from accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveAttributes {
    /// 1 to [`crate::ENTRIES_MAX`] names as received, each with at least one attribute.
    pub entries: Vec<(String, BTreeSet<AttributeName>)>,
}

impl SetAttributes {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            entries::read(&body, NAMES, |value| {
                let attributes = super::attributes(value)?;
                if attributes.is_empty() {
                    return Err(value.refuse("an object with at least one attribute"));
                }
                Ok(attributes.into_iter().collect())
            })
        };
        let entries = read().map_err(malformed)?;
        Ok(Self { entries })
    }
}

impl RemoveAttributes {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            entries::read(&body, NAMES, |value| {
                let names = super::attribute_names(&value)?;
                if names.is_empty() {
                    return Err(value.refuse("an array of at least one attribute"));
                }
                Ok(names)
            })
        };
        let entries = read().map_err(malformed)?;
        Ok(Self { entries })
    }
}
