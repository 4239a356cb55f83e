//! Acts on accounts and their labels, within a transaction. Each looks at everything before it writes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use pushtally_model::{Account, AccountKind, AppId, AttributeNames, Labels, RegistrationId, Tag};
use pushtally_store::labelling::{
    Known, LabelPlan, NamingPlan, TagUse, plan_labels, plan_naming, tags_moved,
};
use pushtally_store::{AttributeNaming, LabelChange, Labelled, LabelsChanged, NamesChanged};
use redb::ReadableTable;

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

/// Who has the tags of an app, as far as an act asks; what it changes is written once, in the end.
#[derive(Debug)]
pub(super) struct TagUses {
    app: AppId,
    known: BTreeMap<Tag, Option<TagUse>>,
    changed: BTreeSet<Tag>,
    /// How many tags the accounts of the app have.
    tags: Option<usize>,
}

impl TagUses {
    pub(super) const fn of(app: AppId) -> Self {
        Self {
            app,
            known: BTreeMap::new(),
            changed: BTreeSet::new(),
            tags: None,
        }
    }

    pub(super) const fn app(&self) -> AppId {
        self.app
    }

    pub(super) fn get(
        &mut self,
        tables: &Tables<'_>,
        tag: &Tag,
    ) -> Result<Option<TagUse>, ActError> {
        if let Some(known) = self.known.get(tag) {
            return Ok(*known);
        }
        let key = tag_key(self.app, tag);
        let used = row("tags", &*tables.tags, key.as_slice())?;
        self.known.insert(tag.clone(), used);
        Ok(used)
    }

    /// How many tags there are: read before the first of them changes, counted from then on.
    pub(super) fn tags(&mut self, tables: &Tables<'_>) -> Result<usize, ActError> {
        if let Some(tags) = self.tags {
            return Ok(tags);
        }
        let (from, to) = keys_of_app(self.app);
        let mut tags = 0;
        for row in tables.tags.range(from.as_slice()..to.as_slice())? {
            row?;
            tags += 1;
        }
        self.tags = Some(tags);
        Ok(tags)
    }

    /// The account comes to the tags that it gets and leaves those that it loses.
    pub(super) fn move_account(&mut self, kind: AccountKind, before: &Labels, after: &Labels) {
        let tags = self.tags.get_or_insert_default();
        for tag in before.tags.symmetric_difference(&after.tags) {
            let known = self.known.entry(tag.clone()).or_default();
            let accounts = known.map_or(0, |used| used.accounts);
            let accounts = if after.tags.contains(tag) {
                accounts + 1
            } else {
                accounts.saturating_sub(1)
            };
            let used = TagUse {
                kind: known.map_or(kind, |used| used.kind),
                accounts,
            };
            let used = (accounts > 0).then_some(used);
            *tags += usize::from(used.is_some());
            *tags = tags.saturating_sub(usize::from(known.is_some()));
            *known = used;
            self.changed.insert(tag.clone());
        }
    }

    pub(super) fn write(self, tables: &mut Tables<'_>) -> Result<(), ActError> {
        for tag in self.changed {
            let key = tag_key(self.app, &tag);
            match self.known.get(&tag).copied().flatten() {
                Some(used) => {
                    let used = encode("tags", &used)?;
                    tables.tags.insert(key.as_slice(), used.as_slice())?;
                }
                None => tables.tags.remove(key.as_slice())?,
            }
        }
        Ok(())
    }
}

pub(super) fn change(
    tables: &mut Tables<'_>,
    uses: &mut TagUses,
    (name, change): &(Account, LabelChange),
) -> Result<LabelsChanged, ActError> {
    let app = uses.app;
    let Some(kind) = kind_of(&*tables.accounts, &*tables.phones, app, name)? else {
        return Ok(LabelsChanged::UnknownAccount);
    };
    let labels = labels_of(&*tables.labels, app, kind, name.as_str())?;
    let mut moved = BTreeMap::new();
    for tag in tags_moved(&labels, change) {
        if let Some(used) = uses.get(tables, &tag)? {
            moved.insert(tag, used);
        }
    }
    let known = Known {
        names: &attribute_names(&*tables.attribute_names, app)?,
        uses: &moved,
        tags_of_app: uses.tags(tables)?,
    };
    match plan_labels(&known, kind, &labels, change) {
        LabelPlan::Answer(answer) => Ok(answer),
        LabelPlan::Change(after) => {
            let row = Some(&after).filter(|after| **after != Labels::default());
            let row = row.map(|after| encode("labels", after)).transpose()?;
            uses.move_account(kind, &labels, &after);
            let key = labels_key(app, kind, name.as_str());
            match row {
                Some(row) => tables.labels.insert(key.as_slice(), row.as_slice())?,
                None => tables.labels.remove(key.as_slice())?,
            }
            Ok(LabelsChanged::Done)
        }
    }
}
