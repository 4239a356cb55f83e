//! Acts on accounts and their labels, within a transaction. Each looks at everything before it writes anything.

use std::collections::BTreeMap;
use std::ops::Bound;

use pushtally_model::{
    Account, AccountKind, AppId, AttributeNames, Labels, Number, RegistrationId, Tag,
};
use pushtally_store::labelling::{
    Known, LabelPlan, NamingPlan, TagUse, plan_labels, plan_naming, tags_moved,
};
use pushtally_store::{
    AccountDeleted, AttributeNaming, LabelChange, Labelled, LabelsChanged, NamesChanged, Phone,
};
use redb::ReadableTable;

use super::devices::{self, app_row, numbers_of_account};
use super::tables::{
    ActError, Bytes, KNOWN, Tables, account_key, decode, encode, keys_of_app, labels_key, owner_of,
    phone_key, row, tag_key,
};

/// Whom a name stands for.
pub(super) fn kind_of(
    accounts: &impl ReadableTable<Bytes, ()>,
    phones: &impl ReadableTable<Bytes, Bytes>,
    app: AppId,
    name: &Account,
) -> Result<Option<AccountKind>, ActError> {
    if accounts
        .get(account_key(app, name, KNOWN).as_slice())?
        .is_some()
    {
        return Ok(Some(AccountKind::User));
    }
    let phone = phone_key(app, &RegistrationId::from(name));
    let known = phones.get(phone.as_slice())?.is_some();
    Ok(known.then_some(AccountKind::Phone))
}

pub(super) fn labels_of(
    labels: &impl ReadableTable<Bytes, Bytes>,
    app: AppId,
    kind: AccountKind,
    name: &str,
) -> Result<Labels, ActError> {
    let key = labels_key(app, kind, name);
    Ok(row("labels", labels, key.as_slice())?.unwrap_or_default())
}

/// What a name is labelled with; `None` when nobody has it.
pub(super) fn labelled(
    accounts: &impl ReadableTable<Bytes, ()>,
    phones: &impl ReadableTable<Bytes, Bytes>,
    labels: &impl ReadableTable<Bytes, Bytes>,
    app: AppId,
    name: &Account,
) -> Result<Option<Labelled>, ActError> {
    let Some(kind) = kind_of(accounts, phones, app, name)? else {
        return Ok(None);
    };
    let labels = labels_of(labels, app, kind, name.as_str())?;
    Ok(Some(Labelled { kind, labels }))
}

/// Who is labelled, from after a key on.
pub(super) fn list(
    labels: &impl ReadableTable<Bytes, Bytes>,
    app: AppId,
    after: Option<Vec<u8>>,
    max: usize,
) -> Result<Vec<(Account, Labelled)>, ActError> {
    let (first, end) = keys_of_app(app);
    let from = after
        .as_deref()
        .map_or(Bound::Included(first.as_slice()), Bound::Excluded);
    let mut listed = Vec::new();
    for row in labels.range::<&[u8]>((from, Bound::Excluded(end.as_slice())))? {
        if listed.len() >= max {
            break;
        }
        let (key, row) = row?;
        let Some((_, kind, name)) = owner_of(key.value()) else {
            continue;
        };
        // A name that was stored is one.
        if let Ok(name) = Account::new(name) {
            let labels = decode("labels", row.value())?;
            listed.push((name, Labelled { kind, labels }));
        }
    }
    Ok(listed)
}

pub(super) fn attribute_names(
    names: &impl ReadableTable<u32, Bytes>,
    app: AppId,
) -> Result<AttributeNames, ActError> {
    Ok(row("attribute_names", names, app.0)?.unwrap_or_default())
}

pub(super) fn import(
    tables: &mut Tables<'_>,
    app: AppId,
    account: &Account,
) -> Result<(), ActError> {
    let key = account_key(app, account, KNOWN);
    if tables.accounts.get(key.as_slice())?.is_none() {
        tables.accounts.insert(key.as_slice(), ())?;
    }
    Ok(())
}

pub(super) fn name_attributes(
    tables: &mut Tables<'_>,
    app: AppId,
    naming: &AttributeNaming,
) -> Result<NamesChanged, ActError> {
    let known = attribute_names(&*tables.attribute_names, app)?;
    match plan_naming(&known, naming) {
        NamingPlan::Answer(answer) => Ok(answer),
        NamingPlan::Change(names) => {
            let names = encode("attribute_names", &names)?;
            tables.attribute_names.insert(app.0, names.as_slice())?;
            Ok(NamesChanged::Done)
        }
    }
}

pub(super) fn change(
    tables: &mut Tables<'_>,
    app: AppId,
    name: &Account,
    change: &LabelChange,
) -> Result<LabelsChanged, ActError> {
    let Some(kind) = kind_of(&*tables.accounts, &*tables.phones, app, name)? else {
        return Ok(LabelsChanged::UnknownAccount);
    };
    let labels = labels_of(&*tables.labels, app, kind, name.as_str())?;
    let mut uses = BTreeMap::new();
    let mut of_app = None;
    for tag in tags_moved(&labels, change) {
        let used: Option<TagUse> = row("tags", &*tables.tags, tag_key(app, &tag).as_slice())?;
        match used {
            Some(used) => drop(uses.insert(tag, used)),
            // Only a tag that is new to the app asks how many there are.
            None if of_app.is_none() => of_app = Some(count_tags(tables, app)?),
            None => {}
        }
    }
    let known = Known {
        names: &attribute_names(&*tables.attribute_names, app)?,
        uses: &uses,
        tags_of_app: of_app.unwrap_or_default(),
    };
    match plan_labels(&known, kind, &labels, change) {
        LabelPlan::Answer(answer) => Ok(answer),
        LabelPlan::Change(after) => {
            Relabelling::new(app, kind, name, &labels, &after, &uses)?.write(tables)?;
            Ok(LabelsChanged::Done)
        }
    }
}

fn count_tags(tables: &Tables<'_>, app: AppId) -> Result<usize, ActError> {
    let (from, to) = keys_of_app(app);
    let mut count = 0;
    for row in tables.tags.range(from.as_slice()..to.as_slice())? {
        row?;
        count += 1;
    }
    Ok(count)
}

/// An account's labels, and who has each tag that it gets or loses: all rows are ready before the first is written.
struct Relabelling {
    labels: (Vec<u8>, Option<Vec<u8>>),
    tags: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Relabelling {
    /// `uses` has every tag that the account had and has no more.
    fn new(
        app: AppId,
        kind: AccountKind,
        name: &Account,
        before: &Labels,
        after: &Labels,
        uses: &BTreeMap<Tag, TagUse>,
    ) -> Result<Self, ActError> {
        let none = TagUse { kind, accounts: 0 };
        let mut tags = Vec::new();
        for tag in before.tags.symmetric_difference(&after.tags) {
            let used = uses.get(tag).copied().unwrap_or(none);
            let accounts = if after.tags.contains(tag) {
                used.accounts + 1
            } else {
                used.accounts.saturating_sub(1)
            };
            let used = (accounts > 0).then_some(TagUse { accounts, ..used });
            let used = used.map(|used| encode("tags", &used)).transpose()?;
            tags.push((tag_key(app, tag), used));
        }
        let any = *after != Labels::default();
        let labels = any.then(|| encode("labels", after)).transpose()?;
        Ok(Self {
            labels: (labels_key(app, kind, name.as_str()), labels),
            tags,
        })
    }

    fn write(&self, tables: &mut Tables<'_>) -> Result<(), redb::Error> {
        for (key, used) in &self.tags {
            match used {
                Some(used) => tables.tags.insert(key.as_slice(), used.as_slice())?,
                None => tables.tags.remove(key.as_slice())?,
            }
        }
        let (key, labels) = &self.labels;
        match labels {
            Some(labels) => tables.labels.insert(key.as_slice(), labels.as_slice())?,
            None => tables.labels.remove(key.as_slice())?,
        }
        Ok(())
    }
}

pub(super) fn delete(
    tables: &mut Tables<'_>,
    app: AppId,
    account: &Account,
) -> Result<AccountDeleted, ActError> {
    let mark = account_key(app, account, KNOWN);
    if tables.accounts.get(mark.as_slice())?.is_none() {
        return Ok(AccountDeleted::Unknown);
    }
    let numbers = numbers_of_account(&*tables.accounts, app, account)?;
    let mut counts = app_row(&*tables.apps, app)?;
    counts.devices = counts.devices.saturating_sub(numbers.len() as u64);
    let counts = encode("apps", &counts)?;
    let (phones, gone) = devices_that_go(tables, app, &numbers)?;
    let before = labels_of(&*tables.labels, app, AccountKind::User, account.as_str())?;
    let mut uses = BTreeMap::new();
    for tag in &before.tags {
        if let Some(used) = row("tags", &*tables.tags, tag_key(app, tag).as_slice())? {
            uses.insert(tag.clone(), used);
        }
    }
    let after = Labels::default();
    let labels = Relabelling::new(app, AccountKind::User, account, &before, &after, &uses)?;

    for gone in gone {
        gone.write(tables)?;
    }
    for (key, phone) in phones {
        tables.phones.insert(key.as_slice(), phone.as_slice())?;
    }
    if before != after {
        labels.write(tables)?;
    }
    tables.accounts.remove(mark.as_slice())?;
    if !numbers.is_empty() {
        tables.apps.insert(app.0, counts.as_slice())?;
    }
    Ok(AccountDeleted::Done(numbers))
}

type PhoneRow = (Vec<u8>, Vec<u8>);

/// The rows of the phones that have these devices no more, and what else changes.
fn devices_that_go(
    tables: &Tables<'_>,
    app: AppId,
    numbers: &[Number],
) -> Result<(Vec<PhoneRow>, Vec<devices::Change>), ActError> {
    let (mut phones, mut gone) = (Vec::new(), Vec::new());
    for number in numbers {
        let Some(device) = devices::device(&*tables.devices, app, *number)? else {
            continue;
        };
        let key = phone_key(app, &device.registration_id);
        let phone = devices::phone(&*tables.phones, app, &device.registration_id)?;
        if let Some(phone) = phone {
            let phone = Phone {
                device: None,
                ..phone
            };
            phones.push((key, encode("phones", &phone)?));
        }
        gone.push(devices::Change::new(tables, app, Some(device), None)?);
    }
    Ok((phones, gone))
}
