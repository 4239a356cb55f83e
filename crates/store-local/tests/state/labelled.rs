//! Acts on accounts and labels, for random histories: both engines answer the same, and the index agrees with the records.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use pushtally_model::{
    Account, AccountKind, AppId, AttributeIndex, AttributeName, AttributeNames, AttributeValue,
    Second, Tag,
};
use pushtally_store::{AttributeNaming, Engine, LabelChange, Labelled};

#[derive(Debug, Clone)]
pub(crate) enum LabelStep {
    Import(Vec<u8>),
    Delete(Vec<u8>),
    Name(u8, u8, Option<bool>),
    Change(Vec<(u8, u8, BTreeSet<u8>)>),
}

/// Names 0 to 2 are users', the others phones'.
fn name(n: u8) -> Account {
    let name = match n {
        0..3 => format!("user-{n}"),
        n => format!("phone-{}", n - 3),
    };
    Account::new(name).unwrap()
}

fn attribute_name(n: u8) -> AttributeName {
    AttributeName::new(format!("attribute-{n}")).unwrap()
}

pub(crate) fn tag(n: u8) -> Tag {
    Tag::new(format!("tag-{n}")).unwrap()
}

/// Tags of phones are others, mostly, so that not every change is refused.
fn change(n: u8, what: u8, labels: &BTreeSet<u8>) -> LabelChange {
    let moved = if n < 3 { 0 } else { 2 };
    let tags = || labels.iter().map(|n| tag(n + moved)).collect();
    let attributes = || labels.iter().map(|n| attribute_name(n % 4));
    match what {
        0..4 => LabelChange::AddTags(tags()),
        4 => LabelChange::ReplaceTags(tags()),
        5 => LabelChange::RemoveTags(tags()),
        6 => LabelChange::ClearTags,
        7 => LabelChange::RemoveAttributes(attributes().collect()),
        what => {
            let value = AttributeValue::new(what.to_string()).unwrap();
            LabelChange::SetAttributes(attributes().map(|name| (name, value.clone())).collect())
        }
    }
}

pub(crate) fn step() -> impl Strategy<Value = LabelStep> {
    let names = || prop::collection::vec(0..3u8, 0..3);
    let labels = prop::collection::btree_set(0..4u8, 0..4);
    prop_oneof![
        2 => names().prop_map(LabelStep::Import),
        1 => names().prop_map(LabelStep::Delete),
        2 => (0..3u8, 0..4u8, prop::option::of(any::<bool>()))
            .prop_map(|(at, name, phone)| LabelStep::Name(at, name, phone)),
        6 => prop::collection::vec((0..9u8, 0..11u8, labels), 1..4).prop_map(LabelStep::Change),
    ]
}

/// Does the step; answers what the engine answered, with devices by how many they are.
pub(crate) async fn perform(ports: &Engine, app: AppId, step: &LabelStep, now: Second) -> String {
    let accounts = &ports.accounts;
    match step {
        LabelStep::Import(names) => {
            let names: Vec<Account> = names.iter().copied().map(name).collect();
            format!("{:?}", accounts.import_accounts(app, &names).await)
        }
        LabelStep::Delete(names) => {
            let names: Vec<Account> = names.iter().copied().map(name).collect();
            let forgotten = ports.forgettings.forget_accounts(app, &names, now);
            let forgotten = forgotten.await.unwrap().accounts;
            let counts = forgotten.iter().map(|deleted| match deleted {
                pushtally_store::AccountDeleted::Done(numbers) => Some(numbers.len()),
                pushtally_store::AccountDeleted::Unknown => None,
            });
            format!("{:?}", counts.collect::<Vec<_>>())
        }
        LabelStep::Name(at, name, phone) => {
            let at = AttributeIndex::new(*at).unwrap();
            let kind = phone.map(|phone| match phone {
                true => AccountKind::Phone,
                false => AccountKind::User,
            });
            let naming = AttributeNaming {
                names: BTreeMap::from([(at, attribute_name(*name))]),
                kinds: kind.into_iter().map(|kind| (at, kind)).collect(),
            };
            format!("{:?}", accounts.name_attributes(app, &naming).await)
        }
        LabelStep::Change(changes) => {
            let changes: Vec<(Account, LabelChange)> = changes
                .iter()
                .map(|(n, what, labels)| (name(*n), change(*n, *what, labels)))
                .collect();
            format!("{:?}", accounts.change_labels(app, &changes).await.unwrap())
        }
    }
}

/// What names are labelled with, and what attributes are called. The index must agree with the records.
pub(crate) async fn look(ports: &Engine, app: AppId) -> (AttributeNames, Vec<Option<Labelled>>) {
    let accounts = &ports.accounts;
    let differences = accounts.verify_index(app).await.unwrap();
    assert_eq!(differences, [""; 0], "index and records of app `{app}`");
    let names: Vec<Account> = (0..9).map(name).collect();
    (
        accounts.attribute_names(app).await.unwrap(),
        accounts.labels_of(app, &names).await.unwrap(),
    )
}
