//! Which numbers devices get.

use std::collections::BTreeMap;

use pushtally_model::{Channel, Route};

use super::{APP, LATER, OTHER, new, registration, rid, secret};
use crate::ports::{Engine, Names, Recipient, Registered, Registration};

/// A device's number is nobody else's: no imported recipient's, none that the ledger has.
pub(super) async fn numbers_are_above_those_of_the_names_and_the_ledger(engine: Engine) {
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
        .unregister_device(APP, &rid("p19"), secret("p19"), LATER)
        .await
        .unwrap();
    assert_eq!(
        engine.devices.device_numbers_end().await.unwrap(),
        ends,
        "ever given"
    );
}

/// Each answer is that of one registration; later ones see what earlier ones did.
pub(super) async fn many_are_registered_one_after_the_other(engine: Engine) {
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
