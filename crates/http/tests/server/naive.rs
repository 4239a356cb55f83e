//! The plainest reading of the commands on accounts, labels and conditions: texts, sets and loops, and nothing of the
//! server's own code. What it answers, the server must answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

type Tags = BTreeSet<&'static str>;
type Values = BTreeMap<u8, &'static str>;

/// 0 is a UserID, 1 a RegistrationID.
pub(crate) type Kind = u8;

/// One call, or something that phones do.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Register(&'static str, Option<&'static str>),
    Unregister(&'static str),
    Import(Vec<&'static str>),
    Delete(Vec<&'static str>),
    Check(Vec<&'static str>),
    SetNames(Vec<(u8, &'static str, Option<Kind>)>),
    GetNames,
    SetAttributes(Vec<(&'static str, BTreeMap<&'static str, &'static str>)>),
    RemoveAttributes(Vec<(&'static str, BTreeSet<&'static str>)>),
    GetAttributes(Vec<&'static str>),
    AddTags(bool, Vec<(&'static str, Tags)>),
    RemoveTags(Vec<(&'static str, Tags)>),
    GetTags(Vec<&'static str>),
    ClearTags(Vec<&'static str>),
    PushTags([Tags; 3]),
    PushAttributes([BTreeMap<&'static str, &'static str>; 2]),
}

/// What an act is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// FAIL with this code.
    Code(u64),
    /// OK with these fields beside the base; `ErrorList` without its texts.
    Fields(Value),
    /// A push that addresses these phones.
    Reaches(BTreeSet<&'static str>),
}

#[derive(Default)]
pub(crate) struct Naive {
    accounts: BTreeSet<&'static str>,
    /// Every phone that was ever registered, and whose device it has now.
    phones: BTreeMap<&'static str, Option<Option<&'static str>>>,
    tags: BTreeMap<(Kind, &'static str), Tags>,
    values: BTreeMap<(Kind, &'static str), Values>,
    names: BTreeMap<u8, (&'static str, Kind)>,
}

const UNKNOWN: u64 = 70107;
const OTHER_KIND: u64 = 90035;
const BAD_ATTRIBUTE: u64 = 90033;

impl Naive {
    pub(crate) fn act(&mut self, act: &Act) -> Answer {
        match act {
            Act::Register(phone, account) => {
                self.phones.insert(phone, Some(*account));
                self.accounts.extend(account);
                Answer::Fields(json!({}))
            }
            Act::Unregister(phone) => {
                if let Some(device) = self.phones.get_mut(phone) {
                    *device = None;
                }
                Answer::Fields(json!({}))
            }
            Act::Import(names) => {
                self.accounts
                    .extend(names.iter().filter(|name| !name.is_empty()));
                let failed: Vec<_> = names.iter().filter(|name| name.is_empty()).collect();
                Answer::Fields(json!({ "FailAccounts": failed }))
            }
            Act::Delete(names) => self.delete(names),
            Act::Check(names) => {
                let status = |name: &str| match self.accounts.contains(name) {
                    true => "Imported",
                    false => "NotImported",
                };
                let row = |name: &&str| json!({"UserID": name, "ResultCode": 0, "ResultInfo": "", "AccountStatus": status(name)});
                Answer::Fields(json!({ "ResultItem": names.iter().map(row).collect::<Vec<_>>() }))
            }
            Act::SetNames(naming) => self.set_names(naming),
            Act::GetNames => {
                let names = self.names.iter();
                let texts: Map<_, _> = names
                    .clone()
                    .map(|(at, (name, _))| (at.to_string(), json!(name)))
                    .collect();
                let kinds: Map<_, _> = names
                    .map(|(at, (_, kind))| (at.to_string(), json!(kind)))
                    .collect();
                Answer::Fields(json!({"AttrNames": texts, "AttrTypes": kinds}))
            }
            Act::SetAttributes(entries) => self.set_attributes(entries),
            Act::RemoveAttributes(entries) => self.remove_attributes(entries),
            Act::GetAttributes(names) => self.get_attributes(names),
            Act::AddTags(replace, entries) => self.each(entries, |naive, key, tags| {
                let had = naive.tags.get(&key).cloned().unwrap_or_default();
                let after: Tags = if *replace { tags.clone() } else { &had | tags };
                naive.give(key, &had, after)
            }),
            Act::RemoveTags(entries) => self.each(entries, |naive, key, tags| {
                let had = naive.tags.get(&key).cloned().unwrap_or_default();
                naive.give(key, &had, &had - tags)
            }),
            Act::GetTags(names) => self.get_tags(names),
            Act::ClearTags(names) => {
                let entries: Vec<_> = distinct(names).into_iter().map(|name| (name, ())).collect();
                self.each(&entries, |naive, key, ()| {
                    naive.tags.remove(&key);
                    Ok(())
                })
            }
            Act::PushTags(parts) => self.push_tags(parts),
            Act::PushAttributes(parts) => self.push_attributes(parts),
        }
    }

    /// Whom a name stands for.
    fn key(&self, name: &'static str) -> Option<(Kind, &'static str)> {
        if self.accounts.contains(name) {
            return Some((0, name));
        }
        self.phones.contains_key(name).then_some((1, name))
    }

    fn index(&self, name: &str) -> Option<u8> {
        let mut names = self.names.iter();
        names
            .find(|(_, (known, _))| *known == name)
            .map(|(index, _)| *index)
    }

    fn each<T>(
        &mut self,
        entries: &[(&'static str, T)],
        change: impl Fn(&mut Self, (Kind, &'static str), &T) -> Result<(), u64>,
    ) -> Answer {
        let mut errors = Vec::new();
        for (name, content) in entries {
            let changed = match self.key(name) {
                None => Err(UNKNOWN),
                Some(key) => change(self, key, content),
            };
            if let Err(code) = changed {
                errors.push(json!({"To_Account": name, "ErrorCode": code}));
            }
        }
        Answer::Fields(with_errors(json!({}), errors))
    }

    fn give(&mut self, key: (Kind, &'static str), had: &Tags, after: Tags) -> Result<(), u64> {
        let gained = &after - had;
        let others = self.tags.iter().filter(|((kind, _), _)| *kind != key.0);
        if others
            .into_iter()
            .any(|(_, tags)| !tags.is_disjoint(&gained))
        {
            return Err(OTHER_KIND);
        }
        self.tags.insert(key, after);
        Ok(())
    }

    fn delete(&mut self, names: &[&'static str]) -> Answer {
        let mut rows = Vec::new();
        for name in names {
            let known = self.accounts.remove(name);
            if known {
                self.tags.remove(&(0, *name));
                self.values.remove(&(0, *name));
                let mut gone: Vec<&'static str> = Vec::new();
                for (phone, device) in &self.phones {
                    if *device == Some(Some(*name)) {
                        gone.push(*phone);
                    }
                }
                for phone in gone {
                    self.phones.remove(phone);
                    self.tags.remove(&(1, phone));
                    self.values.remove(&(1, phone));
                }
            }
            let (code, info) = match known {
                true => (0, ""),
                false => (UNKNOWN, "the account does not exist"),
            };
            rows.push(json!({"UserID": name, "ResultCode": code, "ResultInfo": info}));
        }
        Answer::Fields(json!({ "ResultItem": rows }))
    }

    fn set_names(&mut self, naming: &[(u8, &'static str, Option<Kind>)]) -> Answer {
        let mut after = self.names.clone();
        for (index, name, kind) in naming {
            let known = self.names.get(index).map(|(_, kind)| *kind);
            if known.is_some() && kind.is_some() && known != *kind {
                return Answer::Code(BAD_ATTRIBUTE);
            }
            after.insert(*index, (name, known.or(*kind).unwrap_or(0)));
        }
        let distinct: BTreeSet<_> = after.values().map(|(name, _)| name).collect();
        if distinct.len() < after.len() {
            return Answer::Code(BAD_ATTRIBUTE);
        }
        self.names = after;
        Answer::Fields(json!({}))
    }

    fn set_attributes(
        &mut self,
        entries: &[(&'static str, BTreeMap<&'static str, &'static str>)],
    ) -> Answer {
        let named = entries.iter().flat_map(|(_, attributes)| attributes.keys());
        if named.into_iter().any(|name| self.index(name).is_none()) {
            return Answer::Code(BAD_ATTRIBUTE);
        }
        self.each(entries, |naive, key, attributes| {
            let mut values = naive.values.get(&key).cloned().unwrap_or_default();
            for (name, value) in attributes {
                let index = naive.index(name).unwrap();
                if naive.names[&index].1 != key.0 {
                    return Err(OTHER_KIND);
                }
                values.insert(index, value);
            }
            naive.values.insert(key, values);
            Ok(())
        })
    }

    fn remove_attributes(&mut self, entries: &[(&'static str, BTreeSet<&'static str>)]) -> Answer {
        let named = entries.iter().flat_map(|(_, names)| names);
        if named.into_iter().any(|name| self.index(name).is_none()) {
            return Answer::Code(BAD_ATTRIBUTE);
        }
        self.each(entries, |naive, key, names| {
            for name in names {
                let index = naive.index(name).unwrap();
                if let Some(values) = naive.values.get_mut(&key) {
                    values.remove(&index);
                }
            }
            Ok(())
        })
    }

    fn get_attributes(&self, names: &[&'static str]) -> Answer {
        self.get(names, "UserAttrs", |key| {
            let values = self.values.get(&key).cloned().unwrap_or_default();
            let named = values
                .iter()
                .map(|(index, value)| (self.names[index].0.to_owned(), json!(value)));
            json!({"To_Account": key.1, "Attrs": named.collect::<Map<_, _>>()})
        })
    }

    fn get_tags(&self, names: &[&'static str]) -> Answer {
        self.get(names, "UserTags", |key| {
            let tags = self.tags.get(&key).cloned().unwrap_or_default();
            json!({"To_Account": key.1, "Tags": tags})
        })
    }

    fn get(
        &self,
        names: &[&'static str],
        list: &str,
        row: impl Fn((Kind, &'static str)) -> Value,
    ) -> Answer {
        let (mut rows, mut errors) = (Vec::new(), Vec::new());
        for name in distinct(names) {
            match self.key(name) {
                Some(key) => rows.push(row(key)),
                None => errors.push(json!({"To_Account": name, "ErrorCode": UNKNOWN})),
            }
        }
        Answer::Fields(with_errors(json!({ list: rows }), errors))
    }

    fn push_tags(&self, [any, all, none]: &[Tags; 3]) -> Answer {
        if any.is_empty() && all.is_empty() && none.is_empty() {
            return Answer::Code(90001);
        }
        if !any.is_disjoint(all) {
            return Answer::Code(90022);
        }
        self.reached(|key| {
            let tags = self.tags.get(&key).cloned().unwrap_or_default();
            (any.is_empty() || !any.is_disjoint(&tags))
                && all.is_subset(&tags)
                && none.is_disjoint(&tags)
        })
    }

    fn push_attributes(&self, [any, all]: &[BTreeMap<&'static str, &'static str>; 2]) -> Answer {
        if any.is_empty() && all.is_empty() {
            return Answer::Code(90001);
        }
        if any
            .keys()
            .chain(all.keys())
            .any(|name| self.index(name).is_none())
        {
            return Answer::Code(BAD_ATTRIBUTE);
        }
        self.reached(|key| {
            let values = self.values.get(&key).cloned().unwrap_or_default();
            let has = |(name, value): (&&str, &&'static str)| {
                values.get(&self.index(name).unwrap()) == Some(value)
            };
            (any.is_empty() || any.iter().any(has)) && all.iter().all(has)
        })
    }

    fn reached(&self, fits: impl Fn((Kind, &'static str)) -> bool) -> Answer {
        let mut phones = BTreeSet::new();
        for (phone, device) in &self.phones {
            let Some(account) = device else { continue };
            let key = account.map_or((1, *phone), |account| (0, account));
            if fits(key) {
                phones.insert(*phone);
            }
        }
        Answer::Reaches(phones)
    }
}

fn distinct(names: &[&'static str]) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    names
        .iter()
        .copied()
        .filter(|name| seen.insert(*name))
        .collect()
}

fn with_errors(mut fields: Value, errors: Vec<Value>) -> Value {
    if !errors.is_empty() {
        fields["ErrorList"] = json!(errors);
    }
    fields
}
