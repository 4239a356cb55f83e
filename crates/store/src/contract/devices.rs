//! Devices: who is who, what a registration and a change do, numbers.

mod importing;
mod reading;
mod tokens;

use std::collections::BTreeMap;

use pushtally_model::{
    Account, AppId, Channel, Device, DeviceFacts, Environment, Number, Permission, RegistrationId,
    Route, Second, Secret, Token, TokenKind,
};

use super::APP;
use crate::ports::{
    DeviceChange, Engine, Names, Phone, Recipient, Registered, Registration, SecretHash,
    Unregistered, Updated,
};

pub(super) const OTHER: AppId = AppId(7);
const MANY: u64 = 1000;

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    a_phone_and_account_keep_their_number(fresh().await).await;
    another_account_or_registering_again_is_a_new_number(fresh().await).await;
    another_secret_changes_nothing(fresh().await).await;
    an_app_has_no_more_devices_than_it_may(fresh().await).await;
    tokens::a_token_moves_to_who_registers_it(fresh().await).await;
    tokens::a_token_moves_to_who_changes_to_it(fresh().await).await;
    a_change_leaves_what_it_does_not_name(fresh().await).await;
    reading::accounts_stay_known(fresh().await).await;
    reading::shards_are_visited_in_order(fresh().await).await;
    numbers_are_above_those_of_the_names_and_the_ledger(fresh().await).await;
    reading::devices_are_found_by_number(fresh().await).await;
    many_are_registered_one_after_the_other(fresh().await).await;
    importing::check(fresh).await;
}

pub(super) fn rid(name: &str) -> RegistrationId {
    RegistrationId::new(name).unwrap()
}

pub(super) fn account(name: &str) -> Account {
    Account::new(name).unwrap()
}

pub(super) fn secret(phone: &str) -> SecretHash {
    let mut hash = [0; 32];
    hash[..phone.len()].copy_from_slice(phone.as_bytes());
    SecretHash(hash)
}

pub(super) fn token(channel: Channel, kind: TokenKind, value: &str) -> Token {
    Token {
        channel,
        kind,
        value: Secret::new(value),
        cert_id: 11_345,
        environment: Environment::Sandbox,
    }
}

pub(super) fn registration(phone: &str, name: Option<&str>, tokens: &[Token]) -> Registration {
    Registration {
        registration_id: rid(phone),
        account: name.map(account),
        secret: secret(phone),
        facts: DeviceFacts {
            tokens: tokens.to_vec(),
            model: "iPhone17,1".to_owned(),
            ..DeviceFacts::default()
        },
        at: Second(1_700_000_000),
    }
}

pub(super) async fn register(
    engine: &Engine,
    app: AppId,
    registration: &Registration,
) -> Registered {
    let devices = &engine.devices;
    devices
        .register_device(app, registration, MANY)
        .await
        .unwrap()
}

/// Registers a device that must be new; answers its number.
pub(super) async fn new(engine: &Engine, app: AppId, registration: &Registration) -> Number {
    match register(engine, app, registration).await {
        Registered::New { number, .. } => number,
        other => panic!("expected a new device, got {other:?}"),
    }
}

pub(super) async fn device(engine: &Engine, app: AppId, number: Number) -> Option<Device> {
    engine.devices.find_device(app, number).await.unwrap()
}

async fn tokens(engine: &Engine, number: Number) -> Vec<Token> {
    device(engine, APP, number).await.unwrap().facts.tokens
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
        ..stored
    };
    assert_eq!(
        device(&engine, APP, number).await,
        Some(stored),
        "what a registration leaves out is gone, the first second stays"
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
            .unregister_device(APP, &rid("p"), secret("p"))
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
        let gone = devices.unregister_device(app, &phone, secret).await;
        assert_eq!(gone.unwrap(), Unregistered::OtherSecret);
    }
    assert_eq!(device(&engine, APP, number).await, before);
    assert_eq!(devices.find_phone(APP, &rid("nobody")).await.unwrap(), None);

    devices
        .unregister_device(APP, &rid("p"), secret("p"))
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
        .unregister_device(APP, &rid("q"), secret("q"))
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
        .unregister_device(APP, &rid("p"), secret("p"))
        .await
        .unwrap();
    let updated = devices
        .update_device(APP, &rid("p"), secret("p"), &none)
        .await;
    assert_eq!(updated.unwrap(), Updated::Nothing);
}

/// A device's number is nobody else's: no imported recipient's, none that the ledger has.
async fn numbers_are_above_those_of_the_names_and_the_ledger(engine: Engine) {
    let mut given = Vec::new();
    let mut devices = Vec::new();
    engine
        .identities
        .raise(0, &BTreeMap::from([(APP, 100)]))
        .await
        .unwrap();
    for n in 0..20 {
        let phone = format!("p{n}");
        let number = new(&engine, APP, &registration(&phone, None, &[])).await;
        devices.push(number);
        let names = Names {
            recipients: vec![Recipient {
                account: &phone,
                route: Route::Offline,
                channel: Channel::Fcm,
            }],
            ..Names::default()
        };
        let resolved = engine.identities.resolve(APP, &names).await.unwrap();
        given.extend([number, resolved.numbers[0]]);
    }
    assert!(given.iter().all(|number| number.0 >= 100), "{given:?}");
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 40, "devices and recipients share no number");
    assert!(
        devices.is_sorted(),
        "later devices have higher numbers: {devices:?}"
    );
    let highest = devices[devices.len() - 1];
    let ends = engine.devices.device_numbers_end().await.unwrap();
    assert_eq!(ends, BTreeMap::from([(APP, highest.0 + 1)]));
    engine
        .devices
        .unregister_device(APP, &rid("p19"), secret("p19"))
        .await
        .unwrap();
    assert_eq!(
        engine.devices.device_numbers_end().await.unwrap(),
        ends,
        "ever given"
    );
}

/// Each answer is that of one registration; later ones see what earlier ones did.
async fn many_are_registered_one_after_the_other(engine: Engine) {
    let mut other = registration("p", None, &[]);
    other.secret = secret("q");
    let mut changed = registration("p", Some("a"), &[]);
    changed.facts.model = "Pixel".to_owned();
    let asked = [
        registration("p", Some("a"), &[]),
        registration("p", Some("a"), &[]),
        other,
        changed,
        registration("q", None, &[]),
        registration("r", None, &[]),
        registration("p", Some("b"), &[]),
    ];
    let answers = engine.devices.register_devices(APP, &asked, 2).await;
    let answers = answers.unwrap();
    let Registered::New { number: p, .. } = answers[0] else {
        panic!("expected a new device, got {answers:?}");
    };
    let (Registered::New { number: q, .. }, Registered::New { number: b, .. }) =
        (answers[4], answers[6])
    else {
        panic!("expected new devices, got {answers:?}");
    };
    let expected = [
        Registered::New {
            number: p,
            replaced: None,
        },
        Registered::Same { number: p },
        Registered::OtherSecret,
        Registered::Changed { number: p },
        Registered::New {
            number: q,
            replaced: None,
        },
        Registered::Full,
        Registered::New {
            number: b,
            replaced: Some(p),
        },
    ];
    assert_eq!(answers, expected);
    assert_eq!(engine.devices.count_devices(APP).await.unwrap(), 2);
    assert!(p < q && q < b, "numbers rise");

    let many: Vec<Registration> = (0..3000)
        .map(|n| registration(&format!("m{n}"), None, &[]))
        .collect();
    let answers = engine
        .devices
        .register_devices(OTHER, &many, u64::MAX)
        .await;
    assert_eq!(answers.unwrap().len(), 3000);
    assert_eq!(engine.devices.count_devices(OTHER).await.unwrap(), 3000);
    assert_eq!(
        engine.devices.register_devices(APP, &[], 2).await.unwrap(),
        []
    );
}
