//! Devices as they are looked up: by account, by shard, by number.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pushtally_model::{Addressee, Channel, Device, Number, Reach, TokenKind};

use super::super::APP;
use super::{LATER, OTHER, account, new, register, registration, rid, secret, token};
use crate::ports::{DeadToken, Engine, Registered, Registration};

/// An account's devices come by number, and it stays known after the last of them has gone.
pub(super) async fn accounts_stay_known(engine: Engine) {
    let devices = &engine.devices;
    let numbers = async |app, name| {
        let found = devices
            .devices_of_account(app, &account(name))
            .await
            .unwrap();
        found.iter().map(|device| device.number).collect::<Vec<_>>()
    };
    let mut expected = Vec::new();
    for (phone, name) in [("p", "a"), ("q", "ab"), ("r", "a"), ("s", "b"), ("t", "a")] {
        let number = new(&engine, APP, &registration(phone, Some(name), &[])).await;
        expected.extend((name == "a").then_some(number));
    }
    new(&engine, APP, &registration("u", None, &[])).await;
    assert_eq!(numbers(APP, "a").await, expected);
    assert_eq!(numbers(OTHER, "a").await, []);
    assert_eq!(numbers(APP, "c").await, []);
    register(&engine, APP, &registration("r", Some("c"), &[])).await;
    expected.remove(1);
    assert_eq!(
        numbers(APP, "a").await,
        expected,
        "`r` has moved to another account"
    );
    for phone in ["p", "t"] {
        devices
            .unregister_device(APP, &rid(phone), secret(phone), LATER)
            .await
            .unwrap();
    }
    assert_eq!(numbers(APP, "a").await, []);
    for (app, name, known) in [
        (APP, "a", true),
        (APP, "ab", true),
        (APP, "c", true),
        (APP, "abc", false),
        (OTHER, "a", false),
    ] {
        let found = devices.account_known(app, &account(name)).await.unwrap();
        assert_eq!(found, known, "{name} of {app}");
    }
}

/// Shards that have devices are listed in order; a visit has each of its devices once, by number, and ends when told to.
pub(super) async fn shards_are_visited_in_order(engine: Engine) {
    let devices = &engine.devices;
    assert_eq!(devices.device_shards(APP).await.unwrap(), []);
    let mut expected: BTreeMap<u16, Vec<Number>> = BTreeMap::new();
    // Each raise leaves what was reserved before; engines may skip more, never give less.
    for (batch, raised) in [0, 65_530, 3 << 16, 65_535 << 16].into_iter().enumerate() {
        let ends = BTreeMap::from([(APP, raised)]);
        engine.identities.raise(0, &ends).await.unwrap();
        for n in 0..40 {
            let phone = format!("p{batch}-{n}");
            let number = new_in(&engine, &registration(&phone, None, &[])).await;
            expected.entry(number.shard()).or_default().push(number);
        }
    }
    let shards: Vec<u16> = expected.keys().copied().collect();
    assert!(shards.contains(&0), "{shards:?}");
    assert_eq!(devices.device_shards(APP).await.unwrap(), shards);
    assert_eq!(devices.device_shards(OTHER).await.unwrap(), []);
    for shard in shards.iter().copied().chain([77]) {
        let mut visited = Vec::new();
        let mut visit = |device: Device| {
            visited.push(device.number);
            ControlFlow::Continue(())
        };
        devices.visit_shard(APP, shard, &mut visit).await.unwrap();
        assert_eq!(visited, expected.get(&shard).cloned().unwrap_or_default());
        let mut visit = |_: Device| panic!("another app has no devices");
        devices.visit_shard(OTHER, shard, &mut visit).await.unwrap();
    }
    let mut seen = 0;
    let mut visit = |_: Device| {
        seen += 1;
        if seen == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    devices.visit_shard(APP, 0, &mut visit).await.unwrap();
    assert_eq!(seen, 2, "a visitor that breaks sees no more");
}

/// As `new`, for an app of many devices.
async fn new_in(engine: &Engine, registration: &Registration) -> Number {
    let devices = &engine.devices;
    match devices
        .register_device(APP, registration, u64::MAX)
        .await
        .unwrap()
    {
        Registered::New { number, .. } => number,
        other => panic!("expected a new device, got {other:?}"),
    }
}

/// Devices are found by number, each once, whatever the order asked in.
pub(super) async fn devices_are_found_by_number(engine: Engine) {
    let mut numbers = Vec::new();
    for n in 0..40 {
        numbers.push(new(&engine, APP, &registration(&format!("p{n}"), None, &[])).await);
    }
    engine
        .devices
        .unregister_device(APP, &rid("p5"), secret("p5"), LATER)
        .await
        .unwrap();
    // Close together, and far apart.
    for (len, far) in [0, 1, 7, 40]
        .map(|len| [(len, false), (len, true)])
        .into_iter()
        .flatten()
    {
        let mut asked: Vec<Number> = numbers[..len].iter().rev().copied().collect();
        if far {
            asked.extend([Number(4_000_000), Number(u32::MAX)]);
        }
        asked.extend(numbers.first().filter(|_| len > 0));
        let found = engine.devices.find_devices(APP, &asked).await.unwrap();
        let found: Vec<Number> = found.iter().map(|device| device.number).collect();
        let expected = numbers[..len]
            .iter()
            .filter(|number| **number != numbers[5]);
        assert_eq!(found, expected.copied().collect::<Vec<_>>());
        assert_eq!(
            engine.devices.find_devices(OTHER, &asked).await.unwrap(),
            []
        );
    }
}

/// What sending and planning read of devices is what the whole devices say, with tokens dropped and without.
pub(super) async fn what_is_read_of_a_device_is_a_part_of_it(engine: Engine) {
    let devices = &engine.devices;
    let kinds = [TokenKind::Alert, TokenKind::Voip];
    let mut numbers = Vec::new();
    for n in 0..60 {
        let of = |channel, kind| token(channel, kind, &format!("t{n}"));
        let tokens = match n % 5 {
            0 => Vec::new(),
            1 => vec![of(Channel::Xiaomi, TokenKind::Alert)],
            2 => kinds.map(|kind| of(Channel::Apns, kind)).to_vec(),
            3 => vec![of(Channel::Apns, TokenKind::Voip)],
            _ => [Channel::Apns, Channel::Fcm]
                .map(|channel| of(channel, TokenKind::Alert))
                .to_vec(),
        };
        let mut said = registration(&format!("p{n}"), None, &tokens);
        said.facts.vendor = (n % 3 == 0).then_some(Channel::Huawei);
        said.facts.language = ["", "zh-Hans"][n % 2].to_owned();
        let number = new(&engine, APP, &said).await;
        let dead = tokens.first().filter(|_| n % 7 < 4).map(|token| DeadToken {
            number,
            token: token.clone(),
            since_ms: None,
        });
        let dead: Vec<DeadToken> = dead.into_iter().collect();
        devices.drop_tokens(APP, &dead, LATER).await.unwrap();
        numbers.push(number);
    }
    for asked in [&numbers[..], &numbers[..3]] {
        let whole = devices.find_devices(APP, asked).await.unwrap();
        assert_eq!(whole.len(), asked.len());
        for channel in [
            Channel::Online,
            Channel::Apns,
            Channel::Xiaomi,
            Channel::Unknown,
        ] {
            let found = devices.find_addressees(APP, asked, channel).await.unwrap();
            let parts = whole.iter().cloned();
            let parts: Vec<_> = parts.map(|device| Addressee::of(device, channel)).collect();
            assert_eq!(found, parts, "{channel:?}");
        }
    }
    let mut reaches = Vec::new();
    let mut visit = |number, reach| {
        reaches.push((number, reach));
        ControlFlow::Continue(())
    };
    let shard = numbers[0].shard();
    devices.visit_reaches(APP, shard, &mut visit).await.unwrap();
    let mut expected = Vec::new();
    let mut visit = |device: Device| {
        expected.push((device.number, Reach::of(&device)));
        ControlFlow::Continue(())
    };
    devices.visit_shard(APP, shard, &mut visit).await.unwrap();
    assert_eq!(reaches.len(), 60);
    assert_eq!(reaches, expected);
}
