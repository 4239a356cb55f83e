//! Bodies that nobody thought of: nothing panics, and what is refused changes nothing.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::fixture::{APP, FIELDS, SECRET, Server, one, registration};

fn values() -> impl Strategy<Value = Value> {
    let token = json!({"channel": "apns", "kind": "voip", "token": "t", "cert_id": 1});
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("x".repeat(200))),
        Just(json!("granted")),
        Just(json!("fcm")),
        Just(json!([token.clone()])),
        Just(json!([token.clone(), token])),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(
                (
                    prop::sample::select(
                        &["channel", "kind", "token", "cert_id", "environment"][..]
                    ),
                    inner
                ),
                0..4
            )
            .prop_map(|fields| Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<Map<_, _>>()
            )),
        ]
    })
}

/// A sound registration with some fields replaced, then with some bytes replaced.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&str> = FIELDS.into_iter().chain(["other"]).collect();
    let fields = prop::collection::vec((prop::sample::select(names), values()), 0..4);
    let bytes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let mutated = (fields, bytes).prop_map(|(fields, bytes)| {
        let mut body = registration("phone", "user1");
        for (name, value) in fields {
            body[name] = value;
        }
        let mut body = body.to_string().into_bytes();
        for (at, byte) in bytes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body
    });
    prop_oneof![9 => mutated, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

#[test]
fn arbitrary_bodies_never_panic_and_refused_ones_change_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(async {
        let server = Server::open().await;
        server.register(&registration("phone", "user1")).await;
        server
    });
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let check = |(body, change): (Vec<u8>, bool)| {
        runtime.block_on(async {
            let before = server.everything().await;
            let request = match change {
                true => one("PATCH", APP, "phone", SECRET),
                false => http::Request::post(format!("/v1/devices?sdkappid={APP}")),
            };
            let answer = server.call(request, body).await;
            match answer.status {
                200 | 201 => taken.set(taken.get() + 1),
                400 | 401 | 410 => {
                    refused.set(refused.get() + 1);
                    assert_eq!(server.everything().await, before);
                    assert!(!answer.code().is_empty());
                    assert!(!answer.body.to_string().contains(SECRET));
                }
                other => panic!("{other}: {:?}", answer.body),
            }
        });
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let ran = runner.run(&(bodies(), any::<bool>()), |case| {
        check(case);
        Ok(())
    });
    ran.unwrap();
    let (taken, refused) = (taken.get(), refused.get());
    assert!(
        taken > 100 && refused > 100,
        "{taken} taken, {refused} refused"
    );
}
