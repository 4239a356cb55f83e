//! Random histories of all targeting commands: every reply and every audience is the naive reading's, over either engine.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use pushtally_model::{FixedEntropy, RegistrationId};
use pushtally_store::{Engine, SecretHash, memory};
use pushtally_store_local::{LocalEngine, LocalOptions};
use serde_json::{Map, Value, json};

use super::asking::{self, ACCOUNTS, LEGACY, TIMPUSH, ask};
use super::fixture::{APP, Server, Setup, code};
use super::naive::{Act, Answer, Naive};

const PHONES: [&str; 4] = ["p1", "p2", "p3", "p4"];
const USERS: [&str; 4] = ["a", "b", "界", "p4"];
const NAMES: [&str; 10] = ["a", "b", "界", "p1", "p2", "p3", "p4", "nobody", "a", ""];
const TAGS: [&str; 4] = ["x", "y", "z", "標"];
const ATTRIBUTES: [&str; 4] = ["sex", "city", "model", "age"];
const VALUES: [&str; 2] = ["1", "2"];

fn of(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(choices)
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(of(&NAMES), 1..4)
}

fn tags(from: usize) -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop::collection::btree_set(of(&TAGS), from..3)
}

fn values(from: usize) -> impl Strategy<Value = BTreeMap<&'static str, &'static str>> {
    prop::collection::btree_map(of(&ATTRIBUTES[..3]), of(&VALUES), from..3)
}

fn entries<T: std::fmt::Debug>(
    content: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(&'static str, T)>> {
    prop::collection::vec((of(&NAMES), content), 1..4)
}

fn naming() -> impl Strategy<Value = Vec<(u8, &'static str, Option<u8>)>> {
    let kind = prop_oneof![3 => Just(None), 1 => (0..2_u8).prop_map(Some)];
    let names = prop::collection::btree_map(0..4_u8, (of(&ATTRIBUTES), kind), 1..4);
    names.prop_map(|names| {
        names
            .into_iter()
            .map(|(index, (name, kind))| (index, name, kind))
            .collect()
    })
}

fn act() -> impl Strategy<Value = Act> {
    let attribute_names = prop::collection::btree_set(of(&ATTRIBUTES[..3]), 1..3);
    prop_oneof![
        4 => (of(&PHONES), prop::option::of(of(&USERS))).prop_map(|(phone, account)| Act::Register(phone, account)),
        1 => of(&PHONES).prop_map(Act::Unregister),
        2 => names().prop_map(Act::Import),
        1 => names().prop_map(Act::Delete),
        1 => names().prop_map(Act::Check),
        2 => naming().prop_map(Act::SetNames),
        1 => Just(Act::GetNames),
        3 => entries(values(1)).prop_map(Act::SetAttributes),
        1 => entries(attribute_names).prop_map(Act::RemoveAttributes),
        1 => names().prop_map(Act::GetAttributes),
        4 => (any::<bool>(), entries(tags(1))).prop_map(|(replace, entries)| Act::AddTags(replace, entries)),
        1 => entries(tags(1)).prop_map(Act::RemoveTags),
        1 => names().prop_map(Act::GetTags),
        1 => names().prop_map(Act::ClearTags),
        6 => [tags(0), tags(0), tags(0)].prop_map(Act::PushTags),
        4 => [values(0), values(0)].prop_map(Act::PushAttributes),
    ]
}

/// Begins with names, phones and labels, or most histories would push to nobody.
fn history() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(), 20..60).prop_map(|acts| {
        let names = vec![(0, "sex", None), (1, "city", None), (2, "model", Some(1))];
        let tags =
            [("a", "x"), ("b", "y"), ("p3", "z")].map(|(name, tag)| (name, BTreeSet::from([tag])));
        let values =
            [("a", "1"), ("b", "2")].map(|(name, value)| (name, BTreeMap::from([("sex", value)])));
        let mut history = vec![
            Act::SetNames(names),
            Act::Register("p1", Some("a")),
            Act::Register("p2", Some("b")),
            Act::Register("p3", None),
            Act::AddTags(false, tags.to_vec()),
            Act::SetAttributes(values.to_vec()),
        ];
        history.extend(acts);
        history
    })
}

fn list<T>(entries: &[(&str, T)], inner: &str) -> Value
where
    T: serde::Serialize,
{
    let entry = |(name, content): &(&str, T)| json!({"To_Account": name, inner: content});
    entries.iter().map(entry).collect()
}

fn items(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "UserID": name })).collect()
}

/// Where a call goes and what it says.
fn call(act: &Act) -> (&'static str, &'static str, Value) {
    let (command, body) = match act {
        Act::Register(..) | Act::Unregister(_) => unreachable!("phones do that"),
        Act::Import(names) => {
            return (
                ACCOUNTS,
                "multiaccount_import",
                json!({"AccountList": items(names)}),
            );
        }
        Act::Delete(names) => {
            return (
                ACCOUNTS,
                "account_delete",
                json!({"DeleteItem": items(names)}),
            );
        }
        Act::Check(names) => {
            return (
                ACCOUNTS,
                "account_check",
                json!({"CheckItem": items(names)}),
            );
        }
        Act::ClearTags(names) => {
            return (TIMPUSH, "clear_all_tags", json!({ "To_Account": names }));
        }
        Act::SetNames(naming) => {
            let names = naming
                .iter()
                .map(|(index, name, _)| (index.to_string(), json!(name)));
            let kinds = naming
                .iter()
                .filter_map(|(index, _, kind)| Some((index.to_string(), json!((*kind)?))));
            let (names, kinds): (Map<_, _>, Map<_, _>) = (names.collect(), kinds.collect());
            (
                "set_attr_name",
                json!({"AttrNames": names, "AttrTypes": kinds}),
            )
        }
        Act::GetNames => ("get_attr_name", json!({})),
        Act::SetAttributes(entries) => ("set_attr", json!({"UserAttrs": list(entries, "Attrs")})),
        Act::RemoveAttributes(entries) => {
            ("remove_attr", json!({"UserAttrs": list(entries, "Attrs")}))
        }
        Act::GetAttributes(names) => ("get_attr", json!({ "To_Account": names })),
        Act::AddTags(replace, entries) => (
            "add_tag",
            json!({"Replace": u8::from(*replace), "UserTags": list(entries, "Tags")}),
        ),
        Act::RemoveTags(entries) => ("remove_tag", json!({"UserTags": list(entries, "Tags")})),
        Act::GetTags(names) => ("get_tag", json!({ "To_Account": names })),
        Act::PushTags([any, all, none]) => {
            let condition = json!({"TagsOr": any, "TagsAnd": all, "TagsNot": none});
            ("push", pushed(&condition))
        }
        Act::PushAttributes([any, all]) => {
            ("push", pushed(&json!({"AttrsOr": any, "AttrsAnd": all})))
        }
    };
    // Either name of a command, now the one and now the other.
    let prefix = if body.to_string().len() % 2 == 0 {
        TIMPUSH
    } else {
        LEGACY
    };
    (prefix, command, body)
}

fn pushed(condition: &Value) -> Value {
    json!({"MsgRandom": 1, "Condition": condition, "OfflinePushInfo": {"Title": "t"}})
}

async fn perform(server: &Server, act: &Act) -> Answer {
    let nothing = Answer::Fields(json!({}));
    match act {
        Act::Register(phone, account) => {
            asking::phone(server, phone, *account).await;
            return nothing;
        }
        Act::Unregister(phone) => {
            let phone = RegistrationId::new(*phone).unwrap();
            let devices = &server.engine.devices;
            devices
                .unregister_device(
                    APP,
                    &phone,
                    SecretHash([7; 32]),
                    pushtally_model::Second(1_700_000_000),
                )
                .await
                .unwrap();
            return nothing;
        }
        _ => server.clock.advance_ms(2000),
    }
    let (prefix, command, body) = call(act);
    let reply = ask(server, prefix, command, &body.to_string()).await;
    if code(&reply) != 0 {
        return Answer::Code(code(&reply));
    }
    if command == "push" {
        let phones = asking::reached(server, &reply).await;
        let known = |phone: &String| PHONES.into_iter().find(|known| known == phone).unwrap();
        return Answer::Reaches(phones.iter().map(known).collect());
    }
    let Value::Object(mut fields) = reply else {
        panic!("{reply}")
    };
    for base in ["ActionStatus", "ErrorCode", "ErrorInfo"] {
        fields.remove(base).unwrap();
    }
    for error in fields
        .get_mut("ErrorList")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        assert!(error.as_object_mut().unwrap().remove("ErrorInfo").is_some());
    }
    Answer::Fields(Value::Object(fields))
}

/// Answers how many pushes reached somebody but not everybody.
async fn check(engine: Engine, history: &[Act]) -> usize {
    let server = Server::start(Setup {
        engine,
        ..Setup::default()
    })
    .await;
    let (mut naive, mut telling) = (Naive::default(), 0);
    for (at, act) in history.iter().enumerate() {
        let (expected, answer) = (naive.act(act), perform(&server, act).await);
        assert_eq!(answer, expected, "act {at}, {act:?}");
        if let Answer::Reaches(phones) = &answer {
            telling += usize::from((1..PHONES.len()).contains(&phones.len()));
        }
    }
    let differences = server.engine.accounts.verify_index(APP).await.unwrap();
    assert_eq!(differences, Vec::<String>::new());
    server.stop().await;
    telling
}

/// The engine, and what it lives by.
fn run<K>(cases: u32, engine: impl Fn() -> (Engine, K)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let telling = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    });
    let ran = runner.run(&history(), |history| {
        let (engine, _kept) = engine();
        telling.set(telling.get() + runtime.block_on(check(engine, &history)));
        Ok(())
    });
    ran.unwrap();
    assert!(telling.get() > 0, "every push reached nobody or everybody");
}

#[test]
fn over_memory_every_reply_and_audience_is_the_naive_one() {
    run(64, || (memory::engine(), ()));
}

#[test]
fn over_the_embedded_engine_every_reply_and_audience_is_the_naive_one() {
    run(8, || {
        let dir = tempfile::tempdir().unwrap();
        let options = LocalOptions::default();
        let local = LocalEngine::open(dir.path(), options, &FixedEntropy(5)).unwrap();
        (local.engine(), (local, dir))
    });
}
