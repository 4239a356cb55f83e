//! The index follows whatever is done to devices and labels.

use std::collections::BTreeSet;

use pushtally_model::{AccountKind, AppId, Channel, Number, TokenKind};

use super::super::APP;
use super::super::devices::{LATER, OTHER, new, register, registration, rid, secret, token};
use super::{add, change, delete, import, index, name_two, set, tag, value};
use crate::ports::{DeviceChange, Engine, IndexKey, LabelChange, LabelsChanged};

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    devices_have_the_labels_of_whoever_is_signed_in(fresh().await).await;
    devices_are_reachable_by_the_tokens_they_have(fresh().await).await;
    what_goes_leaves_no_ghost(fresh().await).await;
    keys_are_read_in_the_order_asked(fresh().await).await;
}

async fn numbers_in(engine: &Engine, app: AppId, key: IndexKey) -> Vec<Number> {
    let read = engine.accounts.read_index(app, 0, &[key]).await.unwrap();
    assert_eq!(read.len(), 1);
    read[0].iter().map(Number).collect()
}

async fn numbers(engine: &Engine, key: IndexKey) -> Vec<Number> {
    assert_eq!(
        engine.accounts.verify_index(APP).await.unwrap(),
        [""; 0],
        "the index agrees with the records"
    );
    numbers_in(engine, APP, key).await
}

fn of_tag(name: &str) -> IndexKey {
    IndexKey::Tag(tag(name))
}

/// Whoever comes, goes, signs in or out takes the labels of its account with it, or finds them there.
async fn devices_have_the_labels_of_whoever_is_signed_in(engine: Engine) {
    name_two(&engine).await;
    import(&engine, APP, &["a"]).await;
    let done = LabelsChanged::Done;
    assert_eq!(change(&engine, "a", add(&["x"])).await, done);
    assert_eq!(change(&engine, "a", set(&[("level", "high")])).await, done);
    let high = || IndexKey::Attribute(index(0), value("high"));
    assert_eq!(numbers(&engine, of_tag("x")).await, []);

    let first = new(&engine, APP, &registration("p", Some("a"), &[])).await;
    assert_eq!(
        numbers(&engine, of_tag("x")).await,
        [first],
        "registered later"
    );
    let second = new(&engine, APP, &registration("q", Some("a"), &[])).await;
    assert_eq!(numbers(&engine, high()).await, [first, second]);
    let phone = new(&engine, APP, &registration("r", None, &[])).await;
    assert_eq!(change(&engine, "r", add(&["y"])).await, done);
    assert_eq!(change(&engine, "r", set(&[("model", "m")])).await, done);
    assert_eq!(numbers(&engine, of_tag("y")).await, [phone]);
    assert_eq!(
        numbers(&engine, IndexKey::Kind(AccountKind::User)).await,
        [first, second]
    );
    assert_eq!(
        numbers(&engine, IndexKey::Kind(AccountKind::Phone)).await,
        [phone]
    );

    let signed_in = new(&engine, APP, &registration("r", Some("a"), &[])).await;
    assert_eq!(
        numbers(&engine, of_tag("y")).await,
        [],
        "somebody is signed in on it"
    );
    assert_eq!(
        numbers(&engine, of_tag("x")).await,
        [first, second, signed_in]
    );
    let other = new(&engine, APP, &registration("p", Some("b"), &[])).await;
    assert_eq!(numbers(&engine, of_tag("x")).await, [second, signed_in]);
    let signed_out = new(&engine, APP, &registration("r", None, &[])).await;
    assert_eq!(
        numbers(&engine, of_tag("y")).await,
        [signed_out],
        "it has its own again"
    );
    assert_eq!(
        numbers(&engine, IndexKey::Registered).await,
        [second, other, signed_out]
    );

    assert_eq!(change(&engine, "a", set(&[("level", "low")])).await, done);
    assert_eq!(numbers(&engine, high()).await, []);
    assert_eq!(
        numbers(&engine, IndexKey::Attribute(index(0), value("low"))).await,
        [second]
    );
    assert_eq!(change(&engine, "a", LabelChange::ClearTags).await, done);
    assert_eq!(numbers(&engine, of_tag("x")).await, []);
    assert_eq!(numbers_in(&engine, OTHER, IndexKey::Registered).await, []);
}

/// A token that moves takes its device's reachability along; tokens for calls do not count.
async fn devices_are_reachable_by_the_tokens_they_have(engine: Engine) {
    let apns = token(Channel::Apns, TokenKind::Alert, "t");
    let calls = token(Channel::Apns, TokenKind::Voip, "v");
    let fcm = token(Channel::Fcm, TokenKind::Alert, "f");
    let reachable = async |channel| numbers(&engine, IndexKey::Reachable(channel)).await;
    let first = new(
        &engine,
        APP,
        &registration("p", None, std::slice::from_ref(&apns)),
    )
    .await;
    assert_eq!(reachable(Channel::Apns).await, [first]);
    let second = new(
        &engine,
        APP,
        &registration("q", None, &[apns.clone(), calls.clone()]),
    )
    .await;
    assert_eq!(
        reachable(Channel::Apns).await,
        [second],
        "the token has moved"
    );
    let tokens = async |phone, tokens: &[_]| {
        let change = DeviceChange {
            tokens: Some(tokens.to_vec()),
            ..DeviceChange::default()
        };
        let devices = &engine.devices;
        let updated = devices
            .update_device(APP, &rid(phone), secret(phone), &change)
            .await;
        updated.unwrap();
    };
    tokens("q", std::slice::from_ref(&calls)).await;
    assert_eq!(reachable(Channel::Apns).await, []);
    tokens("p", &[apns.clone(), fcm.clone()]).await;
    assert_eq!(reachable(Channel::Apns).await, [first]);
    assert_eq!(
        reachable(Channel::Fcm).await,
        [first],
        "whatever it is sent through"
    );
    tokens("q", &[fcm]).await;
    assert_eq!(reachable(Channel::Fcm).await, [second]);
    register(&engine, APP, &registration("p", None, &[])).await;
    assert_eq!(
        reachable(Channel::Apns).await,
        [],
        "what it leaves out is gone"
    );
}

/// Neither a phone that unregisters nor an account that is deleted is in any bitmap afterwards.
async fn what_goes_leaves_no_ghost(engine: Engine) {
    let tokens = [token(Channel::Apns, TokenKind::Alert, "t")];
    let first = new(&engine, APP, &registration("p", Some("a"), &tokens)).await;
    let second = new(&engine, APP, &registration("q", Some("b"), &[])).await;
    let third = new(&engine, APP, &registration("r", None, &[])).await;
    for (name, label) in [("a", "x"), ("b", "x"), ("r", "z")] {
        let changed = change(&engine, name, add(&[label])).await;
        assert_eq!(changed, LabelsChanged::Done);
    }
    assert_eq!(numbers(&engine, of_tag("x")).await, [first, second]);
    let keys = [
        IndexKey::Registered,
        IndexKey::Kind(AccountKind::User),
        IndexKey::Kind(AccountKind::Phone),
        IndexKey::Reachable(Channel::Apns),
        of_tag("x"),
        of_tag("z"),
    ];
    let anywhere = async || {
        let mut found = BTreeSet::new();
        for key in keys.clone() {
            found.extend(numbers(&engine, key).await);
        }
        found.into_iter().collect::<Vec<_>>()
    };
    let devices = &engine.devices;
    let unregistered = devices
        .unregister_device(APP, &rid("p"), secret("p"), LATER)
        .await;
    unregistered.unwrap();
    assert_eq!(anywhere().await, [second, third]);
    delete(&engine, &["b"]).await;
    assert_eq!(anywhere().await, [third]);
    let unregistered = devices
        .unregister_device(APP, &rid("r"), secret("r"), LATER)
        .await;
    unregistered.unwrap();
    assert_eq!(anywhere().await, []);
    let again = new(&engine, APP, &registration("p", Some("a"), &tokens)).await;
    assert_eq!(
        numbers(&engine, of_tag("x")).await,
        [again],
        "its account kept its tag"
    );
}

/// A key that no device has, and a shard that has none, are empty bitmaps.
async fn keys_are_read_in_the_order_asked(engine: Engine) {
    let number = new(&engine, APP, &registration("p", Some("a"), &[])).await;
    let keys = [
        of_tag("x"),
        IndexKey::Registered,
        of_tag("x"),
        IndexKey::Registered,
    ];
    let read = engine.accounts.read_index(APP, 0, &keys).await.unwrap();
    let found: Vec<Vec<u32>> = read.iter().map(|slots| slots.iter().collect()).collect();
    let slot = u32::from(number.slot());
    assert_eq!(found, [vec![], vec![slot], vec![], vec![slot]]);
    let read = engine.accounts.read_index(APP, 9, &keys).await.unwrap();
    assert!(read.len() == 4 && read.iter().all(|slots| slots.is_empty()));
    assert_eq!(engine.accounts.read_index(APP, 0, &[]).await.unwrap(), []);
}
