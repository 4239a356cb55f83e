//! The search of tasks, and answers that did not change.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::fixture::{APP, NOW_S, Server, Setup, raw, send};
use super::push::register;

async fn call(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/v1/apps/{APP}/{path}"))
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_owned()));
    send(server.operator, request.body(body).unwrap()).await
}

/// Orders a push; answers its TaskId.
async fn order(server: &Server, body: &str) -> String {
    let (status, ordered) = call(server, "POST", "push", body).await;
    assert_eq!(status, 200, "{ordered}");
    ordered["task"]["id"].as_str().unwrap().to_owned()
}

async fn found(server: &Server, query: &str) -> Vec<String> {
    let (status, page) = call(server, "GET", &format!("tasks?{query}"), "").await;
    assert_eq!(
        (status, &page["next"]),
        (200, &Value::Null),
        "{query}: {page}"
    );
    let tasks = page["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| task["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_found_by_time_kind_data_id_and_state() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let first = order(&server, r#"{"title":"t","to":["a"]}"#).await;
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    server.clock.advance_ms(100_000);
    let second = order(&server, r#"{"title":"t"}"#).await;
    let (status, _) = call(&server, "POST", &format!("tasks/{second}/cancel"), "").await;
    assert_eq!(status, 200);
    server.clock.advance_ms(2_000);
    let third = order(&server, r#"{"title":"u"}"#).await;
    let later = NOW_S + 100;
    for (query, expected) in [
        (String::new(), vec![&third, &second, &first]),
        (format!("start={later}"), vec![&third, &second]),
        (format!("end={later}"), vec![&first]),
        (format!("start={}", later + 3), vec![]),
        (format!("start={}", later + 200_000), vec![]),
        ("kind=batch".to_owned(), vec![&first]),
        ("kind=push".to_owned(), vec![&third, &second]),
        ("kind=message".to_owned(), vec![]),
        ("data_id=".to_owned(), vec![&third, &second, &first]),
        ("data_id=x".to_owned(), vec![]),
        ("state=done".to_owned(), vec![&first]),
        ("state=cancelled".to_owned(), vec![&second]),
        ("state=running&kind=push".to_owned(), vec![&third]),
    ] {
        assert_eq!(
            found(&server, &query).await.iter().collect::<Vec<_>>(),
            expected,
            "{query}"
        );
    }
    let (_, page) = call(&server, "GET", "tasks?kind=push&limit=1", "").await;
    assert_eq!(page["tasks"][0]["id"], json!(third));
    let next = format!("kind=push&before={}", page["next"]);
    assert_eq!(found(&server, &next).await, [second]);
    for (query, field) in [
        ("state=gone", "state"),
        ("kind=all", "kind"),
        ("start=2&end=2", "end"),
        ("limit=0", "limit"),
        ("sate=done", "sate"),
    ] {
        let (status, problem) = call(&server, "GET", &format!("tasks?{query}"), "").await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{problem}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let id = order(&server, r#"{"title":"t"}"#).await;
    let ask = async |path: &str, known: &str| {
        let head = format!(
            "GET /v1/apps/{APP}/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nif-none-match: {known}\r\n\r\n"
        );
        let answer = raw(server.operator, head.as_bytes()).await;
        let tag = answer
            .split("etag: ")
            .nth(1)
            .unwrap()
            .split("\r\n")
            .next()
            .unwrap()
            .to_owned();
        (answer[9..12].to_owned(), tag)
    };
    for path in ["tasks".to_owned(), format!("tasks/{id}")] {
        let (status, tag) = ask(&path, "\"other\"").await;
        assert_eq!(status, "200");
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            assert_eq!(
                ask(&path, &known).await,
                ("304".to_owned(), tag.clone()),
                "{known}"
            );
        }
        assert_eq!(ask(&path, "\"x\"").await.0, "200");
    }
    let (_, before) = ask(&format!("tasks/{id}"), "\"x\"").await;
    let (status, _) = call(&server, "POST", &format!("tasks/{id}/pause"), "").await;
    assert_eq!(status, 200);
    let (status, after) = ask(&format!("tasks/{id}"), &before).await;
    assert_eq!(status, "200");
    assert_ne!(before, after);
    server.stop().await;
}
