//! Random registrations, changes of labels, sign-ins and deletions: whom a condition addresses is whom a plain scan
//! finds, in both engines.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use proptest::prelude::*;
use pushtally_audience::Audience;
use pushtally_model::{
    Account, AccountKind, AppId, AttributeIndex, AttributeName, AttributeValue,
    Audience as Addressed, Condition, Device, DeviceFacts, FixedEntropy, Labels, Number,
    RegistrationId, Second, Tag,
};
use pushtally_store::{
    AttributeNaming, Engine, LabelChange, LabelsChanged, NamesChanged, Registered, Registration,
    SecretHash, memory,
};
use pushtally_store_local::{LocalEngine, LocalOptions};

const APP: AppId = AppId(1_400_000_000);
const SECRET: SecretHash = SecretHash([1; 32]);

#[derive(Debug, Clone)]
enum Step {
    Register(u8, Option<u8>),
    Unregister(u8),
    Delete(u8),
    Label(Name, Change),
}

#[derive(Debug, Clone, Copy)]
enum Name {
    User(u8),
    Phone(u8),
}

#[derive(Debug, Clone)]
enum Change {
    Add(BTreeSet<u8>),
    Replace(BTreeSet<u8>),
    Remove(BTreeSet<u8>),
    Clear,
    Set(u8, u8),
    Unset(u8),
}

fn phone(n: u8) -> RegistrationId {
    RegistrationId::new(format!("phone-{n}")).unwrap()
}

fn user(n: u8) -> Account {
    Account::new(format!("user-{n}")).unwrap()
}

fn tag(n: u8) -> Tag {
    Tag::new(format!("tag-{n}")).unwrap()
}

fn attribute(n: u8) -> AttributeIndex {
    AttributeIndex::new(n).unwrap()
}

fn attribute_name(n: u8) -> AttributeName {
    AttributeName::new(format!("attribute-{n}")).unwrap()
}

fn value(n: u8) -> AttributeValue {
    AttributeValue::new(n.to_string()).unwrap()
}

impl Name {
    fn account(self) -> Account {
        match self {
            Self::User(n) => user(n),
            Self::Phone(n) => Account::from(&phone(n)),
        }
    }

    const fn kind(self) -> AccountKind {
        match self {
            Self::User(_) => AccountKind::User,
            Self::Phone(_) => AccountKind::Phone,
        }
    }

    /// Tags and attributes of users are even, those of phones odd, so that each fits one kind.
    const fn of_kind(self, n: u8) -> u8 {
        n * 2 + self.kind() as u8
    }

    fn tags(self, tags: &BTreeSet<u8>) -> BTreeSet<Tag> {
        tags.iter().map(|n| tag(self.of_kind(*n))).collect()
    }

    fn change(self, change: &Change) -> LabelChange {
        match change {
            Change::Add(tags) => LabelChange::AddTags(self.tags(tags)),
            Change::Replace(tags) => LabelChange::ReplaceTags(self.tags(tags)),
            Change::Remove(tags) => LabelChange::RemoveTags(self.tags(tags)),
            Change::Clear => LabelChange::ClearTags,
            Change::Set(at, to) => {
                let name = attribute_name(self.of_kind(*at));
                LabelChange::SetAttributes(BTreeMap::from([(name, value(*to))]))
            }
            Change::Unset(at) => {
                let name = attribute_name(self.of_kind(*at));
                LabelChange::RemoveAttributes(BTreeSet::from([name]))
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let tags = || prop::collection::btree_set(0..4u8, 0..4);
    let name = prop_oneof![
        (0..5u8).prop_map(Name::User),
        (0..8u8).prop_map(Name::Phone)
    ];
    let change = prop_oneof![
        4 => tags().prop_map(Change::Add),
        2 => tags().prop_map(Change::Replace),
        2 => tags().prop_map(Change::Remove),
        1 => Just(Change::Clear),
        3 => (0..2u8, 0..3u8).prop_map(|(at, to)| Change::Set(at, to)),
        1 => (0..2u8).prop_map(Change::Unset),
    ];
    prop_oneof![
        5 => (0..8u8, prop::option::of(0..5u8)).prop_map(|(phone, user)| Step::Register(phone, user)),
        1 => (0..8u8).prop_map(Step::Unregister),
        1 => (0..5u8).prop_map(Step::Delete),
        6 => (name, change).prop_map(|(name, change)| Step::Label(name, change)),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let tags = || prop::collection::vec((0..9u8).prop_map(tag), 0..3);
    let values = || {
        let value = (0..4u8, 0..3u8).prop_map(|(at, to)| (attribute(at), value(to)));
        prop::collection::vec(value, 0..3)
    };
    (tags(), tags(), tags(), values(), values()).prop_map(|(any, all, none, or, and)| Condition {
        tags_any: any,
        tags_all: all,
        tags_none: none,
        attributes_any: or,
        attributes_all: and,
    })
}

/// What was done, as plainly as it can be kept: by phone and by name.
#[derive(Default)]
struct Naive {
    phones: BTreeMap<u8, Option<(Number, Option<u8>)>>,
    users: BTreeSet<u8>,
    labels: BTreeMap<(AccountKind, Account), Labels>,
}

impl Naive {
    fn knows(&self, name: Name) -> bool {
        match name {
            Name::User(n) => self.users.contains(&n),
            Name::Phone(n) => self.phones.contains_key(&n),
        }
    }

    fn label(&mut self, name: Name, change: &Change) {
        let labels = self
            .labels
            .entry((name.kind(), name.account()))
            .or_default();
        match change {
            Change::Add(tags) => labels.tags.extend(name.tags(tags)),
            Change::Replace(tags) => labels.tags = name.tags(tags),
            Change::Remove(tags) => labels.tags.retain(|tag| !name.tags(tags).contains(tag)),
            Change::Clear => labels.tags.clear(),
            Change::Set(at, to) => {
                let at = attribute(name.of_kind(*at));
                labels.attributes.insert(at, value(*to));
            }
            Change::Unset(at) => drop(labels.attributes.remove(&attribute(name.of_kind(*at)))),
        }
    }

    fn fitting(&self, condition: &Condition) -> Vec<Number> {
        let mut found = Vec::new();
        for (n, device) in &self.phones {
            let Some((number, signed_in)) = device else {
                continue;
            };
            let name = signed_in.map_or(Name::Phone(*n), Name::User);
            let labels = self.labels.get(&(name.kind(), name.account()));
            if condition.fits(labels.unwrap_or(&Labels::default())) {
                found.push(*number);
            }
        }
        found.sort_unstable();
        found
    }
}

async fn step_of(engine: &Engine, naive: &mut Naive, step: &Step) {
    match step {
        Step::Register(n, name) => {
            let registration = Registration {
                registration_id: phone(*n),
                account: name.map(user),
                secret: SECRET,
                facts: DeviceFacts::default(),
                at: Second(1),
            };
            let answer = engine
                .devices
                .register_device(APP, &registration, 1000)
                .await;
            if let Registered::New { number, .. } = answer.unwrap() {
                naive.phones.insert(*n, Some((number, *name)));
            }
            naive.users.extend(name);
        }
        Step::Unregister(n) => {
            let gone = engine
                .devices
                .unregister_device(APP, &phone(*n), SECRET, Second(1_700_000_000))
                .await;
            gone.unwrap();
            naive.phones.entry(*n).and_modify(|device| *device = None);
        }
        Step::Delete(n) => {
            engine
                .forgettings
                .forget_accounts(APP, &[user(*n)], Second(1_700_000_000))
                .await
                .unwrap();
            naive.users.remove(n);
            naive.labels.remove(&(AccountKind::User, user(*n)));
            let of_user = |device: &Option<(Number, Option<u8>)>| {
                device.is_some_and(|(_, name)| name == Some(*n))
            };
            let gone = naive.phones.iter().filter(|(_, device)| of_user(device));
            let gone: Vec<u8> = gone.map(|(n, _)| *n).collect();
            for n in gone {
                naive.phones.remove(&n);
                let labels = (AccountKind::Phone, Name::Phone(n).account());
                naive.labels.remove(&labels);
            }
        }
        Step::Label(name, change) => {
            let changes = [(name.account(), name.change(change))];
            let answers = engine.accounts.change_labels(APP, &changes).await.unwrap();
            if naive.knows(*name) {
                assert_eq!(answers, [LabelsChanged::Done], "{name:?} {change:?}");
                naive.label(*name, change);
            } else {
                assert_eq!(answers, [LabelsChanged::UnknownAccount]);
            }
        }
    }
}

async fn check(engine: Engine, steps: &[Step], conditions: &[Condition]) {
    let naming = AttributeNaming {
        names: (0..4).map(|n| (attribute(n), attribute_name(n))).collect(),
        kinds: [1, 3].map(|n| (attribute(n), AccountKind::Phone)).into(),
    };
    let named = engine.accounts.name_attributes(APP, &naming).await;
    assert_eq!(named.unwrap(), NamesChanged::Done);
    let audience = Audience::new(engine.devices.clone(), engine.accounts.clone());
    let mut naive = Naive::default();
    for step in steps {
        step_of(&engine, &mut naive, step).await;
    }
    for condition in conditions {
        let expected = naive.fitting(condition);
        let addressed = Addressed::Fitting(Box::new(condition.clone()));
        for shard in [None, Some(0)] {
            let mut found = Vec::new();
            let mut visit = |device: Device| {
                found.push(device.number);
                ControlFlow::Continue(())
            };
            let visited = audience.evaluate(APP, shard, &addressed, &mut visit).await;
            visited.unwrap();
            assert_eq!(found, expected, "{condition:?}");
        }
        let count = audience.count(APP, &addressed).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{condition:?}");
    }
    assert_eq!(engine.accounts.verify_index(APP).await.unwrap(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_condition_addresses_whom_a_scan_finds(
        steps in prop::collection::vec(step(), 0..70),
        conditions in prop::collection::vec(condition(), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            check(memory::engine(), &steps, &conditions).await;
            let dir = tempfile::tempdir().unwrap();
            let local = LocalEngine::open(dir.path(), LocalOptions::default(), &FixedEntropy(5));
            let local = local.unwrap();
            check(local.engine(), &steps, &conditions).await;
        });
    }
}

#[tokio::test]
async fn everyone_and_names_are_counted_and_a_visit_ends_when_told() {
    let engine = memory::engine();
    let audience = Audience::new(engine.devices.clone(), engine.accounts.clone());
    let mut naive = Naive::default();
    for n in 0..5 {
        step_of(&engine, &mut naive, &Step::Register(n, Some(n / 2))).await;
    }
    let names = |names: &[Account]| Addressed::Accounts(names.to_vec());
    for (addressed, expected) in [
        (Addressed::Everyone, 5),
        (names(&[user(0), user(2)]), 3),
        (names(&[Account::from(&phone(0)), user(0)]), 2),
        (names(&[user(9)]), 0),
        (Addressed::Fitting(Box::default()), 5),
    ] {
        let count = audience.count(APP, &addressed).await.unwrap();
        assert_eq!(count, expected, "{addressed:?}");
    }
    let mut visited = 0;
    let mut visit = |_| {
        visited += 1;
        ControlFlow::Break(())
    };
    let none_of = Condition {
        tags_none: vec![tag(1)],
        ..Condition::default()
    };
    let addressed = Addressed::Fitting(Box::new(none_of));
    audience
        .evaluate(APP, None, &addressed, &mut visit)
        .await
        .unwrap();
    assert_eq!(visited, 1);
    let accounts = &engine.accounts;
    accounts.import_accounts(APP, &[user(7)]).await.unwrap();
    let unknown = audience.unknown(APP, &[user(7), user(8), user(0)]).await;
    assert_eq!(unknown.unwrap(), [user(8)], "an imported account is known");
}
