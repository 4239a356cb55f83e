//! Brakes: which are on, and releasing them.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_model::{Channel, Environment, Number, Secret, Token, TokenKind};
use pushtally_store::DeadToken;
use serde_json::{Value, json};

use super::fixture::{APP, NOW_S, Server, Setup, send};
use super::vendors::{register, token};

async fn call(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/v1/apps/{path}"))
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_string()));
    send(server.operator, request.body(body).unwrap()).await
}

/// The brakes that are on.
async fn on(server: &Server) -> Value {
    let (status, reply) = call(server, "GET", &format!("{APP}/brakes"), &Value::Null).await;
    assert_eq!((status, &reply["app"]), (200, &json!(APP.0)), "{reply}");
    reply["brakes"].clone()
}

/// Releases; answers how many were on.
async fn release(server: &Server, body: &Value) -> Value {
    let (status, reply) = call(server, "POST", &format!("{APP}/brakes/release"), body).await;
    assert_eq!((status, &reply["app"]), (200, &json!(APP.0)), "{reply}");
    reply["released"].clone()
}

/// A vendor calls tokens of a line dead, that of the device among them; answers how many were dropped.
async fn die(server: &Server, (channel, cert_id): (Channel, u32), number: Number) -> u64 {
    let dead = DeadToken {
        number,
        token: Token {
            channel,
            kind: TokenKind::Alert,
            value: Secret::new(token(channel)),
            cert_id,
            environment: Environment::Production,
        },
        since_ms: None,
    };
    let tokens = server.state.dispatch.dead_tokens();
    tokens.drop_dead(APP, &vec![dead; 200]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brake_is_listed_while_it_is_on_and_released() {
    let server = Server::start(Setup::default()).await;
    assert_eq!(on(&server).await, json!([]));
    let phone = register(&server.engine, Channel::Xiaomi).await;
    for line in [
        (Channel::Apns, 2),
        (Channel::Apns, 3),
        (Channel::Xiaomi, 1),
        (Channel::Vivo, 1),
    ] {
        assert_eq!(die(&server, line, phone).await, 0, "{line:?}");
    }
    die(&server, (Channel::Xiaomi, 1), phone).await;
    let row = |channel, cert_id, gone| {
        json!({
            "channel": channel, "cert_id": cert_id, "since_ms": NOW_S * 1000, "live": 0, "gone": gone,
        })
    };
    let [two, three, vivo] = [row("apns", 2, 0), row("apns", 3, 0), row("vivo", 1, 0)];
    let all = json!([two, three, row("xiaomi", 1, 200), vivo]);
    assert_eq!(on(&server).await, all);
    for (body, released, left) in [
        (json!({"channel": "xiaomi"}), 1, json!([two, three, vivo])),
        (
            json!({"channel": "apns", "cert_id": 3}),
            1,
            json!([two, vivo]),
        ),
        (
            json!({"channel": "apns", "cert_id": 3.0}),
            0,
            json!([two, vivo]),
        ),
        (
            json!({"channel": "apns", "cert_id": null}),
            1,
            json!([vivo]),
        ),
        (json!({"channel": "fcm"}), 0, json!([vivo])),
    ] {
        assert_eq!(release(&server, &body).await, released, "{body}");
        assert_eq!(on(&server).await, left, "{body}");
    }
    let dropped = die(&server, (Channel::Xiaomi, 1), phone).await;
    assert_eq!(dropped, 1, "what is released is dropped");
    let entries = server.state.audit.entries(Some(APP), None, 10).await;
    let told = entries.unwrap().into_iter().rev();
    let told: Vec<_> = told.map(|entry| (entry.what, entry.target)).collect();
    let expected = ["xiaomi", "apns", "apns", "apns", "fcm"];
    let expected = expected.map(|channel| ("devices release".to_owned(), channel.to_owned()));
    assert_eq!(told, expected);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_no_brakes_is_refused_and_not_audited() {
    let server = Server::start(Setup::default()).await;
    let (list, release) = (format!("{APP}/brakes"), format!("{APP}/brakes/release"));
    for (method, path, body, expected, field) in [
        ("GET", "1/brakes", json!(null), 404, json!("app")),
        ("GET", "x/brakes", json!(null), 404, json!("app")),
        (
            "GET",
            &format!("{list}?channel=apns"),
            json!(null),
            400,
            json!("channel"),
        ),
        (
            "POST",
            "1/brakes/release",
            json!({"channel": "apns"}),
            404,
            json!("app"),
        ),
        (
            "POST",
            &release,
            json!({"channel": "online"}),
            400,
            json!("channel"),
        ),
        ("POST", &release, json!({}), 400, json!(null)),
        ("POST", &release, json!(["apns"]), 400, json!(null)),
        (
            "POST",
            &release,
            json!({"channel": "apns", "cert_id": -1}),
            400,
            json!(null),
        ),
        (
            "POST",
            &release,
            json!({"channel": "apns", "certid": 1}),
            400,
            json!(null),
        ),
    ] {
        let (status, problem) = call(&server, method, path, &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (expected, &field),
            "{method} {path} {body}: {problem}"
        );
    }
    let entries = server.state.audit.entries(None, None, 10).await;
    assert_eq!(entries.unwrap(), []);
    server.stop().await;
}
