//! Every refusal: its status, code, field and value; and that it changes nothing and tells nothing.

use pushtally_model::AppId;
use serde_json::{Value, json};

use super::fixture::{
    APP, CLIENT_KEY, FIELDS, NOBODYS_APP, OTHER_APP, OTHER_SECRET, SECRET, Server, app, no_limits,
    one, registration, usersig, usersig_until, with,
};

#[tokio::test]
async fn every_faulty_field_is_named_with_its_value_unless_it_is_secret() {
    let server = Server::open().await;
    let check = async |field: &str, value: Value, named: &str, told: Option<&str>| {
        let body = with(registration("phone", "user1"), field, Some(value));
        let answer = server.register(&body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "bad-request"),
            "{body}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.body["field"], named, "{answer:?}");
        assert_eq!(answer.body["value"].as_str(), told, "{answer:?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("`{named}`")), "{detail}");
    };
    let long = |len: usize| "x".repeat(len);
    for field in [
        "vendor",
        "model",
        "system",
        "system_version",
        "app_version",
        "sdk_version",
        "notifications",
        "language",
        "account",
        "registration_id",
    ] {
        check(field, json!(5), field, Some("5")).await;
        check(field, json!({"a": [true]}), field, Some(r#"{"a":[true]}"#)).await;
    }
    for field in [
        "model",
        "system",
        "system_version",
        "app_version",
        "sdk_version",
        "language",
    ] {
        check(field, json!(long(65)), field, Some(&long(64))).await;
    }
    for field in ["account", "registration_id"] {
        check(field, json!(long(129)), field, Some(&long(64))).await;
        check(field, json!(""), field, Some("")).await;
        check(field, json!("a\u{7}"), field, Some("a\u{7}")).await;
    }
    for field in ["client_key", "secret", "usersig"] {
        check(field, json!(5), field, None).await;
    }
    for secret in ["", "5", "00112233445566778899aabbccddeefg"] {
        check("secret", json!(secret), "secret", None).await;
    }
    check("client_key", Value::Null, "client_key", None).await;
    check("usersig", Value::Null, "usersig", None).await;
    check("account", Value::Null, "account", None).await;
    check("vendor", json!("online"), "vendor", Some("online")).await;
    check(
        "notifications",
        json!("maybe"),
        "notifications",
        Some("maybe"),
    )
    .await;
    check("tokens", json!("t"), "tokens", None).await;
    check("tokens", json!([5]), "tokens[0]", None).await;
    check("tokens", json!([["apns", "alert", "t"]]), "tokens[0]", None).await;
    let token = |field: &str, value: Value| {
        let token = json!({"channel": "apns", "token": "t"});
        json!([{"channel": "fcm", "token": "t"}, with(token, field, Some(value))])
    };
    check(
        "tokens",
        token("channel", Value::Null),
        "tokens[1].channel",
        None,
    )
    .await;
    check(
        "tokens",
        token("channel", json!("apple")),
        "tokens[1].channel",
        Some("apple"),
    )
    .await;
    check(
        "tokens",
        token("kind", json!(1)),
        "tokens[1].kind",
        Some("1"),
    )
    .await;
    check(
        "tokens",
        token("kind", json!("call")),
        "tokens[1].kind",
        Some("call"),
    )
    .await;
    check("tokens", token("token", json!(5)), "tokens[1].token", None).await;
    check("tokens", token("token", json!("")), "tokens[1].token", None).await;
    check(
        "tokens",
        token("token", json!(long(4097))),
        "tokens[1].token",
        None,
    )
    .await;
    check(
        "tokens",
        token("cert_id", json!(-1)),
        "tokens[1].cert_id",
        Some("-1"),
    )
    .await;
    check(
        "tokens",
        token("cert_id", json!("1")),
        "tokens[1].cert_id",
        Some("\"1\""),
    )
    .await;
    check(
        "tokens",
        token("cert_id", json!(4_294_967_296_u64)),
        "tokens[1].cert_id",
        Some("4294967296"),
    )
    .await;
    check(
        "tokens",
        token("environment", json!("test")),
        "tokens[1].environment",
        Some("test"),
    )
    .await;
    check("tokens", token("channel", json!("fcm")), "tokens[1]", None).await;
    let thirteen: Vec<_> = (0..13)
        .map(|_| json!({"channel": "fcm", "token": "t"}))
        .collect();
    check("tokens", json!(thirteen), "tokens", Some("13")).await;
    assert!(server.everything().await.is_empty());
}

#[tokio::test]
async fn a_field_that_is_said_twice_is_named_without_what_it_held() {
    let server = Server::open().await;
    for field in FIELDS {
        let body = format!(r#"{{"x":1,"{field}":null,"x":2,"{field}":"hush"}}"#);
        for request in [
            http::Request::post(format!("/v1/devices?sdkappid={APP}")),
            one("PATCH", APP, "phone", SECRET),
        ] {
            let answer = server.call(request, body.clone().into_bytes()).await;
            assert_eq!((answer.status, answer.code()), (400, "bad-request"));
            assert_eq!(answer.body["field"], field);
            let detail = format!("`{field}` must be said once, line `1`, column `");
            let told = answer.body["detail"].as_str().unwrap();
            assert!(told.starts_with(&detail), "{told}");
            assert!(answer.body.get("value").is_none(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_without_repeating_it() {
    let server = Server::open().await;
    for body in [
        &b""[..],
        b"  ",
        b"null",
        b"\"hush-hush\"",
        b"[\"hush-hush\"]",
        b"{\"client_key\":\"hush-hush\",\"client_key\":\"a\"}",
        b"{\"client_key\":\"hush-hush\"",
        b"{\"client_key\":\"hush-hush\"}x",
        b"{\"client_key\":\"\xFF\"}",
        b"{\"secret\":\"\\ud800\",\"client_key\":\"in-every-copy\"}",
    ] {
        let request = http::Request::post(format!("/v1/devices?sdkappid={APP}"));
        let answer = server.call(request, body.to_vec()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "bad-request"),
            "{answer:?}"
        );
        assert!(!answer.body.to_string().contains("hush"), "{answer:?}");
    }
    let request = http::Request::post(format!("/v1/devices?sdkappid={APP}"));
    let answer = server.call(request, vec![b' '; 64 * 1024 + 1]).await;
    assert_eq!((answer.status, answer.code()), (413, "too-large"));
    for (query, value) in [
        ("", None),
        ("sdkappid=x", Some("x")),
        ("sdkappid=%2B1", Some("+1")),
        ("sdkappid=01", Some("01")),
        ("sdkappid=1&sdkappid=1", None),
    ] {
        let request = http::Request::post(format!("/v1/devices?{query}"));
        let answer = server.call(request, b"{}".to_vec()).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!("sdkappid"))
        );
        assert_eq!(answer.body["value"].as_str(), value);
    }
}

#[tokio::test]
async fn whoever_cannot_prove_who_it_is_is_answered_the_same_whatever_is_wrong() {
    let mut keyless = app(OTHER_APP);
    keyless.client_key = None;
    let server = Server::start(vec![app(APP), keyless], no_limits()).await;
    server.register(&registration("phone", "user1")).await;
    let before = server.everything().await;
    let sound = registration("phone", "user1");
    let different = |field: &str, value: Value| (APP, with(sound.clone(), field, Some(value)));
    let mut answers = Vec::new();
    let in_app = |app: AppId| (app, sound.clone());
    for (app, body) in [
        in_app(NOBODYS_APP),
        in_app(AppId(0)),
        in_app(OTHER_APP),
        (
            OTHER_APP,
            with(sound.clone(), "client_key", Some(json!(""))),
        ),
        different("client_key", json!("in-every-cop")),
        different("client_key", json!("in-every-copy ")),
        different("client_key", json!("")),
        different("secret", json!(OTHER_SECRET)),
        (APP, with(sound.clone(), "secret", None)),
        different("usersig", json!("garbage")),
        different("usersig", json!("")),
        different("usersig", json!(usersig(APP, "user2"))),
        different("usersig", json!(usersig(OTHER_APP, "user1"))),
        different("usersig", json!(usersig_until(APP, "user1", -1))),
        different("account", json!("user2")),
    ] {
        let answer = server.register_in(app, &body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "unauthorized"),
            "{app} {body}"
        );
        answers.push(answer);
    }
    for method in ["PATCH", "DELETE"] {
        let mut told = Vec::new();
        for (app, phone, secret) in [
            (APP, "phone", OTHER_SECRET),
            (APP, "phone", "short"),
            (APP, "phone", CLIENT_KEY),
            (APP, "nobody", SECRET),
            (APP, "nobody", OTHER_SECRET),
            (OTHER_APP, "phone", SECRET),
            (NOBODYS_APP, "phone", SECRET),
        ] {
            let request = one(method, app, phone, secret);
            told.push(server.call(request, br#"{"model":"x"}"#.to_vec()).await);
        }
        let bare = http::Request::builder()
            .method(method)
            .uri(format!("/v1/devices/phone?sdkappid={APP}"));
        told.push(server.call(bare, br#"{"model":"x"}"#.to_vec()).await);
        answers.extend(told);
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(server.everything().await, before);
}

#[tokio::test]
async fn what_comes_first_is_told_first() {
    let server = Server::open().await;
    let broken = with(registration("phone", "user1"), "model", Some(json!(5)));
    let stranger = with(broken.clone(), "client_key", Some(json!("other")));
    assert_eq!(server.register(&stranger).await.status, 401);
    let unsigned = with(broken, "usersig", Some(json!("garbage")));
    assert_eq!(server.register(&unsigned).await.status, 400);
}

#[tokio::test]
async fn an_app_that_is_off_says_so_only_to_those_it_knows() {
    let server = Server::open().await;
    server.register(&registration("phone", "user1")).await;
    let before = server.everything().await;
    let mut off = app(APP);
    off.enabled = false;
    server.state.directory.replace([off]);
    let answer = server.register(&registration("phone", "user1")).await;
    assert_eq!((answer.status, answer.code()), (403, "disabled"));
    let stranger = with(
        registration("phone", "user1"),
        "client_key",
        Some(json!("x")),
    );
    assert_eq!(server.register(&stranger).await.status, 401);
    for method in ["PATCH", "DELETE"] {
        for (phone, secret, status) in [
            ("phone", SECRET, 403),
            ("phone", OTHER_SECRET, 401),
            ("nobody", SECRET, 401),
        ] {
            let answer = server
                .call(one(method, APP, phone, secret), b"{}".to_vec())
                .await;
            assert_eq!(answer.status, status, "{method} {phone} {secret}");
        }
    }
    assert_eq!(server.everything().await, before);
}

#[tokio::test]
async fn other_methods_are_refused_and_pages_may_ask() {
    let server = Server::open().await;
    for (path, allowed) in [
        ("/v1/devices", "POST"),
        ("/v1/devices/phone", "PATCH, DELETE"),
    ] {
        let ask = http::Request::builder().method("OPTIONS").uri(path);
        let answer = server.call(ask, Vec::new()).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-methods"), Some(allowed));
        for method in ["GET", "PUT", "HEAD"] {
            let request = http::Request::builder().method(method).uri(path);
            assert_eq!(
                server.call(request, Vec::new()).await.status,
                405,
                "{method} {path}"
            );
        }
    }
}
