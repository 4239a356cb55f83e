//! The operator's calls under `/v1`: tasks, pausing, pushing, the audit.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_model::AppId;
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::fixture::{APP, Server, Setup, send};
use super::push::register;

async fn call(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_owned()));
    send(server.operator, request.body(body).unwrap()).await
}

async fn get(server: &Server, path: &str) -> Value {
    let (status, reply) = call(server, "GET", path, "").await;
    assert_eq!(status, 200, "{path}: {reply}");
    reply
}

async fn post(server: &Server, path: &str, body: &str) -> Value {
    let (status, reply) = call(server, "POST", path, body).await;
    assert_eq!(status, 200, "{path}: {reply}");
    reply
}

fn of_app(rest: &str) -> String {
    format!("/v1/apps/{APP}/{rest}")
}

/// Works until nothing more can be worked now.
async fn work(server: &Server) {
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_a_task_that_can_be_listed_and_shown() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    register(&server.engine, "b").await;
    let order = r#"{"title":"t","to":["a","nobody","a"],"life_time_s":60}"#;
    let ordered = post(&server, &of_app("push"), order).await;
    assert_eq!(ordered["unknown"], json!(["nobody"]));
    let all = post(&server, &of_app("push"), r#"{"desc":"d"}"#).await;
    let list = get(&server, &of_app("tasks")).await;
    assert_eq!(
        list,
        json!({"tasks": [all["task"], ordered["task"]], "next": null})
    );
    assert_eq!(
        (&ordered["task"]["kind"], &ordered["task"]["accounts"]),
        (&json!("batch"), &json!(1))
    );
    assert_eq!(
        (&all["task"]["kind"], &all["task"]["accounts"]),
        (&json!("push"), &json!(null))
    );
    let first = get(&server, &of_app("tasks?limit=1")).await;
    assert_eq!(first["next"], all["task"]["place"]);
    let second = get(
        &server,
        &of_app(&format!("tasks?limit=1&before={}", first["next"])),
    )
    .await;
    assert_eq!(second["tasks"][0], ordered["task"]);
    work(&server).await;
    let id = all["task"]["id"].as_str().unwrap();
    let shown = get(&server, &of_app(&format!("tasks/{id}"))).await;
    // Neither is connected nor has a token.
    assert_eq!(shown["status"], "done");
    assert_eq!(
        shown["total"],
        json!({"planned": 2, "sent": 0, "delivered": 0, "clicked": 0, "lost": 2, "in_flight": 0})
    );
    let losses = json!([{"before": "sent", "code": -2, "text": "token not uploaded", "count": 2}]);
    assert_eq!(shown["routes"][0]["losses"], losses);
    assert_eq!(shown["jobs_left"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_paused_resumed_and_cancelled_once() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let ordered = post(&server, &of_app("push"), r#"{"title":"t"}"#).await;
    let task = of_app(&format!(
        "tasks/{}",
        ordered["task"]["id"].as_str().unwrap()
    ));
    let status =
        async |act: &str| post(&server, &format!("{task}/{act}"), "").await["status"].clone();
    assert_eq!(status("pause").await, "paused");
    work(&server).await;
    assert_eq!(get(&server, &task).await["jobs_left"], 1);
    assert_eq!(status("resume").await, "running");
    assert_eq!(status("cancel").await, "cancelled");
    work(&server).await;
    assert_eq!(
        status("cancel").await,
        "cancelled",
        "repeating changes nothing"
    );
    let (code, problem) = call(&server, "POST", &format!("{task}/resume"), "").await;
    assert_eq!(
        (code, &problem["detail"]),
        (409, &json!("the task is cancelled"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_paused_with_all_its_tasks() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let paused = post(&server, &of_app("pause"), "").await;
    assert_eq!(paused, json!({"app": APP.0, "paused": true}));
    let ordered = post(&server, &of_app("push"), r#"{"title":"t"}"#).await;
    work(&server).await;
    let task = of_app(&format!(
        "tasks/{}",
        ordered["task"]["id"].as_str().unwrap()
    ));
    let shown = get(&server, &task).await;
    assert_eq!(
        (&shown["app_paused"], &shown["jobs_left"]),
        (&json!(true), &json!(1))
    );
    post(&server, &of_app("resume"), "").await;
    work(&server).await;
    assert_eq!(get(&server, &task).await["status"], "done");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_did_is_in_the_audit() {
    let server = Server::start(Setup::default()).await;
    let ordered = post(&server, &of_app("push"), r#"{"title":"the title"}"#).await;
    let id = ordered["task"]["id"].as_str().unwrap();
    for rest in [
        "pause".to_owned(),
        "resume".to_owned(),
        format!("tasks/{id}/cancel"),
    ] {
        let _ = call(&server, "POST", &of_app(&rest), "").await;
    }
    let page = get(&server, &format!("/v1/audit?app={APP}")).await;
    let told: Vec<(&str, &str)> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["what"].as_str().unwrap(),
                entry["target"].as_str().unwrap(),
            )
        })
        .collect();
    // The push had nobody to go to, so it was done before it could be cancelled.
    assert_eq!(told.last(), Some(&("push", id)));
    assert!(told.contains(&("app pause", "")) && told.contains(&("app resume", "")));
    assert!(
        page["entries"]
            .as_array()
            .unwrap()
            .iter()
            .all(|entry| entry["who"] == "operator")
    );
    assert!(!page.to_string().contains("the title"));
    let one = get(&server, "/v1/audit?limit=1").await;
    assert_eq!(one["entries"].as_array().unwrap().len(), 1);
    let next = get(
        &server,
        &format!("/v1/audit?limit=1&before={}", one["next"]),
    )
    .await;
    assert_ne!(one["entries"], next["entries"]);
    assert_eq!(get(&server, "/v1/audit?app=5").await["entries"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_problems_that_name_the_field() {
    let mut off = pushtally_model::App::new(AppId(5), pushtally_model::Secret::new("x"));
    off.enabled = false;
    let server = Server::start(Setup {
        apps: vec![super::fixture::app(), off],
        ..Setup::default()
    })
    .await;
    let check = async |method: &str, path: &str, body: &str, expected: (u16, &str)| {
        let (status, problem) = call(&server, method, path, body).await;
        let kind = problem["type"].as_str().unwrap_or_default().to_owned();
        let kind = kind.trim_start_matches("urn:pushtally:problem:").to_owned();
        assert_eq!(
            (status, kind.as_str()),
            expected,
            "{method} {path} {body}: {problem}"
        );
    };
    let push = of_app("push");
    check("GET", &push, "", (405, "method")).await;
    check("POST", &of_app("tasks"), "", (405, "method")).await;
    check("POST", "/v1/apps/6/push", "{}", (404, "not-found")).await;
    check("GET", "/v1/apps/x/tasks", "", (404, "not-found")).await;
    check("GET", &of_app("tasks/none"), "", (404, "not-found")).await;
    check("POST", &of_app("tasks/none/pause"), "", (404, "not-found")).await;
    check("GET", &of_app("tasks?limit=0"), "", (400, "bad-request")).await;
    check("GET", &of_app("tasks?limit=501"), "", (400, "bad-request")).await;
    check("GET", &of_app("tasks?befor=1"), "", (400, "bad-request")).await;
    check("GET", "/v1/audit?app=x", "", (400, "bad-request")).await;
    check("POST", &push, "", (400, "bad-request")).await;
    check("POST", &push, "{}", (400, "bad-request")).await;
    check(
        "POST",
        &push,
        r#"{"title":"t","to":[]}"#,
        (400, "bad-request"),
    )
    .await;
    check(
        "POST",
        &push,
        r#"{"title":"t","too":["a"]}"#,
        (400, "bad-request"),
    )
    .await;
    check(
        "POST",
        &push,
        r#"{"title":"t","to":["nobody"]}"#,
        (404, "nobody"),
    )
    .await;
    check(
        "POST",
        "/v1/apps/5/push",
        r#"{"title":"t"}"#,
        (403, "disabled"),
    )
    .await;
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(128 * 1024));
    check("POST", &push, &long, (413, "too-large")).await;
    post(&server, &push, r#"{"title":"t"}"#).await;
    check("POST", &push, r#"{"title":"t"}"#, (429, "too-many")).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_in_a_browser_cannot_act() {
    let server = Server::start(Setup::default()).await;
    for (name, value, expected) in [
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("x-none", "", 200),
    ] {
        let request = http::Request::post(of_app("pause"))
            .header("host", "x")
            .header("content-type", "application/json; charset=utf-8")
            .header(name, value);
        let (status, _) = send(server.operator, request.body(Full::default()).unwrap()).await;
        assert_eq!(status, expected, "{name} {value}");
    }
    for media in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = http::Request::post(of_app("pause"))
            .header("host", "x")
            .header("content-type", media);
        let (status, _) = send(server.operator, request.body(Full::default()).unwrap()).await;
        assert_eq!(status, 415, "{media}");
    }
    server.stop().await;
}
