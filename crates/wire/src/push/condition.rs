//! `Condition`: which devices a `push` addresses.
//!
//! Whatever could address more devices than the caller meant is refused rather than ignored: it cannot be taken back.

use pushtally_model::{
    AttributeIndex, AttributeName, AttributeNames, AttributeValue, Condition, Tag,
};

use crate::object::{Object, Value};
use crate::{Code, WireError, label};

/// A condition as a caller says it. Fitting is what fits every part that is not empty; at least one is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// On tags, each part without repetitions.
    Tags {
        /// At least one of them.
        any: Vec<Tag>,
        /// All of them.
        all: Vec<Tag>,
        /// None of them.
        none: Vec<Tag>,
    },
    /// On attributes, by the names that the app gave them.
    Attributes {
        /// At least one of them.
        any: Vec<(AttributeName, AttributeValue)>,
        /// All of them.
        all: Vec<(AttributeName, AttributeValue)>,
    },
}

impl Selection {
    /// The names of attributes that it needs the app's names for.
    #[must_use]
    pub fn has_attributes(&self) -> bool {
        matches!(self, Self::Attributes { .. })
    }

    /// The condition, its attributes found by these names.
    pub fn resolve(self, names: &AttributeNames) -> Result<Condition, WireError> {
        let condition = match self {
            Self::Tags { any, all, none } => Condition {
                tags_any: any,
                tags_all: all,
                tags_none: none,
                ..Condition::default()
            },
            Self::Attributes { any, all } => Condition {
                attributes_any: indexed(any, names)?,
                attributes_all: indexed(all, names)?,
                ..Condition::default()
            },
        };
        Ok(condition)
    }
}

fn indexed(
    attributes: Vec<(AttributeName, AttributeValue)>,
    names: &AttributeNames,
) -> Result<Vec<(AttributeIndex, AttributeValue)>, WireError> {
    let index = |(name, value): (AttributeName, AttributeValue)| {
        let index = label::attribute_index(&name, names)?;
        Ok((index, value))
    };
    attributes.into_iter().map(index).collect()
}

/// What each part says.
#[derive(Default)]
struct Parts {
    tags_any: Vec<Tag>,
    tags_all: Vec<Tag>,
    tags_none: Vec<Tag>,
    attributes_any: Vec<(AttributeName, AttributeValue)>,
    attributes_all: Vec<(AttributeName, AttributeValue)>,
}

/// Reads it. Absent, null and `{}` address everybody.
pub(super) fn parse(condition: Option<Value<'_, '_>>) -> Result<Option<Selection>, WireError> {
    let Some(condition) = condition else {
        return Ok(None);
    };
    let mut parts = Parts::default();
    if condition.is_array() {
        // An official client library sends the parts as a list of objects.
        let wanted = "an object, or an array of objects";
        for (index, raw) in condition.items(wanted)?.into_iter().enumerate() {
            parts.read(&condition.item(index, raw).object()?)?;
        }
    } else {
        let object = condition.object()?;
        if object.entries()?.is_empty() {
            return Ok(None);
        }
        parts.read(&object)?;
    }
    parts.check(&condition).map(Some)
}

/// For `batch`, which has no condition.
pub(super) fn refuse(condition: Option<Value<'_, '_>>) -> Result<(), WireError> {
    match parse(condition) {
        Ok(None) => Ok(()),
        Ok(Some(_)) | Err(_) => condition.map_or(Ok(()), |condition| {
            Err(condition.refuse("absent, null or {}"))
        }),
    }
}

impl Parts {
    fn read(&mut self, object: &Object<'_, '_>) -> Result<(), WireError> {
        for (name, raw) in object.entries()? {
            match name {
                "TagsOr" => tags(object, "TagsOr", &mut self.tags_any)?,
                "TagsAnd" => tags(object, "TagsAnd", &mut self.tags_all)?,
                "TagsNot" => tags(object, "TagsNot", &mut self.tags_none)?,
                "AttrsOr" => attributes(object, "AttrsOr", &mut self.attributes_any)?,
                "AttrsAnd" => attributes(object, "AttrsAnd", &mut self.attributes_all)?,
                // It may have been meant to narrow.
                unknown if raw.get() != "null" => {
                    return Err(WireError::Field {
                        name: "Condition".into(),
                        wanted: "of TagsOr, TagsAnd, TagsNot, AttrsOr and AttrsAnd".into(),
                        value: unknown.to_owned(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check(self, condition: &Value<'_, '_>) -> Result<Selection, WireError> {
        let Self {
            tags_any,
            tags_all,
            tags_none,
            attributes_any,
            attributes_all,
        } = self;
        let has_tags = !(tags_any.is_empty() && tags_all.is_empty() && tags_none.is_empty());
        let has_attributes = !(attributes_any.is_empty() && attributes_all.is_empty());
        match (has_tags, has_attributes) {
            (true, true) => Err(WireError::TagsAndAttributes),
            // It may come from a caller's own mistake, and taking it for everybody could not be undone.
            (false, false) => {
                Err(condition.refuse("absent, null, {} or with a part that is not empty"))
            }
            (true, false) => {
                if let Some(tag) = tags_any.iter().find(|tag| tags_all.contains(tag)) {
                    let tag = tag.as_str().to_owned();
                    return Err(WireError::SameTag { tag });
                }
                Ok(Selection::Tags {
                    any: tags_any,
                    all: tags_all,
                    none: tags_none,
                })
            }
            (false, true) => Ok(Selection::Attributes {
                any: attributes_any,
                all: attributes_all,
            }),
        }
    }
}

/// A part's tags; its bound counts them as received, repetitions included.
fn tags(object: &Object<'_, '_>, name: &'static str, into: &mut Vec<Tag>) -> Result<(), WireError> {
    let Some(part) = object.get(name)? else {
        return Ok(());
    };
    for tag in label::tags(&part, Condition::TAGS_MAX)? {
        if !into.contains(&tag) {
            into.push(tag);
        }
    }
    if into.len() > Condition::TAGS_MAX {
        let too_many = WireError::TooMany {
            name: part.name(),
            count: into.len(),
            count_max: Condition::TAGS_MAX,
        };
        return Err(too_many.coded(Code::TooManyTags));
    }
    Ok(())
}

fn attributes(
    object: &Object<'_, '_>,
    name: &'static str,
    into: &mut Vec<(AttributeName, AttributeValue)>,
) -> Result<(), WireError> {
    let Some(part) = object.get(name)? else {
        return Ok(());
    };
    into.extend(label::attributes(part)?);
    Ok(())
}

#[cfg(test)]
mod tests;
