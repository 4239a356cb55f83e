//! The operator listener, and health on both.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_http::{Operators, Role};
use pushtally_model::Secret;
use serde_json::{Value, json};

use super::fixture::{APP, Server, Setup, around, code, event, events, send};

async fn get(address: std::net::SocketAddr, path: &str) -> (u16, Value) {
    let request = http::Request::get(path).header("host", "x");
    send(address, request.body(Full::<Bytes>::default()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_has_real_statuses_and_reasons_for_operators_only() {
    let server = Server::start(Setup {
        ready: Err("still opening".to_owned()),
        ..Setup::default()
    })
    .await;
    for address in [server.public, server.operator] {
        assert_eq!(
            get(address, "/health/live").await,
            (200, json!({"live": true}))
        );
    }
    assert_eq!(
        get(server.public, "/health/ready").await,
        (503, json!({"ready": false}))
    );
    let expected = json!({"ready": false, "reason": "still opening"});
    assert_eq!(get(server.operator, "/health/ready").await, (503, expected));
    server.stop().await;

    let server = Server::start(Setup::default()).await;
    for address in [server.public, server.operator] {
        assert_eq!(
            get(address, "/health/ready").await,
            (200, json!({"ready": true}))
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_requests_events_and_outcomes_but_no_secrets() {
    let server = Server::start(Setup::default()).await;
    let body = events(&[event("t1", "a", 2, 0), "{}".to_owned()]);
    assert_eq!(code(&server.import(&body).await), 90100);
    assert_eq!(code(&server.import(&body).await), 90100);
    assert_eq!(code(&server.statistics(&around("[]")).await), 0);
    let (status, page) = get(server.operator, "/metrics").await;
    let page = page.as_str().unwrap();
    assert_eq!(status, 200);
    for line in [
        r#"pushtally_requests_total{command="events",code="90100"} 2"#,
        r#"pushtally_requests_total{command="all_member_push_statistics",code="0"} 1"#,
        r#"pushtally_request_seconds_count{command="events"} 2"#,
        r#"pushtally_events_total{source="import",result="accepted"} 2"#,
        r#"pushtally_events_total{source="import",result="refused"} 2"#,
        r#"pushtally_app_events{app="1400000000",kind="push",outcome="fresh"} 1"#,
        r#"pushtally_app_events{app="1400000000",kind="push",outcome="duplicate"} 1"#,
        "pushtally_ledger_events_recorded 2",
        "pushtally_ready 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
    assert!(!page.contains("usersig") && !page.contains("Sign"));
    assert_eq!(
        code(&get(server.public, "/metrics").await.1),
        60002,
        "not for the public"
    );
    assert_eq!(get(server.operator, "/nothing").await.0, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_operators_have_tokens_a_call_needs_one_of_its_role() {
    let tokens = ["reads", "sends", "rules"].map(Secret::new);
    let [read, send_, admin] = &tokens;
    let server = Server::start(Setup {
        operators: Operators::new([
            ("ann", Role::Read, read),
            ("ben", Role::Send, send_),
            ("cat", Role::Admin, admin),
        ]),
        ..Setup::default()
    })
    .await;
    let ask = async |method: &str, path: &str, token: &str| {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "x")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let body = Full::new(bytes::Bytes::from_static(br#"{"title":"t"}"#));
        send(server.operator, request.body(body).unwrap()).await
    };
    let of_app = |rest: &str| format!("/v1/apps/{APP}/{rest}");
    for (method, path, read, send, admin) in [
        ("GET", of_app("tasks"), 200, 200, 200),
        ("POST", of_app("estimate"), 400, 400, 400),
        ("POST", of_app("push"), 403, 200, 429),
        ("POST", of_app("tasks/none/cancel"), 403, 404, 404),
        ("POST", of_app("pause"), 403, 403, 200),
        ("GET", of_app("brakes"), 200, 200, 200),
        ("POST", of_app("brakes/release"), 403, 403, 400),
        ("GET", "/v1/audit".to_owned(), 403, 403, 200),
        ("GET", "/v1/openapi.json".to_owned(), 200, 200, 200),
    ] {
        for (token, expected) in [
            ("reads", read),
            ("sends", send),
            ("rules", admin),
            ("nobody", 401),
        ] {
            let (status, reply) = ask(method, &path, token).await;
            assert_eq!(status, expected, "{method} {path} {token}: {reply}");
        }
    }
    let (_, audit) = ask("GET", "/v1/audit", "rules").await;
    let entries = audit["entries"].as_array().unwrap().iter();
    let told = entries.map(|entry| {
        (
            entry["what"].as_str().unwrap(),
            entry["who"].as_str().unwrap(),
        )
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [("app pause", "cat"), ("push", "ben")]
    );
    assert_eq!(get(server.operator, "/v1/audit").await.0, 401);
    assert_eq!(get(server.operator, "/metrics").await.0, 200);
    assert_eq!(get(server.operator, "/health/live").await.0, 200);
    server.stop().await;
}
