//! Whom a condition addresses, as an operator writes it: what a backend's `Condition` says, in the words of this API.

use std::collections::BTreeMap;

use pushtally_model::{AppId, AttributeName, AttributeNames, AttributeValue, Condition, Tag};
use pushtally_store::{Accounts, StoreError};
use pushtally_wire::push::Selection;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A condition. Fitting is what fits every part that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(
    description = "Devices whose accounts fit every part that is not empty. One part at least is not; all are of tags or all of attributes."
)]
pub struct AskedCondition {
    /// At least one of these tags.
    #[schemars(length(max = Condition::TAGS_MAX))]
    pub tags_any: Vec<String>,
    /// All of these tags.
    #[schemars(length(max = Condition::TAGS_MAX))]
    pub tags_all: Vec<String>,
    /// None of these tags.
    #[schemars(length(max = Condition::TAGS_MAX))]
    pub tags_none: Vec<String>,
    /// At least one of these attributes, by the names that the app gave them.
    pub attributes_any: BTreeMap<String, String>,
    /// All of these attributes.
    pub attributes_all: BTreeMap<String, String>,
}

/// Why a condition is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConditionError {
    /// A part is not what it must be.
    #[error("`condition.{field}` must be {wanted}, not `{value}`")]
    Part {
        /// Its name.
        field: &'static str,
        /// What was wanted, in words.
        wanted: &'static str,
        /// What was received.
        value: String,
    },
    /// It says nothing, or two kinds of things.
    #[error("`condition` must be of tags or of attributes, with one part that is not empty")]
    Kinds,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a condition that may be left out. Its parts would be read from an array, too, by their place.
pub(super) fn object<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<AskedCondition>, D::Error> {
    let Some(parts) = Option::<serde_json::Map<_, _>>::deserialize(from)? else {
        return Ok(None);
    };
    AskedCondition::deserialize(parts)
        .map(Some)
        .map_err(D::Error::custom)
}

impl AskedCondition {
    /// The condition, its attributes found by the app's names for them.
    pub(super) async fn resolve(
        self,
        accounts: &dyn Accounts,
        app: AppId,
    ) -> Result<Condition, ConditionError> {
        let Self {
            tags_any,
            tags_all,
            tags_none,
            attributes_any,
            attributes_all,
        } = self;
        let has_tags = !(tags_any.is_empty() && tags_all.is_empty() && tags_none.is_empty());
        let has_attributes = !(attributes_any.is_empty() && attributes_all.is_empty());
        if has_tags == has_attributes {
            return Err(ConditionError::Kinds);
        }
        let mut names = AttributeNames::new();
        if has_attributes {
            names = accounts.attribute_names(app).await?;
        }
        let selection = if has_tags {
            Selection::Tags {
                any: tags("tags_any", tags_any)?,
                all: tags("tags_all", tags_all)?,
                none: tags("tags_none", tags_none)?,
            }
        } else {
            Selection::Attributes {
                any: attributes("attributes_any", attributes_any, &names)?,
                all: attributes("attributes_all", attributes_all, &names)?,
            }
        };
        // Its names are known: nothing else is refused here.
        selection.resolve(&names).map_err(|_| ConditionError::Kinds)
    }
}

fn tags(field: &'static str, texts: Vec<String>) -> Result<Vec<Tag>, ConditionError> {
    if texts.len() > Condition::TAGS_MAX {
        let value = texts.len().to_string();
        let wanted = "10 tags at most";
        return Err(ConditionError::Part {
            field,
            wanted,
            value,
        });
    }
    let mut tags = Vec::new();
    for text in texts {
        let tag = Tag::new(text.as_str()).map_err(|_| ConditionError::Part {
            field,
            wanted: "tags of 1 to 50 bytes without control characters",
            value: text,
        })?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn attributes(
    field: &'static str,
    texts: BTreeMap<String, String>,
    names: &AttributeNames,
) -> Result<Vec<(AttributeName, AttributeValue)>, ConditionError> {
    let mut attributes = Vec::new();
    for (name, value) in texts {
        let known = |name: &AttributeName| names.values().any(|(known, _)| known == name);
        let found = AttributeName::new(name.as_str()).ok().filter(known);
        let found = found.ok_or(ConditionError::Part {
            field,
            wanted: "by names that the app's attributes have",
            value: name,
        })?;
        let content = AttributeValue::new(value.as_str()).map_err(|_| ConditionError::Part {
            field,
            wanted: "values of 1 to 50 bytes without control characters",
            value,
        })?;
        attributes.push((found, content));
    }
    Ok(attributes)
}
