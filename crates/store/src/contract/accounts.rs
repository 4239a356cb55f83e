//! Accounts: what they are called and labelled with, and which devices the index has for it.

mod index;
mod labels;

use std::collections::BTreeMap;

use pushtally_model::{
    Account, AccountKind, AppId, AttributeIndex, AttributeName, AttributeValue, Labels, Tag,
};

use super::APP;
use super::devices::{LATER, OTHER, account, new, registration, rid, secret};
use crate::ports::{
    AccountDeleted, AttributeNaming, Engine, LabelChange, Labelled, LabelsChanged, NamesChanged,
};

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    imported_accounts_are_known(fresh().await).await;
    attributes_have_names_of_their_own_and_one_kind(fresh().await).await;
    a_forgotten_account_and_its_phones_are_unknown(fresh().await).await;
    labels::check(fresh).await;
    index::check(fresh).await;
}

fn tag(name: &str) -> Tag {
    Tag::new(name).unwrap()
}

fn tags<'a>(names: impl IntoIterator<Item = &'a str>) -> std::collections::BTreeSet<Tag> {
    names.into_iter().map(tag).collect()
}

fn index(n: u8) -> AttributeIndex {
    AttributeIndex::new(n).unwrap()
}

fn value(text: &str) -> AttributeValue {
    AttributeValue::new(text).unwrap()
}

fn named(text: &str) -> AttributeName {
    AttributeName::new(text).unwrap()
}

fn set(values: &[(&str, &str)]) -> LabelChange {
    let values = values.iter();
    LabelChange::SetAttributes(values.map(|(n, v)| (named(n), value(v))).collect())
}

fn add(names: &[&str]) -> LabelChange {
    LabelChange::AddTags(tags(names.iter().copied()))
}

fn naming(names: &[(u8, &str)], kinds: &[(u8, AccountKind)]) -> AttributeNaming {
    AttributeNaming {
        names: names
            .iter()
            .map(|(n, name)| (index(*n), named(name)))
            .collect(),
        kinds: kinds.iter().map(|(n, kind)| (index(*n), *kind)).collect(),
    }
}

/// Names `level` for users and `model` for phones.
async fn name_two(engine: &Engine) {
    let naming = naming(&[(0, "level"), (1, "model")], &[(1, AccountKind::Phone)]);
    let named = engine.accounts.name_attributes(APP, &naming).await;
    assert_eq!(named.unwrap(), NamesChanged::Done);
}

async fn import(engine: &Engine, app: AppId, names: &[&str]) {
    let names: Vec<Account> = names.iter().map(|name| account(name)).collect();
    let accounts = &engine.accounts;
    accounts.import_accounts(app, &names).await.unwrap();
}

async fn change(engine: &Engine, name: &str, change: LabelChange) -> LabelsChanged {
    let changes = [(account(name), change)];
    let answers = engine.accounts.change_labels(APP, &changes).await.unwrap();
    assert_eq!(answers.len(), 1);
    answers.into_iter().next().unwrap()
}

async fn labelled(engine: &Engine, app: AppId, name: &str) -> Option<Labelled> {
    let names = [account(name)];
    engine
        .accounts
        .labels_of(app, &names)
        .await
        .unwrap()
        .remove(0)
}

async fn labels(engine: &Engine, name: &str) -> Labels {
    labelled(engine, APP, name).await.unwrap().labels
}

async fn delete(engine: &Engine, names: &[&str]) -> Vec<AccountDeleted> {
    let names: Vec<Account> = names.iter().map(|name| account(name)).collect();
    let forgotten = engine.forgettings.forget_accounts(APP, &names, LATER);
    forgotten.await.unwrap().accounts
}

/// Once imported they are known, in their app, with nothing on them; importing again leaves them as they are.
async fn imported_accounts_are_known(engine: Engine) {
    let known = async |app, name| {
        let devices = &engine.devices;
        devices.account_known(app, &account(name)).await.unwrap()
    };
    let user = |labels| {
        let kind = AccountKind::User;
        Some(Labelled { kind, labels })
    };
    assert!(!known(APP, "a").await);
    assert_eq!(labelled(&engine, APP, "a").await, None);
    import(&engine, APP, &["a", "b", "a"]).await;
    import(&engine, APP, &[]).await;
    assert!(known(APP, "a").await && known(APP, "b").await);
    assert!(!known(OTHER, "a").await, "nothing crosses apps");
    assert_eq!(labelled(&engine, OTHER, "a").await, None);
    assert_eq!(labelled(&engine, APP, "a").await, user(Labels::default()));
    assert_eq!(change(&engine, "a", add(&["x"])).await, LabelsChanged::Done);
    import(&engine, APP, &["a"]).await;
    assert_eq!(labels(&engine, "a").await.tags, tags(["x"]));

    new(&engine, APP, &registration("c", None, &[])).await;
    let names = ["c", "nobody", "a"].map(account);
    let found = engine.accounts.labels_of(APP, &names).await.unwrap();
    let kinds = found
        .iter()
        .map(|found| found.as_ref().map(|found| found.kind));
    let expected = [Some(AccountKind::Phone), None, Some(AccountKind::User)];
    assert!(
        kinds.eq(expected),
        "a phone nobody signed in on is an account"
    );
    import(&engine, APP, &["c"]).await;
    let kind = labelled(&engine, APP, "c").await.map(|found| found.kind);
    assert_eq!(
        kind,
        Some(AccountKind::User),
        "an account goes before a phone"
    );
}

/// Two attributes never have one name, though they may exchange theirs; an attribute's kind is for ever.
async fn attributes_have_names_of_their_own_and_one_kind(engine: Engine) {
    let (user, phone) = (AccountKind::User, AccountKind::Phone);
    let name = async |names: &[(u8, &str)], kinds: &[(u8, AccountKind)]| {
        let naming = naming(names, kinds);
        engine.accounts.name_attributes(APP, &naming).await.unwrap()
    };
    let taken = |text, by| NamesChanged::Taken {
        name: named(text),
        by: index(by),
    };
    assert_eq!(
        engine.accounts.attribute_names(APP).await.unwrap(),
        BTreeMap::new()
    );
    assert_eq!(
        name(&[(0, "sex"), (9, "city")], &[(9, phone)]).await,
        NamesChanged::Done
    );
    let mut expected = BTreeMap::from([
        (index(0), (named("sex"), user)),
        (index(9), (named("city"), phone)),
    ]);
    let check = async |expected: &BTreeMap<_, _>| {
        let names = engine.accounts.attribute_names(APP).await.unwrap();
        assert_eq!(names, *expected);
    };
    check(&expected).await;
    for (names, kinds, answer) in [
        (vec![(0, "sex")], vec![(0, user)], NamesChanged::Done),
        (vec![(1, "city")], vec![], taken("city", 9)),
        (vec![(1, "new"), (2, "new")], vec![], taken("new", 2)),
        (
            vec![(1, "new"), (0, "sex")],
            vec![(0, phone)],
            NamesChanged::OtherKind {
                index: index(0),
                kind: user,
            },
        ),
        (
            vec![(9, "town")],
            vec![(9, user)],
            NamesChanged::OtherKind {
                index: index(9),
                kind: phone,
            },
        ),
        (vec![], vec![(3, phone)], NamesChanged::Done),
    ] {
        assert_eq!(name(&names, &kinds).await, answer, "{names:?} {kinds:?}");
        check(&expected).await;
    }
    assert_eq!(
        name(&[(0, "city"), (9, "sex"), (3, "性别")], &[]).await,
        NamesChanged::Done
    );
    expected = BTreeMap::from([
        (index(0), (named("city"), user)),
        (index(9), (named("sex"), phone)),
        (index(3), (named("性别"), user)),
    ]);
    check(&expected).await;
    assert_eq!(
        engine.accounts.attribute_names(OTHER).await.unwrap(),
        BTreeMap::new()
    );
}

/// Its devices are registered no more; each phone may register again, with whatever secret, under a new number.
async fn a_forgotten_account_and_its_phones_are_unknown(engine: Engine) {
    let first = new(&engine, APP, &registration("p", Some("a"), &[])).await;
    let second = new(&engine, APP, &registration("q", Some("a"), &[])).await;
    let other = new(&engine, APP, &registration("r", Some("b"), &[])).await;
    import(&engine, APP, &["c"]).await;
    assert_eq!(change(&engine, "a", add(&["x"])).await, LabelsChanged::Done);
    assert_eq!(
        delete(&engine, &["a", "nobody", "c", "p", "a"]).await,
        [
            AccountDeleted::Done(vec![first, second]),
            AccountDeleted::Unknown,
            AccountDeleted::Done(Vec::new()),
            AccountDeleted::Unknown,
            AccountDeleted::Unknown,
        ]
    );
    let devices = &engine.devices;
    for name in ["a", "c"] {
        assert!(!devices.account_known(APP, &account(name)).await.unwrap());
        assert_eq!(labelled(&engine, APP, name).await, None);
        let of_account = devices.devices_of_account(APP, &account(name)).await;
        assert_eq!(of_account.unwrap(), []);
    }
    let numbers = [first, second, other];
    let left = devices.find_devices(APP, &numbers).await.unwrap();
    assert_eq!(left.len(), 1, "another account's device stays");
    assert_eq!(devices.count_devices(APP).await.unwrap(), 1);
    for name in ["p", "q"] {
        assert_eq!(devices.find_phone(APP, &rid(name)).await.unwrap(), None);
    }
    let mut other_secret = registration("p", Some("a"), &[]);
    other_secret.secret = secret("z");
    let again = new(&engine, APP, &other_secret).await;
    assert!(!numbers.contains(&again), "numbers are never given again");
    assert_eq!(labels(&engine, "a").await, Labels::default());
}
