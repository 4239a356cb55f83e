//! Estimates: what they say is what a push then does. And of which channels it can be known what arrived.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use pushtally_channel::{Channel as _, Line};
use pushtally_dispatch::Turn;
use pushtally_model::{Channel, Environment, Secret, Token, TokenKind, Urgency};
use pushtally_receipt::Marks;
use pushtally_store::{Claim, Directory, memory};
use serde_json::{Value, json};

use super::fixture::{APP, Server, Setup, app, send};
use super::push::register;
use super::vendors::{Bench, carriers, register as register_with_token};

async fn call(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/v1/apps/{APP}/{path}"))
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_string()));
    send(server.operator, request.body(body).unwrap()).await
}

/// Counts by route and channel.
fn by_way(rows: &Value, name: &str) -> BTreeMap<(String, String), u64> {
    let rows = rows.as_array().unwrap().iter();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.map(|row| {
        let way = (text(row, "route"), text(row, "channel"));
        (way, row[name].as_u64().unwrap())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_estimate_is_what_a_push_then_comes_to() {
    let server = Server::start(Setup::default()).await;
    for account in ["a", "b"] {
        register(&server.engine, account).await;
    }
    for channel in [Channel::Xiaomi, Channel::Vivo] {
        register_with_token(&server.engine, channel).await;
    }
    for (to, devices, without_account, unknown) in [
        (Value::Null, 4, 2, json!([])),
        (json!(["a", "a", "nobody"]), 1, 0, json!(["nobody"])),
    ] {
        let (status, estimate) = call(&server, "POST", "estimate", &json!({"to": to})).await;
        assert_eq!(status, 200, "{estimate}");
        assert_eq!(estimate["devices"], devices);
        assert_eq!(estimate["unknown"], unknown);
        // Nothing is configured that would send to a token, nor how fast.
        let routes = &estimate["routes"];
        let lost: u64 = by_way(routes, "without_account").values().sum();
        assert_eq!(
            (lost, &estimate["seconds_min"]),
            (without_account, &json!(0))
        );
        let listed = call(&server, "GET", "tasks?state=running", &Value::Null).await;
        assert_eq!(listed.1["tasks"], json!([]), "nothing is sent");
        let order = json!({"title": "t", "to": to});
        let (status, ordered) = call(&server, "POST", "push", &order).await;
        assert_eq!(status, 200, "{ordered}");
        while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
        let path = format!("tasks/{}", ordered["task"]["id"].as_str().unwrap());
        let (_, report) = call(&server, "GET", &path, &Value::Null).await;
        let planned = by_way(&report["routes"], "planned");
        assert_eq!(by_way(routes, "planned"), planned, "{estimate} {report}");
        server.clock.advance_ms(2_000);
    }
    let (status, estimate) = call(&server, "POST", "estimate", &json!({"online_only": true})).await;
    assert_eq!((status, &estimate["devices"]), (200, &json!(0)));
    assert_eq!(estimate["routes"], json!([]));
    for (body, field) in [
        (json!({"to": []}), json!("to")),
        (json!({"too": ["a"]}), Value::Null),
    ] {
        let (status, problem) = call(&server, "POST", "estimate", &body).await;
        assert_eq!((status, &problem["field"]), (400, &field), "{problem}");
    }
    server.stop().await;
}

#[test]
fn a_token_goes_by_the_line_of_its_account_at_that_accounts_rate() {
    let marks = Arc::new(Marks::new(Arc::new(Directory::new([app()]))));
    let carriers = carriers(&marks, None);
    let carrier = &carriers[&Channel::Xiaomi];
    let token = |cert_id| Token {
        channel: Channel::Xiaomi,
        kind: TokenKind::Alert,
        value: Secret::new("x"),
        cert_id,
        environment: Environment::Production,
    };
    let line = |cert_id, urgency| carrier.line(APP, Some(&token(cert_id)), urgency);
    // The account is the first one and lets 100 through, a tenth of it for what is urgent.
    for (cert_id, urgency, expected) in [
        (1, Urgency::Bulk, Some(Line { id: 1, rate: 90 })),
        (1, Urgency::Urgent, Some(Line { id: 1, rate: 10 })),
        (0, Urgency::Bulk, Some(Line { id: 1, rate: 90 })),
        (2, Urgency::Bulk, None),
    ] {
        assert_eq!(line(cert_id, urgency), expected, "{cert_id}");
    }
    assert_eq!(carrier.line(APP, None, Urgency::Bulk), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_channel_says_whether_its_receipts_can_come_and_have_come() {
    let states = async |server: &Server| {
        let (status, reply) = call(server, "GET", "receipts", &Value::Null).await;
        assert_eq!(status, 200, "{reply}");
        let rows = reply["channels"].as_array().unwrap().clone();
        let state = |row: &Value| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("channel"), text("receipts"))
        };
        rows.iter().map(state).collect::<BTreeMap<_, _>>()
    };
    let bare = Server::start(Setup::default()).await;
    let found = states(&bare).await;
    assert_eq!(found.len(), 9);
    for (channel, state) in found {
        let expected = match channel.as_str() {
            "apns" | "fcm" => "impossible",
            _ => "not_configured",
        };
        assert_eq!(state, expected, "{channel}");
    }
    bare.stop().await;
    let bench = Bench::start_with(memory::engine(), None).await;
    assert_eq!(states(&bench.server).await["xiaomi"], "none_seen");
    let (status, _) = bench
        .post(Channel::Xiaomi, &bench.body(Channel::Xiaomi))
        .await;
    assert_eq!(status, 200);
    let found = states(&bench.server).await;
    assert_eq!(
        (found["xiaomi"].as_str(), found["vivo"].as_str()),
        ("seen", "none_seen")
    );
    bench.server.stop().await;
}
