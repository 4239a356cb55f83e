//! Reports without a socket: `POST /v1/reports`.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_model::{App, Secret};
use pushtally_store::{Engine, memory};
use serde_json::{Value, json};

use super::fixture::{APP, Server, Setup, app, raw, register, send, task};

const SECRET: &str = "00112233445566778899aabbccddeeff";
const REPORT: &str = r#"{"registration_id":"phone","reports":[{"id":"task","stage":"clicked","channel":"apns","age":1500},{"id":"other","stage":"clicked"}]}"#;

async fn started(apps: Vec<App>) -> (Server, Engine) {
    let engine = memory::engine();
    register(&engine, "phone", SECRET).await;
    task(&engine, "task").await;
    let setup = Setup {
        apps,
        engine: engine.clone(),
        ..Setup::default()
    };
    (Server::start(setup).await, engine)
}

async fn report(server: &Server, path: &str, secret: &str, body: &str) -> (u16, Value) {
    let request = http::Request::post(path)
        .header("host", "x")
        .header("authorization", format!("Bearer {secret}"))
        .body(Full::new(Bytes::from(body.to_owned())));
    send(server.public, request.unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_recorded_and_unknown_ids_named() {
    let (server, _) = started(vec![app()]).await;
    let path = format!("/v1/reports?sdkappid={APP}");
    for _ in 0..2 {
        let answer = report(&server, &path, SECRET, REPORT).await;
        assert_eq!(answer, (200, json!({"unknown": ["other"]})));
    }
    assert_eq!(server.state.online.health().reports_recorded, 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_problems_that_tell_a_stranger_nothing() {
    let (server, engine) = started(vec![app()]).await;
    let path = format!("/v1/reports?sdkappid={APP}");
    let other_phone = REPORT.replace("\"phone\"", "\"phone-2\"");
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    let wrong_age = REPORT.replace("1500", "\"long\"");
    let wrong = "ffffffffffffffffffffffffffffffff";
    for (path, secret, body, status, code) in [
        (path.as_str(), wrong, REPORT, 401, "unauthorized"),
        (&path, SECRET, &other_phone, 401, "unauthorized"),
        (
            "/v1/reports?sdkappid=1",
            SECRET,
            REPORT,
            401,
            "unauthorized",
        ),
        (&path, "short", REPORT, 401, "unauthorized"),
        ("/v1/reports", SECRET, REPORT, 400, "bad-request"),
        (&path, SECRET, "[]", 400, "bad-request"),
        (&path, SECRET, &wrong_age, 400, "bad-request"),
        (&path, SECRET, &long, 413, "too-large"),
    ] {
        let (answered, problem) = report(&server, path, secret, body).await;
        assert_eq!(
            (answered, &problem["status"]),
            (status, &json!(status)),
            "{problem}"
        );
        assert_eq!(problem["type"], format!("urn:pushtally:problem:{code}"));
        assert!(!problem.to_string().contains(secret), "{problem}");
    }
    let (_, problem) = report(&server, &path, SECRET, &wrong_age).await;
    assert_eq!(
        (&problem["field"], &problem["value"]),
        (&json!("reports[0].age"), &json!("\"long\""))
    );
    let twice = REPORT.replacen('{', "{\"registration_id\":\"phone\",", 1);
    let (status, problem) = report(&server, &path, SECRET, &twice).await;
    assert_eq!(
        (status, &problem["field"], problem.get("value")),
        (400, &json!("registration_id"), None)
    );
    let id = pushtally_model::RegistrationId::new("phone").unwrap();
    let secret = pushtally_online::secret_hash(&Secret::new(SECRET)).unwrap();
    engine
        .devices
        .unregister_device(APP, &id, secret, pushtally_model::Second(1_700_000_000))
        .await
        .unwrap();
    let (status, problem) = report(&server, &path, SECRET, REPORT).await;
    assert_eq!(
        (status, &problem["type"]),
        (410, &json!("urn:pushtally:problem:unregistered"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_off_takes_no_reports() {
    let mut off = app();
    off.enabled = false;
    let (server, _) = started(vec![off]).await;
    let path = format!("/v1/reports?sdkappid={APP}");
    assert_eq!(report(&server, &path, SECRET, REPORT).await.0, 403);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_origin_may_report() {
    let (server, _) = started(vec![app()]).await;
    let ask = async |head: &str| {
        let request = format!("{head}host: x\r\norigin: null\r\nconnection: close\r\n\r\n");
        raw(server.public, request.as_bytes()).await
    };
    let preflight =
        ask("OPTIONS /v1/reports HTTP/1.1\r\naccess-control-request-method: POST\r\n").await;
    assert!(preflight.starts_with("HTTP/1.1 204 "), "{preflight}");
    for header in [
        "access-control-allow-origin: *",
        "access-control-allow-methods: POST",
        "access-control-allow-headers: authorization, content-type",
    ] {
        assert!(preflight.contains(header), "{header}\n{preflight}");
    }
    for (head, status) in [
        ("GET /v1/reports HTTP/1.1\r\n", 405),
        ("POST /v1/reports HTTP/1.1\r\ncontent-length: 0\r\n", 400),
    ] {
        let refused = ask(head).await;
        assert!(
            refused.starts_with(&format!("HTTP/1.1 {status} ")),
            "{refused}"
        );
        assert!(
            refused.contains("access-control-allow-origin: *"),
            "{refused}"
        );
    }
    server.stop().await;
}
