//! Imports and exports of real files over the in-memory engine.

mod labels;
mod reading;
mod world;

use std::fs;
use std::sync::Arc;

use anyhow::bail;
use pushtally_audience::{DeviceSecret, Enrolled, Enrolment, Registrar};
use pushtally_model::{Account, AppId, DeviceFacts, FixedEntropy, ManualClock, RegistrationId};
use pushtally_store::SecretHash;

use super::export::Written;
use super::*;
use crate::acts::{Act, Done};
use crate::terminal::Bar;
use world::{APP, World, acts, import, of};

const DEVICES: &str = r#"{"registration_id":"手机,1","account":"用户 \"😀\"","tokens":[{"channel":"fcm","kind":"alert","token":"t,1\"\\","cert_id":5,"environment":"sandbox"}],"model":"Pixel \"9\"","system":"Android","notifications":"granted","language":"zh-Hans"}
{"registration_id":"p2"}
{"registration_id":"p3","vendor":"oppo","notifications":"denied"}
"#;

#[test]
fn devices_go_round_through_both_formats() {
    let first = World::new();
    assert_eq!(first.take(Kind::Devices, "d.ndjson", DEVICES), (3, 0, 0, 0));
    assert_eq!(first.take(Kind::Devices, "d.ndjson", DEVICES), (0, 0, 3, 0));
    let (text, written) = first.give(Kind::Devices, "out", true);
    assert_eq!(text, DEVICES);
    assert_eq!(written, Written { rows: 3, cut: 0 });

    let (csv, _) = first.give(Kind::Devices, "out.csv", true);
    let second = World::new();
    assert_eq!(second.take(Kind::Devices, "d.CSV", &csv), (3, 0, 0, 0));
    assert_eq!(second.give(Kind::Devices, "out", true).0, DEVICES);

    for name in ["out", "out.csv"] {
        let (hidden, _) = first.give(Kind::Devices, name, false);
        assert!(
            !hidden.contains("t,1") && !hidden.contains("fcm"),
            "{hidden}"
        );
        assert!(hidden.contains("手机,1"));
    }
    let told = first.audit();
    assert!(told.contains(&("export devices".to_owned(), "with tokens".to_owned())));
}

#[test]
fn csv_shows_one_token_and_tells_how_many_devices_have_more() {
    let world = World::new();
    let two = r#"{"registration_id":"p","tokens":[{"channel":"apns","token":"a"},{"channel":"apns","kind":"voip","token":"b"}]}"#;
    world.take(Kind::Devices, "d", two);
    let (csv, written) = world.give(Kind::Devices, "out.csv", true);
    assert_eq!(written, Written { rows: 1, cut: 1 });
    assert!(
        csv.ends_with("p,,,,,,,,,,apns,alert,a,0,production\n"),
        "{csv}"
    );
}

#[test]
fn bad_rows_are_reported_by_line_without_secrets() {
    let world = World::new();
    let text = "\n\
                {\"registration_id\":\"p1\",\"secret\":\"00112233445566778899aabbccddeeff\"}\n\
                {\"registration_id\":\"p2\",\"secret\":\"SECRET\"}\n\
                {\"registration_id\":\"p3\",\"SECRET\n\
                {\"registration_id\":\"p4\",\"tokens\":[{\"channel\":\"pager\",\"token\":\"SECRET\"}]}\n";
    assert_eq!(world.take(Kind::Devices, "d", text), (1, 0, 0, 3));
    let report = fs::read_to_string(world.path("d.bad")).unwrap();
    let expected = "{\"line\":3,\"reason\":\"`secret` must be 32 hexadecimal digits\",\"field\":\"secret\",\"row\":{\"registration_id\":\"p2\"}}\n\
        {\"line\":4,\"reason\":\"the line must be a JSON object that says each field once\"}\n\
        {\"line\":5,\"reason\":\"`tokens[0].channel` must be `apns`, `xiaomi`, `huawei`, `harmony`, `fcm`, `meizu`, `oppo`, `vivo` or `honor`\",\"field\":\"tokens[0].channel\",\"value\":\"pager\",\"row\":{\"registration_id\":\"p4\",\"tokens\":[{\"channel\":\"pager\"}]}}\n";
    assert_eq!(report, expected);
}

/// More than two acts of an import take, 36,000 devices; every thousandth line is none.
fn many() -> String {
    let line = |n: u32| match n % 1000 {
        0 => format!("no row {n}\n"),
        _ => format!("{{\"registration_id\":\"p{n}\"}}\n"),
    };
    (1..=36_000).map(line).collect()
}

#[test]
fn an_interrupted_import_goes_on_where_it_was() {
    let world = World::new();
    let file = world.write("d", &many());
    let asked = import(Kind::Devices, &file);
    let mut chunks = 0;
    let stopped = asked.run(
        &mut |act| {
            if matches!(act, Act::Import { .. }) {
                chunks += 1;
                if chunks == 2 {
                    // It was done, but nobody heard of it.
                    let _ = world.perform(act);
                    bail!("the server stopped");
                }
            }
            world.perform(act)
        },
        &mut Bar::new(),
    );
    assert_eq!(stopped.unwrap_err().to_string(), "the server stopped");
    assert!(world.path("d.import").exists());

    let changed = world.write("other", "{}");
    fs::copy(world.path("d.import"), world.path("other.import")).unwrap();
    let told = world.import(&import(Kind::Devices, &changed)).unwrap_err();
    assert!(told.to_string().contains("--from-start"), "{told}");

    let mut lines = Vec::new();
    let ended = asked.run(
        &mut |act| {
            if let Act::Import { rows, .. } = &act {
                lines.extend(rows.iter().map(|row| row.line));
            }
            world.perform(act)
        },
        &mut Bar::new(),
    );
    // The second chunk was done before: its 16,000 rows are the same now.
    assert_eq!(of(ended.unwrap().counts), (19_980, 0, 15_984, 36));
    assert_eq!((lines[0], lines.last()), (16_001, Some(&36_000)));
    assert!(!world.path("d.import").exists());
    let report = fs::read_to_string(world.path("d.bad")).unwrap();
    let bad: Vec<u64> = report
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert_eq!(bad, (1..=36).map(|n| n * 1000).collect::<Vec<_>>());

    let again = world.import(&asked).unwrap();
    assert_eq!(of(again.counts), (0, 0, 35_964, 36));
    assert_eq!(fs::read_to_string(world.path("d.bad")).unwrap(), report);
    let starts = world.audit();
    let starts = starts.iter().filter(|(what, _)| what.starts_with("import"));
    assert_eq!(starts.count(), 5, "three starts, two ends");
}

#[test]
fn an_import_stops_at_the_bound_and_goes_on_when_it_is_raised() {
    let world = World::with_bound(20_000);
    let file = world.write("d", &many());
    let told = world.import(&import(Kind::Devices, &file)).unwrap_err();
    assert!(told.to_string().contains("`20000` devices"), "{told}");
    let mut app = world.app.clone();
    app.devices_max = 40_000;
    let acts = world.runtime.block_on(acts(&world.opened, &app));
    let ended = import(Kind::Devices, &file).run(
        &mut |act| Ok(world.runtime.block_on(acts.perform(act))?),
        &mut Bar::new(),
    );
    let (new, changed, same, bad) = of(ended.unwrap().counts);
    assert_eq!((new + same, changed, bad), (35_964, 0, 36));
    let devices = &world.opened.engine.devices;
    let count = world.runtime.block_on(devices.count_devices(AppId(APP)));
    assert_eq!(count.unwrap(), 35_964);
}

/// A phone without a secret is claimed by registering, keeps its number, and is its own from then on.
#[test]
fn an_imported_phone_claims_itself_and_a_claimed_one_stays_its_own() {
    let world = World::new();
    let row = r#"{"registration_id":"p","account":"a","model":"m"}"#;
    world.take(Kind::Devices, "d", row);
    let engine = &world.opened.engine;
    let registrar = Registrar::new(
        Arc::clone(&engine.devices),
        Arc::new(ManualClock::at_unix(1_764_136_800)),
        Arc::new(FixedEntropy(0xB6)),
    );
    let id = RegistrationId::new("p").unwrap();
    let enrolment = |secret| Enrolment {
        registration_id: Some(id.clone()),
        secret,
        account: Some(Account::new("a").unwrap()),
        facts: DeviceFacts::default(),
    };
    let register = |secret| {
        world
            .runtime
            .block_on(registrar.register(&world.app, enrolment(secret)))
    };
    let Ok(Enrolled::Known {
        changed: true,
        secret: Some(secret),
        ..
    }) = register(None)
    else {
        panic!("not claimed")
    };
    let secret = DeviceSecret::parse(secret.expose()).unwrap();
    let held = || {
        let phone = engine.devices.find_phone(AppId(APP), &id);
        world.runtime.block_on(phone).unwrap().unwrap().secret
    };
    assert_eq!(held(), secret.hash());
    let other = DeviceSecret::new([1; 16]);
    assert!(matches!(register(Some(other)), Ok(Enrolled::OtherSecret)));
    assert_eq!(world.take(Kind::Devices, "d", row), (0, 1, 0, 0));
    let other =
        r#"{"registration_id":"p","account":"a","secret":"00112233445566778899aabbccddeeff"}"#;
    assert_eq!(world.take(Kind::Devices, "d", other), (0, 1, 0, 0));
    assert_eq!(held(), secret.hash());
    assert_ne!(held(), SecretHash::UNCLAIMED);
    assert!(matches!(
        register(Some(secret)),
        Ok(Enrolled::Known { secret: None, .. })
    ));
}

#[test]
fn a_page_of_an_export_goes_on_across_shards_and_gaps() {
    let world = World::new();
    let line = |n: u32| format!("{{\"registration_id\":\"p{n:05}\"}}\n");
    let text: String = (0..70_000).map(line).collect();
    assert_eq!(world.take(Kind::Devices, "d", &text), (70_000, 0, 0, 0));
    assert_eq!(world.give(Kind::Devices, "out", false).0, text);
}
