//! Devices: who is who, what a registration and a change do, numbers.

mod holders;
mod importing;
mod numbers;
mod phones;
mod reading;
mod tokens;

use pushtally_model::{AppId, Channel, Device, DeviceFacts, Permission, Second, TokenKind};

use super::APP;
use crate::ports::{DeviceChange, Engine, Phone, Registered, Registration, Unregistered, Updated};

use phones::{MANY, tokens};
pub(super) use phones::{account, device, new, register, registration, rid, secret, token};

pub(super) const OTHER: AppId = AppId(7);
/// An hour after the first registrations.
pub(super) const LATER: Second = Second(1_700_003_600);

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    a_phone_and_account_keep_their_number(fresh().await).await;
    another_account_or_registering_again_is_a_new_number(fresh().await).await;
    another_secret_changes_nothing(fresh().await).await;
    an_app_has_no_more_devices_than_it_may(fresh().await).await;
    tokens::a_token_moves_to_who_registers_it(fresh().await).await;
    tokens::a_token_moves_to_who_changes_to_it(fresh().await).await;
    tokens::a_dead_token_is_dropped_unless_it_is_anothers_or_newer(fresh().await).await;
    a_change_leaves_what_it_does_not_name(fresh().await).await;
    reading::accounts_stay_known(fresh().await).await;
    reading::shards_are_visited_in_order(fresh().await).await;
    numbers::numbers_are_above_those_of_the_names_and_the_ledger(fresh().await).await;
    reading::devices_are_found_by_number(fresh().await).await;
    reading::what_is_read_of_a_device_is_a_part_of_it(fresh().await).await;
    numbers::many_are_registered_one_after_the_other(fresh().await).await;
    importing::check(fresh).await;
    holders::check(fresh).await;
}

/// The same phone and account keep their number and their first second, and repeating changes nothing.
async fn a_phone_and_account_keep_their_number(engine: Engine) {
    let first = registration(
        "p",
        Some("a"),
        &[token(Channel::Apns, TokenKind::Alert, "t")],
    );
    let number = new(&engine, APP, &first).await;
    let stored = Device {
        number,
        registration_id: first.registration_id.clone(),
        account: first.account.clone(),
        facts: first.facts.clone(),
        registered_at: first.at,
        said_at: first.at,
        dropped: Vec::new(),
    };
    assert_eq!(device(&engine, APP, number).await, Some(stored.clone()));
    let phone = Phone {
        secret: first.secret,
        device: Some(number),
    };
    assert_eq!(
        engine.devices.find_phone(APP, &rid("p")).await.unwrap(),
        Some(phone)
    );

    let later = Registration {
        at: Second(first.at.0 + 60),
        ..first.clone()
    };
    assert_eq!(
        register(&engine, APP, &later).await,
        Registered::Same { number }
    );
    let mut changed = later.clone();
    changed.facts = DeviceFacts {
        tokens: Vec::new(),
        vendor: Some(Channel::Honor),
        model: "m".repeat(64),
        system: "s".to_owned(),
        system_version: "1".to_owned(),
        app_version: "2".to_owned(),
        sdk_version: "3".to_owned(),
        notifications: Permission::Denied,
        language: "zh-Hans".to_owned(),
    };
    assert_eq!(
        register(&engine, APP, &changed).await,
        Registered::Changed { number }
    );
    let stored = Device {
        facts: changed.facts.clone(),
        said_at: changed.at,
        ..stored
    };
    assert_eq!(
        device(&engine, APP, number).await,
        Some(stored),
        "what a registration leaves out is gone, the first second stays, and when it said so is kept"
    );
    assert_eq!(
        register(&engine, APP, &changed).await,
        Registered::Same { number }
    );

    new(&engine, OTHER, &first).await;
    assert_eq!(
        device(&engine, APP, number).await.unwrap().facts,
        changed.facts
    );
    assert_eq!(
        engine.devices.find_phone(OTHER, &rid("q")).await.unwrap(),
        None
    );
    assert_eq!(engine.devices.count_devices(APP).await.unwrap(), 1);
    assert_eq!(engine.devices.count_devices(AppId(8)).await.unwrap(), 0);
}

/// Numbers are not given twice: not to another account, not after unregistering.
async fn another_account_or_registering_again_is_a_new_number(engine: Engine) {
    let tokens = [token(Channel::Fcm, TokenKind::Alert, "t")];
    let first = new(&engine, APP, &registration("p", None, &tokens)).await;
    let mut given = vec![first];
    for name in [Some("a"), Some("b"), None, Some("a")] {
        let answer = register(&engine, APP, &registration("p", name, &tokens)).await;
        let Registered::New { number, replaced } = answer else {
            panic!("another account is a new device, got {answer:?}");
        };
        assert_eq!(replaced, given.last().copied());
        assert_eq!(device(&engine, APP, given[given.len() - 1]).await, None);
        let stored = device(&engine, APP, number).await.unwrap();
        assert_eq!(
            (stored.account, stored.facts.tokens),
            (name.map(account), tokens.to_vec())
        );
        given.push(number);
    }
    assert_eq!(engine.devices.count_devices(APP).await.unwrap(), 1);
    let unregister = async || {
        let devices = &engine.devices;
        devices
            .unregister_device(APP, &rid("p"), secret("p"), LATER)
            .await
            .unwrap()
    };
    assert_eq!(unregister().await, Unregistered::Done(given[4]));
    assert_eq!(unregister().await, Unregistered::Nothing);
    assert_eq!(device(&engine, APP, given[4]).await, None);
    assert_eq!(engine.devices.count_devices(APP).await.unwrap(), 0);
    let phone = engine.devices.find_phone(APP, &rid("p")).await.unwrap();
    let known = Phone {
        secret: secret("p"),
        device: None,
    };
    assert_eq!(phone, Some(known), "the phone outlives its devices");
    let answer = register(&engine, APP, &registration("p", Some("a"), &tokens)).await;
    let Registered::New {
        number,
        replaced: None,
    } = answer
    else {
        panic!("registering again is a new device that replaces none, got {answer:?}");
    };
    given.push(number);
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 6, "no number is given twice");
}

/// Who has not the phone's secret changes nothing and is told nothing.
async fn another_secret_changes_nothing(engine: Engine) {
    let own = registration(
        "p",
        Some("a"),
        &[token(Channel::Fcm, TokenKind::Alert, "t")],
    );
    let number = new(&engine, APP, &own).await;
    let before = device(&engine, APP, number).await;
    let mut foreign = registration("p", Some("b"), &[]);
    foreign.secret = secret("q");
    let change = DeviceChange {
        model: Some("other".to_owned()),
        ..DeviceChange::default()
    };
    assert_eq!(
        register(&engine, APP, &foreign).await,
        Registered::OtherSecret
    );
    let devices = &engine.devices;
    for (app, phone, secret) in [
        (APP, rid("p"), secret("q")),
        (APP, rid("nobody"), secret("p")),
        (OTHER, rid("p"), secret("p")),
    ] {
        let updated = devices.update_device(app, &phone, secret, &change).await;
        assert_eq!(updated.unwrap(), Updated::OtherSecret);
        let gone = devices.unregister_device(app, &phone, secret, LATER).await;
        assert_eq!(gone.unwrap(), Unregistered::OtherSecret);
    }
    assert_eq!(device(&engine, APP, number).await, before);
    assert_eq!(devices.find_phone(APP, &rid("nobody")).await.unwrap(), None);

    devices
        .unregister_device(APP, &rid("p"), secret("p"), LATER)
        .await
        .unwrap();
    assert_eq!(
        register(&engine, APP, &foreign).await,
        Registered::OtherSecret,
        "the secret holds for a phone without a device"
    );
    assert!(!devices.account_known(APP, &account("b")).await.unwrap());
}

/// A full app takes no further phone; those it has go on.
async fn an_app_has_no_more_devices_than_it_may(engine: Engine) {
    let devices = &engine.devices;
    for phone in ["p", "q"] {
        new(&engine, APP, &registration(phone, Some("a"), &[])).await;
    }
    let third = registration("r", Some("c"), &[]);
    assert_eq!(
        devices.register_device(APP, &third, 2).await.unwrap(),
        Registered::Full
    );
    assert_eq!(devices.find_phone(APP, &rid("r")).await.unwrap(), None);
    assert!(!devices.account_known(APP, &account("c")).await.unwrap());
    let same = devices
        .register_device(APP, &registration("p", Some("a"), &[]), 2)
        .await;
    assert!(matches!(same.unwrap(), Registered::Same { .. }));
    let tokens = [token(Channel::Fcm, TokenKind::Alert, "t")];
    let changed = devices
        .register_device(APP, &registration("p", Some("a"), &tokens), 2)
        .await;
    assert!(matches!(changed.unwrap(), Registered::Changed { .. }));
    let replaced = devices
        .register_device(APP, &registration("p", Some("b"), &[]), 2)
        .await;
    assert!(matches!(
        replaced.unwrap(),
        Registered::New {
            replaced: Some(_),
            ..
        }
    ));
    devices
        .unregister_device(APP, &rid("q"), secret("q"), LATER)
        .await
        .unwrap();
    let third = devices.register_device(APP, &third, 2).await;
    assert!(matches!(third.unwrap(), Registered::New { .. }));
    assert_eq!(devices.count_devices(APP).await.unwrap(), 2);
}

/// A change names what changes; `vendor` can be emptied.
async fn a_change_leaves_what_it_does_not_name(engine: Engine) {
    let mut first = registration(
        "p",
        Some("a"),
        &[token(Channel::Fcm, TokenKind::Alert, "t")],
    );
    first.facts.vendor = Some(Channel::Fcm);
    let number = new(&engine, APP, &first).await;
    let mut expected = first.facts.clone();
    let text = |text: &str| Some(text.to_owned());
    let none = DeviceChange::default();
    let changes = [
        DeviceChange {
            vendor: Some(Some(Channel::Oppo)),
            ..none.clone()
        },
        DeviceChange {
            vendor: Some(None),
            ..none.clone()
        },
        DeviceChange {
            model: text("1"),
            system: text("2"),
            ..none.clone()
        },
        DeviceChange {
            system_version: text("3"),
            app_version: text("4"),
            ..none.clone()
        },
        DeviceChange {
            sdk_version: text("5"),
            language: text("6"),
            ..none.clone()
        },
        DeviceChange {
            notifications: Some(Permission::Granted),
            ..none.clone()
        },
        DeviceChange {
            tokens: Some(Vec::new()),
            model: text(""),
            ..none.clone()
        },
    ];
    let devices = &engine.devices;
    for change in changes {
        let c = change.clone();
        expected = DeviceFacts {
            tokens: c.tokens.unwrap_or(expected.tokens),
            vendor: c.vendor.unwrap_or(expected.vendor),
            model: c.model.unwrap_or(expected.model),
            system: c.system.unwrap_or(expected.system),
            system_version: c.system_version.unwrap_or(expected.system_version),
            app_version: c.app_version.unwrap_or(expected.app_version),
            sdk_version: c.sdk_version.unwrap_or(expected.sdk_version),
            notifications: c.notifications.unwrap_or(expected.notifications),
            language: c.language.unwrap_or(expected.language),
        };
        let update = async || {
            devices
                .update_device(APP, &rid("p"), secret("p"), &change)
                .await
        };
        assert_eq!(
            update().await.unwrap(),
            Updated::Changed(number),
            "{change:?}"
        );
        assert_eq!(device(&engine, APP, number).await.unwrap().facts, expected);
        assert_eq!(update().await.unwrap(), Updated::Same(number), "{change:?}");
    }
    let kept = device(&engine, APP, number).await.unwrap();
    assert_eq!(
        (kept.account, kept.registered_at),
        (first.account, first.at)
    );
    devices
        .unregister_device(APP, &rid("p"), secret("p"), LATER)
        .await
        .unwrap();
    let updated = devices
        .update_device(APP, &rid("p"), secret("p"), &none)
        .await;
    assert_eq!(updated.unwrap(), Updated::Nothing);
}
