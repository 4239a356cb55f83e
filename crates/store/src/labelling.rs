//! What naming attributes and changing labels do, and where the index has a device: values in, values out.
//!
//! Every engine looks up what these functions ask for, and writes what they answer. They know no storage.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{
    Account, AccountKind, AttributeIndex, AttributeName, AttributeNames, Device, Labels, Tag,
    TokenKind,
};

use crate::ports::{AttributeNaming, IndexKey, LabelChange, LabelsChanged, NamesChanged};

/// Whose labels a device has: its account, or itself while nobody is signed in on it.
#[must_use]
pub fn owner(device: &Device) -> (AccountKind, Account) {
    match &device.account {
        Some(account) => (AccountKind::User, account.clone()),
        None => (AccountKind::Phone, Account::from(&device.registration_id)),
    }
}

/// What the index has a registered device under, given the labels of its owner.
#[must_use]
pub fn index_keys(device: &Device, labels: &Labels) -> BTreeSet<IndexKey> {
    let kind = match device.account {
        Some(_) => AccountKind::User,
        None => AccountKind::Phone,
    };
    let mut keys = label_keys(labels);
    keys.extend([IndexKey::Registered, IndexKey::Kind(kind)]);
    let alerts = device.facts.tokens.iter();
    let alerts = alerts.filter(|token| token.kind == TokenKind::Alert);
    keys.extend(alerts.map(|token| IndexKey::Reachable(token.channel)));
    keys
}

/// What the index has the devices of a name with these labels under.
#[must_use]
pub fn label_keys(labels: &Labels) -> BTreeSet<IndexKey> {
    let tags = labels.tags.iter().cloned().map(IndexKey::Tag);
    let attributes = labels.attributes.iter();
    let attributes = attributes.map(|(index, value)| IndexKey::Attribute(*index, value.clone()));
    tags.chain(attributes).collect()
}

/// What an engine does with the naming of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamingPlan {
    /// It answers this and writes nothing.
    Answer(NamesChanged),
    /// It stores these names and answers that it is done.
    Change(AttributeNames),
}

/// Decides on the naming of attributes. Names may be exchanged: what counts is what they would be in the end.
#[must_use]
pub fn plan_naming(known: &AttributeNames, naming: &AttributeNaming) -> NamingPlan {
    let mut names = known.clone();
    for (index, name) in &naming.names {
        let asked = naming.kinds.get(index).copied();
        let kind = match (known.get(index).map(|(_, kind)| *kind), asked) {
            (Some(kind), Some(other)) if kind != other => {
                let index = *index;
                return NamingPlan::Answer(NamesChanged::OtherKind { index, kind });
            }
            (Some(kind), _) => kind,
            (None, asked) => asked.unwrap_or_default(),
        };
        names.insert(*index, (name.clone(), kind));
    }
    for (index, name) in &naming.names {
        let other = names
            .iter()
            .find(|(other, (taken, _))| *other != index && taken == name);
        if let Some((by, _)) = other {
            let (name, by) = (name.clone(), *by);
            return NamingPlan::Answer(NamesChanged::Taken { name, by });
        }
    }
    if names == *known {
        return NamingPlan::Answer(NamesChanged::Done);
    }
    NamingPlan::Change(names)
}

/// Who has a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagUse {
    /// The kind of account that it fits.
    pub kind: AccountKind,
    /// How many have it; never 0.
    pub accounts: u64,
}

/// What an engine knows of an app when it changes labels.
#[derive(Debug)]
pub struct Known<'a> {
    /// What the app calls its attributes.
    pub names: &'a AttributeNames,
    /// Who has the tags of [`tags_moved`]; a tag that nobody has is missing.
    pub uses: &'a BTreeMap<Tag, TagUse>,
    /// How many distinct tags the accounts of the app have.
    pub tags_of_app: usize,
}

/// What an engine does with a change of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelPlan {
    /// It answers this and writes nothing.
    Answer(LabelsChanged),
    /// It stores these labels and answers that it is done.
    Change(Labels),
}

/// The tags that an account would get or lose: an engine looks up who has them.
#[must_use]
pub fn tags_moved(labels: &Labels, change: &LabelChange) -> BTreeSet<Tag> {
    let after = tags_after(&labels.tags, change);
    labels.tags.symmetric_difference(&after).cloned().collect()
}

/// Decides on a change of the labels of an account that is known.
#[must_use]
pub fn plan_labels(
    known: &Known<'_>,
    kind: AccountKind,
    labels: &Labels,
    change: &LabelChange,
) -> LabelPlan {
    match labels_after(known, kind, labels, change) {
        Err(refused) => LabelPlan::Answer(refused),
        Ok(after) if after == *labels => LabelPlan::Answer(LabelsChanged::Done),
        Ok(after) => LabelPlan::Change(after),
    }
}

fn labels_after(
    known: &Known<'_>,
    kind: AccountKind,
    labels: &Labels,
    change: &LabelChange,
) -> Result<Labels, LabelsChanged> {
    let mut after = labels.clone();
    match change {
        LabelChange::SetAttributes(values) => {
            for (name, value) in values {
                let (index, fits) = attribute(known.names, name)?;
                require(name.as_str(), fits, kind)?;
                after.attributes.insert(index, value.clone());
            }
        }
        LabelChange::RemoveAttributes(names) => {
            for name in names {
                let (index, _) = attribute(known.names, name)?;
                after.attributes.remove(&index);
            }
        }
        LabelChange::AddTags(_)
        | LabelChange::ReplaceTags(_)
        | LabelChange::RemoveTags(_)
        | LabelChange::ClearTags => {
            after.tags = tags_after(&labels.tags, change);
            check_tags(known, kind, &labels.tags, &after.tags)?;
        }
    }
    Ok(after)
}

fn attribute(
    names: &AttributeNames,
    name: &AttributeName,
) -> Result<(AttributeIndex, AccountKind), LabelsChanged> {
    let found = names.iter().find(|(_, (known, _))| known == name);
    found
        .map(|(index, (_, kind))| (*index, *kind))
        .ok_or_else(|| LabelsChanged::UnknownAttribute(name.clone()))
}

fn require(label: &str, fits: AccountKind, kind: AccountKind) -> Result<(), LabelsChanged> {
    if fits == kind {
        return Ok(());
    }
    let label = label.to_owned();
    Err(LabelsChanged::OtherKind { label, kind: fits })
}

fn tags_after(tags: &BTreeSet<Tag>, change: &LabelChange) -> BTreeSet<Tag> {
    match change {
        LabelChange::AddTags(more) => tags | more,
        LabelChange::ReplaceTags(others) => others.clone(),
        LabelChange::RemoveTags(gone) => tags - gone,
        LabelChange::ClearTags => BTreeSet::new(),
        LabelChange::SetAttributes(_) | LabelChange::RemoveAttributes(_) => tags.clone(),
    }
}

fn check_tags(
    known: &Known<'_>,
    kind: AccountKind,
    before: &BTreeSet<Tag>,
    after: &BTreeSet<Tag>,
) -> Result<(), LabelsChanged> {
    let gained = || after.difference(before);
    for tag in gained() {
        if let Some(used) = known.uses.get(tag) {
            require(tag.as_str(), used.kind, kind)?;
        }
    }
    let count = after.len();
    if count > Labels::TAGS_MAX && count > before.len() {
        return Err(LabelsChanged::TooManyTags { count });
    }
    let accounts = |tag: &Tag| known.uses.get(tag).map_or(0, |used| used.accounts);
    let new = gained().filter(|tag| accounts(tag) == 0).count();
    let freed = before.difference(after).filter(|tag| accounts(tag) <= 1);
    let of_app = (known.tags_of_app + new).saturating_sub(freed.count());
    if new > 0 && of_app > Labels::TAGS_OF_APP_MAX {
        return Err(LabelsChanged::TooManyTagsOfApp);
    }
    Ok(())
}
