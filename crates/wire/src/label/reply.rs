//! The replies of the commands on tags and attributes.

use std::collections::BTreeMap;

use pushtally_model::{AttributeNames, Labels, Tag};
use serde::Serialize;

use crate::AccountError;
use crate::envelope::{Success, to_json};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Done<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    error_list: &'a [AccountError<'a>],
}

/// The reply to a change; `errors` are the accounts that were not changed.
#[must_use]
pub fn done(errors: &[AccountError<'_>]) -> Vec<u8> {
    to_json(&Success::new(Done { error_list: errors }))
}

#[derive(Serialize)]
struct TagsOf<'a> {
    #[serde(rename = "To_Account")]
    account: &'a str,
    #[serde(rename = "Tags")]
    tags: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserTags<'a> {
    user_tags: Vec<TagsOf<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    error_list: &'a [AccountError<'a>],
}

/// The reply of `get_tag`: tags in the order of their bytes.
#[must_use]
pub fn tags_of(accounts: &[(&str, Labels)], errors: &[AccountError<'_>]) -> Vec<u8> {
    let mut user_tags = Vec::with_capacity(accounts.len());
    for (account, labels) in accounts {
        let tags = labels.tags.iter().map(Tag::as_str);
        let tags = tags.collect();
        user_tags.push(TagsOf { account, tags });
    }
    to_json(&Success::new(UserTags {
        user_tags,
        error_list: errors,
    }))
}

#[derive(Serialize)]
struct AttributesOf<'a> {
    #[serde(rename = "To_Account")]
    account: &'a str,
    #[serde(rename = "Attrs")]
    attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserAttributes<'a> {
    #[serde(rename = "UserAttrs")]
    accounts: Vec<AttributesOf<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    error_list: &'a [AccountError<'a>],
}

/// The reply of `get_attr`: by the names that the attributes have now.
#[must_use]
pub fn attributes_of(
    accounts: &[(&str, Labels)],
    names: &AttributeNames,
    errors: &[AccountError<'_>],
) -> Vec<u8> {
    let mut rows = Vec::with_capacity(accounts.len());
    for (account, labels) in accounts {
        let named = labels.attributes.iter().filter_map(|(index, value)| {
            let (name, _) = names.get(index)?;
            Some((name.as_str(), value.as_str()))
        });
        let attributes = named.collect();
        rows.push(AttributesOf {
            account,
            attributes,
        });
    }
    to_json(&Success::new(UserAttributes {
        accounts: rows,
        error_list: errors,
    }))
}
