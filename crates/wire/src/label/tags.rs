//! The bodies of `add_tag` and `remove_tag`.

use std::collections::BTreeSet;

use pushtally_model::{Labels, Tag};

use super::entries::{self, Names};
use super::malformed;
use crate::object::{Object, Value};
use crate::{TAGS_ADDED_MAX, WireError};

const NAMES: Names = Names {
    list: "UserTags",
    content: "Tags",
};

/// Gives accounts tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddTags {
    /// Whether they are the accounts' only tags from now on (`Replace` 1).
    pub replace: bool,
    /// 1 to [`crate::ENTRIES_MAX`] names as received, each with at least one tag.
    pub entries: Vec<(String, BTreeSet<Tag>)>,
}

/// Takes tags away from accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveTags {
    /// 1 to [`crate::ENTRIES_MAX`] names as received, each with at least one tag.
    pub entries: Vec<(String, BTreeSet<Tag>)>,
}

impl AddTags {
    /// Reads a body. Replacing an account's tags with none is refused: `clear_all_tags` says that it is meant.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            let replace = body.flag("Replace")?.unwrap_or(false);
            let count_max = if replace {
                Labels::TAGS_MAX
            } else {
                TAGS_ADDED_MAX
            };
            let entries = entries::read(&body, NAMES, |value| tags(value, count_max))?;
            Ok(Self { replace, entries })
        };
        read().map_err(malformed)
    }
}

impl RemoveTags {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            entries::read(&body, NAMES, |value| tags(value, Labels::TAGS_MAX))
        };
        let entries = read().map_err(malformed)?;
        Ok(Self { entries })
    }
}

fn tags(value: Value<'_, '_>, count_max: usize) -> Result<BTreeSet<Tag>, WireError> {
    let tags = super::tags(&value, count_max)?;
    if tags.is_empty() {
        return Err(value.refuse("an array of at least one tag"));
    }
    Ok(tags.into_iter().collect())
}
