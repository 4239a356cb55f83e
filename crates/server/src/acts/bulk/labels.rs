//! Tags and attributes of many accounts: rows are read, names that nobody has become accounts, labels are changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::{
    Account, AccountKind, AppId, AttributeName, AttributeNames, AttributeValue, Labels, Tag,
};
use pushtally_store::{Accounts, LabelChange, Labelled, LabelsChanged, StoreError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::bulk::{Counts, Fault, Kind, Row};

/// A row: who gets which labels.
struct Asked {
    line: u64,
    /// Whom the name stands for, if the row says so.
    kind: Option<AccountKind>,
    change: (Account, LabelChange),
}

/// Takes rows in, one after the other. A name that nobody has becomes an account, unless the row says that it is a
/// phone's.
pub(super) async fn import(
    accounts: &dyn Accounts,
    app: AppId,
    kind: Kind,
    replace: bool,
    rows: &[Row],
) -> Result<(Counts, Vec<(u64, Fault)>), StoreError> {
    let (mut asked, mut faults) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match read(kind, replace, row) {
            Ok(one) => asked.push(one),
            Err(fault) => faults.push((row.line, fault)),
        }
    }
    let names: Vec<Account> = asked.iter().map(|asked| asked.change.0.clone()).collect();
    let known = accounts.labels_of(app, &names).await?;
    let attributes = accounts.attribute_names(app).await?;
    let mut new = BTreeSet::new();
    let (mut sound, mut before) = (Vec::with_capacity(asked.len()), Vec::new());
    for (asked, known) in asked.into_iter().zip(known) {
        let found = known.as_ref().map(|known| known.kind);
        match (asked.kind, found) {
            (Some(AccountKind::Phone), None) => {
                faults.push((asked.line, Fault::of("account", "no phone has this name")));
                continue;
            }
            (Some(AccountKind::Phone), Some(AccountKind::User)) => {
                let told = "this name is an account's, not a phone's";
                faults.push((asked.line, Fault::of("account", told)));
                continue;
            }
            (None | Some(AccountKind::User), None)
            | (Some(AccountKind::User), Some(AccountKind::Phone)) => {
                new.insert(asked.change.0.clone());
            }
            (_, Some(_)) => {}
        }
        before.push(known.filter(|known| asked.kind.is_none_or(|kind| kind == known.kind)));
        sound.push(asked);
    }
    let new: Vec<Account> = new.into_iter().collect();
    accounts.import_accounts(app, &new).await?;
    let (lines, changes): (Vec<u64>, Vec<_>) = sound
        .into_iter()
        .map(|asked| (asked.line, asked.change))
        .unzip();
    let answers = accounts.change_labels(app, &changes).await?;
    let mut counts = Counts::default();
    let rows = lines.into_iter().zip(&changes).zip(before).zip(answers);
    for (((line, (name, change)), before), answer) in rows {
        match fault(change, answer) {
            Some(fault) => faults.push((line, fault)),
            // Of several rows of a new account the first is counted as new.
            None => match before {
                None if new.binary_search(name).is_ok() => counts.new += 1,
                Some(before) if has(&before, &attributes, change) => counts.same += 1,
                None | Some(_) => counts.changed += 1,
            },
        }
    }
    counts.bad = faults.len() as u64;
    Ok((counts, faults))
}

/// Whether a change would change nothing.
fn has(known: &Labelled, names: &AttributeNames, change: &LabelChange) -> bool {
    let Labels { tags, attributes } = &known.labels;
    match change {
        LabelChange::AddTags(more) => tags.is_superset(more),
        LabelChange::ReplaceTags(others) => tags == others,
        LabelChange::SetAttributes(values) => {
            let held = |index| attributes.get(index);
            let held: BTreeMap<_, _> = names
                .iter()
                .filter_map(|(index, (name, _))| Some((name, held(index)?)))
                .collect();
            values
                .iter()
                .all(|(name, value)| held.get(name) == Some(&value))
        }
        LabelChange::RemoveAttributes(_) | LabelChange::RemoveTags(_) | LabelChange::ClearTags => {
            false
        }
    }
}

/// Why a change was refused.
fn fault(change: &LabelChange, answer: LabelsChanged) -> Option<Fault> {
    let field = match change {
        LabelChange::SetAttributes(_) | LabelChange::RemoveAttributes(_) => "attributes",
        LabelChange::AddTags(_)
        | LabelChange::ReplaceTags(_)
        | LabelChange::RemoveTags(_)
        | LabelChange::ClearTags => "tags",
    };
    match answer {
        LabelsChanged::Done => None,
        LabelsChanged::UnknownAccount => {
            Some(Fault::of("account", "the account was deleted meanwhile"))
        }
        LabelsChanged::UnknownAttribute(name) => {
            let told = "the app has no attribute of this name, `--name` gives it one";
            Some(Fault::at(field, name.as_str(), told))
        }
        LabelsChanged::OtherKind { label, kind } => {
            let told = match kind {
                AccountKind::User => "it fits accounts only",
                AccountKind::Phone => "it fits phones that nobody is signed in on only",
            };
            Some(Fault::at(field, &label, told))
        }
        LabelsChanged::TooManyTags { count } => {
            let max = Labels::TAGS_MAX;
            let told = format!("the account would have more than {max} tags");
            Some(Fault::at(field, &count.to_string(), told))
        }
        LabelsChanged::TooManyTagsOfApp => {
            let max = Labels::TAGS_OF_APP_MAX;
            let told = format!("the app would have more than {max} distinct tags");
            Some(Fault::of(field, told))
        }
    }
}

fn read(kind: Kind, replace: bool, row: &Row) -> Result<Asked, Fault> {
    let Ok(Value::Object(fields)) = serde_json::from_str(&row.json) else {
        return Err(Fault::of_row("the line must be a JSON object"));
    };
    let account = fields
        .get("account")
        .ok_or_else(|| Fault::of("account", "`account` is missing"))?;
    let account = named("account", account, Account::new)?;
    let stands_for = match fields.get("kind") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text == "user" => Some(AccountKind::User),
        Some(Value::String(text)) if text == "phone" => Some(AccountKind::Phone),
        Some(other) => {
            let told = "`kind` must be `user` or `phone`";
            return Err(Fault::at("kind", &shown(other), told));
        }
    };
    let change = match kind {
        Kind::Attributes => LabelChange::SetAttributes(attributes(&fields)?),
        Kind::Devices | Kind::Tags if replace => LabelChange::ReplaceTags(tags(&fields)?),
        Kind::Devices | Kind::Tags => LabelChange::AddTags(tags(&fields)?),
    };
    Ok(Asked {
        line: row.line,
        kind: stands_for,
        change: (account, change),
    })
}

fn tags(fields: &Map<String, Value>) -> Result<BTreeSet<Tag>, Fault> {
    let Some(Value::Array(tags)) = fields.get("tags") else {
        return Err(Fault::of("tags", "`tags` must be a list of texts"));
    };
    let tags = tags.iter().enumerate();
    tags.map(|(at, tag)| named(&format!("tags[{at}]"), tag, Tag::new))
        .collect()
}

fn attributes(
    fields: &Map<String, Value>,
) -> Result<BTreeMap<AttributeName, AttributeValue>, Fault> {
    let Some(Value::Object(values)) = fields.get("attributes") else {
        return Err(Fault::of(
            "attributes",
            "`attributes` must be an object of texts",
        ));
    };
    let one = |(name, value): (&String, &Value)| {
        let key = AttributeName::new(name.as_str());
        let key = key.map_err(|error| {
            Fault::at(
                "attributes",
                name,
                format!("a name of an attribute {error}"),
            )
        })?;
        let value = named(&format!("attributes.{name}"), value, AttributeValue::new)?;
        Ok((key, value))
    };
    values.iter().map(one).collect()
}

/// A name that a field holds.
fn named<T, E: std::fmt::Display>(
    field: &str,
    value: &Value,
    take: impl Fn(String) -> Result<T, E>,
) -> Result<T, Fault> {
    let Value::String(text) = value else {
        let told = format!("`{field}` must be a text");
        return Err(Fault::at(field, &shown(value), told));
    };
    take(text.clone()).map_err(|error| Fault::at(field, text, format!("`{field}` {error}")))
}

/// A value in words: of a list or an object nothing is repeated.
fn shown(value: &Value) -> Cow<'static, str> {
    match value {
        Value::Array(_) => Cow::Borrowed("[…]"),
        Value::Object(_) => Cow::Borrowed("{…}"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Cow::Owned(value.to_string())
        }
    }
}

/// From where a list goes on; a name that cannot be one is from nowhere.
pub(super) fn place(phone: bool, name: String) -> Option<(AccountKind, Account)> {
    let kind = if phone {
        AccountKind::Phone
    } else {
        AccountKind::User
    };
    Some((kind, Account::new(name).ok()?))
}

#[derive(Serialize)]
struct Written<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<BTreeMap<&'a str, &'a str>>,
}

/// The JSON of what an account is labelled with, which [`import`] reads back; `None` when there is nothing of the kind.
pub(super) fn write(
    kind: Kind,
    names: &AttributeNames,
    name: &Account,
    labelled: &Labelled,
) -> Option<String> {
    let Labels { tags, attributes } = &labelled.labels;
    let (mut listed, mut values) = (None, None);
    match kind {
        Kind::Devices | Kind::Tags if tags.is_empty() => return None,
        Kind::Devices | Kind::Tags => listed = Some(tags.iter().map(Tag::as_str).collect()),
        Kind::Attributes if attributes.is_empty() => return None,
        Kind::Attributes => {
            let named = attributes
                .iter()
                .filter_map(|(index, value)| Some((names.get(index)?.0.as_str(), value.as_str())));
            values = Some(named.collect());
        }
    }
    let row = Written {
        account: name.as_str(),
        kind: (labelled.kind == AccountKind::Phone).then_some("phone"),
        tags: listed,
        attributes: values,
    };
    // Texts into memory: nothing of it can fail.
    Some(serde_json::to_string(&row).unwrap_or_default())
}
