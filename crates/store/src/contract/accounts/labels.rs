//! What changes of labels do, and what they refuse.

use std::collections::BTreeSet;

use pushtally_model::{AccountKind, Labels};

use super::super::APP;
use super::super::devices::{LATER, OTHER, account, new, registration, rid, secret};
use super::{add, change, delete, import, index, labels, name_two, named, set, tag, tags, value};
use crate::ports::{Engine, LabelChange, LabelsChanged};

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    labels_are_set_added_replaced_and_removed(fresh().await).await;
    a_label_fits_one_kind_of_account(fresh().await).await;
    tags_are_bounded(fresh().await).await;
    changes_are_made_one_after_the_other(fresh().await).await;
    who_is_labelled_is_listed_in_order(fresh().await).await;
}

fn replace(names: &[&str]) -> LabelChange {
    LabelChange::ReplaceTags(tags(names.iter().copied()))
}

fn remove(names: &[&str]) -> LabelChange {
    LabelChange::RemoveTags(tags(names.iter().copied()))
}

/// A change leaves what it does not name.
async fn labels_are_set_added_replaced_and_removed(engine: Engine) {
    import(&engine, APP, &["a", "b"]).await;
    name_two(&engine).await;
    let unset = |names: &[&str]| {
        LabelChange::RemoveAttributes(names.iter().map(|name| named(name)).collect())
    };
    let unknown = |name| LabelsChanged::UnknownAttribute(named(name));
    let done = LabelsChanged::Done;
    for (asked, answer, expected_tags, level) in [
        (
            set(&[("level", "high")]),
            done.clone(),
            vec![],
            Some("high"),
        ),
        (set(&[("level", "low")]), done.clone(), vec![], Some("low")),
        (
            set(&[("level", "x"), ("no", "y")]),
            unknown("no"),
            vec![],
            Some("low"),
        ),
        (add(&["x", "y"]), done.clone(), vec!["x", "y"], Some("low")),
        (
            add(&["y", "标签"]),
            done.clone(),
            vec!["x", "y", "标签"],
            Some("low"),
        ),
        (add(&[]), done.clone(), vec!["x", "y", "标签"], Some("low")),
        (
            remove(&["y", "z"]),
            done.clone(),
            vec!["x", "标签"],
            Some("low"),
        ),
        (
            replace(&["x", "w"]),
            done.clone(),
            vec!["w", "x"],
            Some("low"),
        ),
        (unset(&["no"]), unknown("no"), vec!["w", "x"], Some("low")),
        (
            unset(&["level", "model"]),
            done.clone(),
            vec!["w", "x"],
            None,
        ),
        (unset(&["level"]), done.clone(), vec!["w", "x"], None),
        (LabelChange::ClearTags, done.clone(), vec![], None),
        (replace(&["v"]), done.clone(), vec!["v"], None),
        (replace(&[]), done, vec![], None),
    ] {
        assert_eq!(
            change(&engine, "a", asked.clone()).await,
            answer,
            "{asked:?}"
        );
        let found = labels(&engine, "a").await;
        let expected = Labels {
            tags: tags(expected_tags),
            attributes: level
                .map(|level| (index(0), value(level)))
                .into_iter()
                .collect(),
        };
        assert_eq!(found, expected, "after {asked:?}");
    }
    assert_eq!(labels(&engine, "b").await, Labels::default());
    assert_eq!(
        change(&engine, "nobody", LabelChange::ClearTags).await,
        LabelsChanged::UnknownAccount
    );
}

/// A tag fits the kind of account that has it, until none has it; an attribute the kind that it was named for.
async fn a_label_fits_one_kind_of_account(engine: Engine) {
    import(&engine, APP, &["a"]).await;
    new(&engine, APP, &registration("p", None, &[])).await;
    name_two(&engine).await;
    let other = |label: &str, kind| LabelsChanged::OtherKind {
        label: label.to_owned(),
        kind,
    };
    let (user, phone) = (AccountKind::User, AccountKind::Phone);
    for (name, asked, answer) in [
        ("a", add(&["x"]), LabelsChanged::Done),
        ("p", add(&["w", "x"]), other("x", user)),
        ("p", replace(&["x"]), other("x", user)),
        ("p", remove(&["x"]), LabelsChanged::Done),
        ("p", add(&["y"]), LabelsChanged::Done),
        ("a", add(&["y"]), other("y", phone)),
        ("a", remove(&["x"]), LabelsChanged::Done),
        ("p", add(&["x"]), LabelsChanged::Done),
        ("a", add(&["x"]), other("x", phone)),
        (
            "a",
            set(&[("level", "1"), ("model", "2")]),
            other("model", phone),
        ),
        ("p", set(&[("level", "1")]), other("level", user)),
        ("a", set(&[("level", "1")]), LabelsChanged::Done),
        ("p", set(&[("model", "2")]), LabelsChanged::Done),
    ] {
        assert_eq!(
            change(&engine, name, asked.clone()).await,
            answer,
            "{name} {asked:?}"
        );
    }
    assert_eq!(labels(&engine, "a").await.tags, BTreeSet::new());
    let devices = &engine.devices;
    let unregistered = devices
        .unregister_device(APP, &rid("p"), secret("p"), LATER)
        .await;
    unregistered.unwrap();
    assert_eq!(
        labels(&engine, "p").await.tags,
        tags(["x", "y"]),
        "a phone keeps its labels while it is unregistered"
    );
    assert_eq!(change(&engine, "a", add(&["x"])).await, other("x", phone));
    assert_eq!(
        change(&engine, "p", LabelChange::ClearTags).await,
        LabelsChanged::Done
    );
    assert_eq!(change(&engine, "a", add(&["x"])).await, LabelsChanged::Done);
    delete(&engine, &["a"]).await;
    assert_eq!(
        change(&engine, "p", add(&["x"])).await,
        LabelsChanged::Done,
        "what is deleted has no tags"
    );
}

/// The last tag that fits is taken, the next one is not.
async fn tags_are_bounded(engine: Engine) {
    let numbered = |range: std::ops::Range<usize>| -> BTreeSet<_> {
        range.map(|n| tag(&format!("t{n:04}"))).collect()
    };
    let names: Vec<String> = (0..11).map(|n| format!("u{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    import(&engine, APP, &names).await;
    import(&engine, OTHER, &names).await;
    let add = |range| LabelChange::AddTags(numbered(range));
    let each = Labels::TAGS_MAX;
    for (n, name) in names[..10].iter().enumerate() {
        let changed = change(&engine, name, add(n * each..(n + 1) * each)).await;
        assert_eq!(changed, LabelsChanged::Done);
    }
    let too_many = LabelsChanged::TooManyTags { count: each + 1 };
    assert_eq!(change(&engine, "u00", add(each..each + 1)).await, too_many);
    assert_eq!(
        change(
            &engine,
            "u00",
            LabelChange::ReplaceTags(numbered(0..each + 1))
        )
        .await,
        too_many
    );
    assert_eq!(change(&engine, "u00", add(3..9)).await, LabelsChanged::Done);
    let of_app = Labels::TAGS_OF_APP_MAX;
    let one_more = || add(of_app..of_app + 1);
    assert_eq!(
        change(&engine, "u10", one_more()).await,
        LabelsChanged::TooManyTagsOfApp
    );
    assert_eq!(labels(&engine, "u10").await, Labels::default());
    assert_eq!(change(&engine, "u10", add(0..1)).await, LabelsChanged::Done);
    let other = [(account("u10"), one_more())];
    assert_eq!(
        engine.accounts.change_labels(OTHER, &other).await.unwrap(),
        [LabelsChanged::Done],
        "each app has its own"
    );
    let swap = LabelChange::ReplaceTags(numbered(of_app..of_app + each));
    assert_eq!(
        change(&engine, "u00", swap.clone()).await,
        LabelsChanged::TooManyTagsOfApp,
        "`t0000` is still in use by another"
    );
    assert_eq!(
        change(&engine, "u10", LabelChange::ClearTags).await,
        LabelsChanged::Done
    );
    assert_eq!(
        change(&engine, "u00", swap).await,
        LabelsChanged::Done,
        "what is replaced makes room"
    );
    delete(&engine, &["u00"]).await;
    let back = add(0..each);
    assert_eq!(change(&engine, "u10", back).await, LabelsChanged::Done);
    assert_eq!(
        change(&engine, "u01", remove(&["t0100"])).await,
        LabelsChanged::Done
    );
    assert_eq!(
        change(&engine, "u01", one_more()).await,
        LabelsChanged::Done
    );
}

/// Each change sees what those before it did; one that is refused keeps none from being made.
async fn changes_are_made_one_after_the_other(engine: Engine) {
    import(&engine, APP, &["a", "b"]).await;
    let changes = [
        ("a", add(&["x"])),
        ("nobody", add(&["x"])),
        ("a", add(&["y"])),
        ("a", set(&[("level", "1")])),
        ("b", add(&["x"])),
        ("a", remove(&["x"])),
    ];
    let changes = changes.map(|(name, change)| (account(name), change));
    let done = LabelsChanged::Done;
    assert_eq!(
        engine.accounts.change_labels(APP, &changes).await.unwrap(),
        [
            done.clone(),
            LabelsChanged::UnknownAccount,
            done.clone(),
            LabelsChanged::UnknownAttribute(named("level")),
            done.clone(),
            done,
        ]
    );
    assert_eq!(labels(&engine, "a").await.tags, tags(["y"]));
    assert_eq!(labels(&engine, "b").await.tags, tags(["x"]));
    assert_eq!(engine.accounts.change_labels(APP, &[]).await.unwrap(), []);
}

/// In the order of kinds and names; what is listed goes on after a name, whether or not it is labelled.
async fn who_is_labelled_is_listed_in_order(engine: Engine) {
    name_two(&engine).await;
    import(&engine, APP, &["b", "界", "a", "bare"]).await;
    import(&engine, OTHER, &["a"]).await;
    new(&engine, APP, &registration("a-phone", None, &[])).await;
    for name in ["b", "界", "a"] {
        change(&engine, name, add(&["x"])).await;
    }
    change(&engine, "b", set(&[("level", "high")])).await;
    change(&engine, "a-phone", add(&["y"])).await;
    change(&engine, "bare", add(&["x"])).await;
    change(&engine, "bare", remove(&["x"])).await;
    let others = [(account("a"), add(&["z"]))];
    engine.accounts.change_labels(OTHER, &others).await.unwrap();

    let list = async |after: Option<(AccountKind, &str)>, max| {
        let name = after.map(|(kind, name)| (kind, account(name)));
        let after = name.as_ref().map(|(kind, name)| (*kind, name));
        let listed = engine.accounts.list_labels(APP, after, max).await.unwrap();
        let named = listed
            .iter()
            .map(|(name, found)| (found.kind, name.to_string()));
        named.collect::<Vec<_>>()
    };
    let user = |name: &str| (AccountKind::User, name.to_owned());
    let phone = (AccountKind::Phone, "a-phone".to_owned());
    let all = [user("a"), user("b"), user("界"), phone.clone()];
    assert_eq!(list(None, 10).await, all);
    assert_eq!(list(None, 3).await, all[..3]);
    assert_eq!(list(Some((AccountKind::User, "b")), 10).await, all[2..]);
    assert_eq!(list(Some((AccountKind::User, "aa")), 1).await, all[1..2]);
    assert_eq!(list(Some((AccountKind::Phone, "a-phone")), 10).await, []);
    let listed = engine.accounts.list_labels(APP, None, 2).await.unwrap();
    assert_eq!(listed[1].1.labels, labels(&engine, "b").await);
    assert_eq!(
        engine
            .accounts
            .list_labels(OTHER, None, 9)
            .await
            .unwrap()
            .len(),
        1
    );
}
