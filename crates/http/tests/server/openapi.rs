//! The OpenAPI document tells what the operator's listener answers: every reply here is held against it.

use std::collections::BTreeSet;

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_http::openapi_document;
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::fixture::{APP, Server, Setup, raw, send};
use super::push::register;
use super::schema::{dangling, faults};

/// The document, and which of its operations have answered with 200.
struct Documented {
    document: Value,
    done: BTreeSet<String>,
}

impl Documented {
    fn new() -> Self {
        Self {
            document: openapi_document(),
            done: BTreeSet::new(),
        }
    }

    fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let of = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().clone();
            let path = path.clone();
            let row = move |(method, operation): (String, Value)| (path.clone(), method, operation);
            methods.into_iter().map(row)
        };
        paths.iter().flat_map(of).collect()
    }

    /// Holds an answer against what the document says of the operation of this name.
    fn hold(&mut self, id: &str, status: u16, reply: &Value) {
        let operations = self.operations();
        let found = operations.iter().find(|row| row.2["operationId"] == id);
        let responses = &found.unwrap().2["responses"];
        let content = &responses[status.to_string()]["content"];
        let content = content.as_object();
        let (media, content) = content
            .and_then(|content| content.iter().next())
            .unwrap_or_else(|| panic!("{id} answers {status}, which is not documented: {reply}"));
        assert_eq!(media != "application/problem+json", status == 200);
        let faults = faults(&self.document, &content["schema"], reply);
        assert!(faults.is_empty(), "{id} {status}: {faults:?}\n{reply}");
        if status == 200 {
            self.done.insert(id.to_owned());
        }
    }
}

async fn call(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_owned()));
    send(server.operator, request.body(body).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_the_document_is_routed_and_takes_its_method_and_parameters_only() {
    let server = Server::start(Setup::default()).await;
    let documented = Documented::new();
    assert_eq!(dangling(&documented.document), [""; 0]);
    let mut ids = BTreeSet::new();
    for (path, method, operation) in documented.operations() {
        let path = path
            .replace("{app}", &APP.to_string())
            .replace("{id}", "none")
            .replace("{registration_id}", "none")
            .replace("{account}", "none");
        let head = format!("DELETE {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw(server.operator, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{path}: {answer}");
        let allow = format!("allow: {}\r\n", method.to_ascii_uppercase());
        assert!(answer.contains(&allow), "{path}: {answer}");
        // A misspelt parameter changes nothing unseen, and is named.
        let misspelt = format!("{path}?limitt=5");
        let (status, problem) = call(&server, &method.to_ascii_uppercase(), &misspelt, "{}").await;
        assert_eq!(status, 400, "{path}: {problem}");
        assert_eq!(
            (&problem["field"], &problem["value"]),
            (&json!("limitt"), &json!("5"))
        );
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(ids.insert(id), "{operation}");
        let named: Vec<_> = operation["parameters"].as_array().unwrap().clone();
        let in_path = named.iter().filter(|parameter| parameter["in"] == "path");
        assert!(
            in_path
                .clone()
                .all(|parameter| parameter["required"] == true)
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_operation_answers_is_as_documented() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let mut documented = Documented::new();
    let of_app = |rest: &str| format!("/v1/apps/{APP}/{rest}");
    let order = r#"{"title":"t","to":["a","nobody"],"on_unknown":"skip"}"#;
    let (status, ordered) = call(&server, "POST", &of_app("push"), order).await;
    documented.hold("push", status, &ordered);
    let id = ordered["task"]["id"].as_str().unwrap().to_owned();
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    let (status, other) = call(&server, "POST", &of_app("push"), r#"{"desc":"d"}"#).await;
    documented.hold("push", status, &other);
    let other = other["task"]["id"].as_str().unwrap().to_owned();
    let far = "x".repeat(1024 * 1024);
    for (name, method, path, body) in [
        ("openapi", "GET", "/v1/openapi.json".to_owned(), ""),
        ("showTask", "GET", of_app(&format!("tasks/{id}")), ""),
        ("showTask", "GET", of_app("tasks/none"), ""),
        (
            "showTask",
            "GET",
            of_app(&format!("tasks/{id}?as_of=1741200000000")),
            "",
        ),
        ("showTask", "GET", of_app("tasks/none?as_of=1"), ""),
        (
            "showTask",
            "GET",
            of_app(&format!("tasks/{id}?as_of=1641200000000")),
            "",
        ),
        ("listTasks", "GET", of_app("tasks?limit=1"), ""),
        ("listTasks", "GET", of_app("tasks?limit=0"), ""),
        (
            "traceTask",
            "GET",
            of_app(&format!("tasks/{id}/trace?user=a")),
            "",
        ),
        ("traceTask", "GET", of_app(&format!("tasks/{id}/trace")), ""),
        ("traceTask", "GET", of_app("tasks/none/trace?user=a"), ""),
        (
            "pauseTask",
            "POST",
            of_app(&format!("tasks/{other}/pause")),
            "",
        ),
        (
            "resumeTask",
            "POST",
            of_app(&format!("tasks/{other}/resume")),
            "",
        ),
        (
            "cancelTask",
            "POST",
            of_app(&format!("tasks/{other}/cancel")),
            "",
        ),
        (
            "pauseTask",
            "POST",
            of_app(&format!("tasks/{other}/pause")),
            "",
        ),
        ("listBrakes", "GET", of_app("brakes"), ""),
        ("listBrakes", "GET", of_app("brakes?x=1"), ""),
        ("listBrakes", "GET", "/v1/apps/1/brakes".to_owned(), ""),
        (
            "releaseBrakes",
            "POST",
            of_app("brakes/release"),
            r#"{"channel":"apns"}"#,
        ),
        (
            "releaseBrakes",
            "POST",
            of_app("brakes/release"),
            r#"{"channel":"x"}"#,
        ),
        ("releaseBrakes", "POST", of_app("brakes/release"), &far),
        ("pauseApp", "POST", of_app("pause"), ""),
        ("resumeApp", "POST", of_app("resume"), ""),
        ("resumeApp", "POST", "/v1/apps/1/resume".to_owned(), ""),
        (
            "showSeries",
            "GET",
            of_app("series?start=1741190000&end=1741210000&step=100"),
            "",
        ),
        ("showSeries", "GET", of_app("series?step=1"), ""),
        (
            "showLosses",
            "GET",
            of_app(&format!("losses?task={id}")),
            "",
        ),
        ("showLosses", "GET", of_app("losses?step=1"), ""),
        (
            "showLosses",
            "GET",
            of_app(&format!("losses?task={id}&as_of=1741200000000")),
            "",
        ),
        (
            "showLosses",
            "GET",
            of_app(&format!("losses?task={id}&as_of=1641200000000")),
            "",
        ),
        (
            "showSeries",
            "GET",
            of_app(&format!(
                "series?task={id}&start=0&end=9&step=9&as_of=1641200000000"
            )),
            "",
        ),
        (
            "showLatencies",
            "GET",
            of_app(&format!("latencies?task={id}&task=none")),
            "",
        ),
        ("showLatencies", "GET", of_app("latencies"), ""),
        (
            "showLatencies",
            "GET",
            "/v1/apps/1/latencies?task=a".to_owned(),
            "",
        ),
        ("showLosses", "GET", "/v1/apps/1/losses".to_owned(), ""),
        (
            "showReach",
            "GET",
            of_app(&format!("reach?task={id}&task={other}&task=none")),
            "",
        ),
        ("showReach", "GET", of_app("reach"), ""),
        ("showReach", "GET", "/v1/apps/1/reach?task=a".to_owned(), ""),
        (
            "showDeviceHistory",
            "GET",
            of_app("devices/phone%20of%20a/history"),
            "",
        ),
        (
            "showAccountHistory",
            "GET",
            of_app("accounts/a/history?limit=1"),
            "",
        ),
        (
            "showAccountHistory",
            "GET",
            of_app("accounts/a/history?before=1"),
            "",
        ),
        (
            "showAccountHistory",
            "GET",
            "/v1/apps/1/accounts/a/history".to_owned(),
            "",
        ),
        (
            "exportTask",
            "GET",
            of_app(&format!("tasks/{id}/export")),
            "",
        ),
        ("exportTask", "GET", of_app("tasks/none/export"), ""),
        (
            "exportTask",
            "GET",
            of_app("tasks/none/export?format=x"),
            "",
        ),
        ("watchTask", "GET", of_app("tasks/none/live"), ""),
        (
            "estimate",
            "POST",
            of_app("estimate"),
            r#"{"to":["a","x"]}"#,
        ),
        ("estimate", "POST", of_app("estimate"), r#"{"to":[]}"#),
        (
            "estimate",
            "POST",
            of_app("estimate"),
            r#"{"condition":{"tags_none":["x"]}}"#,
        ),
        (
            "estimate",
            "POST",
            of_app("estimate"),
            r#"{"condition":{}}"#,
        ),
        ("estimate", "POST", of_app("estimate"), &far),
        ("showReceipts", "GET", of_app("receipts"), ""),
        ("showReceipts", "GET", "/v1/apps/1/receipts".to_owned(), ""),
        ("listAudit", "GET", format!("/v1/audit?app={APP}"), ""),
        ("listAudit", "GET", "/v1/audit?app=x".to_owned(), ""),
        (
            "push",
            "POST",
            of_app("push"),
            r#"{"title":"t","to":["nobody"]}"#,
        ),
        (
            "push",
            "POST",
            of_app("push"),
            r#"{"title":"t","too":["a"]}"#,
        ),
        ("push", "POST", of_app("push"), &far),
        (
            "forget",
            "POST",
            of_app("forget"),
            r#"{"accounts":["a","x"]}"#,
        ),
        ("forget", "POST", of_app("forget"), r#"{"accounts":[]}"#),
        ("forget", "POST", of_app("forget"), &far),
        ("listForgettings", "GET", of_app("forgettings"), ""),
        ("listForgettings", "GET", of_app("forgettings?limit=0"), ""),
    ] {
        let (status, reply) = call(&server, method, &path, body).await;
        documented.hold(name, status, &reply);
    }
    let operations = documented.operations();
    let names = operations
        .iter()
        .map(|row| row.2["operationId"].as_str().unwrap());
    let silent: Vec<_> = names
        .filter(|name| !documented.done.contains(*name))
        .collect();
    // Its answer goes on: a test of its own reads it.
    assert_eq!(silent, ["watchTask"], "never answered here");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_in_browsers_and_bodies_of_other_kinds_are_refused_as_documented() {
    let server = Server::start(Setup::default()).await;
    let mut documented = Documented::new();
    for (name, value) in [
        ("origin", "https://example.com"),
        ("content-type", "text/plain"),
    ] {
        let request = http::Request::post(format!("/v1/apps/{APP}/pause"))
            .header("host", "x")
            .header(name, value);
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let (status, reply) = send(server.operator, request).await;
        assert!(status == 403 || status == 415, "{reply}");
        documented.hold("pauseApp", status, &reply);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_not_utf_8_names_nothing() {
    let server = Server::start(Setup::default()).await;
    let mut documented = Documented::new();
    for (name, path) in [
        ("listTasks", "/v1/apps/%FF/tasks".to_owned()),
        ("showTask", format!("/v1/apps/{APP}/tasks/%C0%80")),
    ] {
        let (status, reply) = call(&server, "GET", &path, "").await;
        assert_eq!(status, 404, "{reply}");
        documented.hold(name, status, &reply);
    }
    server.stop().await;
}
