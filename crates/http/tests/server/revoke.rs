//! `revoke`: each code, what it does to a task, and what phones hear of it.

use std::sync::atomic::Ordering;

use pushtally_model::{TaskId, TaskState};
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::fixture::{
    APP, KEY, NOW_S, Server, Setup, code, credentials, credentials_of, register, usersig,
};
use super::online::{Phone, SECRET};

const REVOKE: &str = "/v4/timpush/revoke";

async fn revoke(server: &Server, body: &str) -> Value {
    // A second between any two calls.
    server.quota_ns.fetch_add(1_000_000_000, Ordering::SeqCst);
    server
        .post(&format!("{REVOKE}?{}", credentials()), body)
        .await
}

fn body(task: &str) -> String {
    json!({"TaskId": task}).to_string()
}

/// A push or a batch; answers its TaskId.
async fn send(server: &Server, command: &str, random: u32) -> String {
    server.clock.advance_ms(1_001);
    let body = json!({
        "From_Account": "administrator", "To_Account": ["phone"], "MsgRandom": random,
        "OfflinePushInfo": {"Title": "t"},
    });
    let path = format!("/v4/timpush/{command}?{}", credentials());
    let reply = server.post(&path, &body.to_string()).await;
    assert_eq!(code(&reply), 0, "{reply}");
    reply["TaskId"].as_str().unwrap().to_owned()
}

async fn state(server: &Server, task: &str) -> TaskState {
    let id = TaskId::new(task).unwrap();
    let stored = server.engine.tasks.find_stored_task(APP, &id).await;
    stored.unwrap().unwrap().state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_and_a_batch_are_taken_back_once() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "phone", SECRET).await;
    for (command, random) in [("push", 1), ("batch", 2)] {
        let task = send(&server, command, random).await;
        let done = json!({"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""});
        assert_eq!(revoke(&server, &body(&task)).await, done);
        assert_eq!(state(&server, &task).await, TaskState::Revoked);
        let again = revoke(&server, &body(&task)).await;
        let refused = json!({
            "ActionStatus": "FAIL", "ErrorCode": 90050, "ErrorInfo": "the task is revoked already",
        });
        assert_eq!(again, refused);
    }
    let entries = server.engine.audit.entries(None, None, 100).await.unwrap();
    let told = entries.iter().filter(|entry| entry.what == "revoke");
    let codes: Vec<_> = told
        .map(|entry| (entry.target.is_empty(), entry.code))
        .collect();
    assert_eq!(
        codes,
        [(false, 90050), (false, 0), (false, 90050), (false, 0)]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_its_code_and_changes_nothing() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "phone", SECRET).await;
    let task = send(&server, "push", 1).await;
    let with = |info: Value| json!({"TaskId": task, "OfflinePushInfo": info}).to_string();
    for (body, expected) in [
        ("{}".to_owned(), 90001),
        (r#"{"TaskId":1}"#.to_owned(), 90001),
        (with(json!("x")), 90001),
        (with(json!({"Title": 1})), 90001),
        (with(json!({"Title": "x".repeat(10 * 1024)})), 90056),
        (with(json!({"Title": "x".repeat(11 * 1024)})), 60003),
        (String::new(), 60003),
        (body("no-such-task"), 90049),
        (body(""), 90049),
        (body(&"x".repeat(500)), 90049),
        (body("a\u{7}b"), 90049),
    ] {
        let reply = revoke(&server, &body).await;
        assert_eq!(code(&reply), expected, "{body}: {reply}");
        assert_eq!(reply.get("TaskId"), None);
    }
    assert_eq!(state(&server, &task).await, TaskState::Running);
    let stranger = usersig(KEY, "nobody", APP.0, NOW_S);
    let path = format!("{REVOKE}?{}", credentials_of("nobody", &stranger));
    assert_eq!(code(&server.post(&path, &body(&task)).await), 90009);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_may_be_called_once_a_second() {
    let server = Server::start(Setup::default()).await;
    assert_eq!(code(&revoke(&server, &body("x")).await), 90049);
    let path = format!("{REVOKE}?{}", credentials());
    let soon = server.post(&path, &body("x")).await;
    assert_eq!(code(&soon), 90051);
    assert_eq!(
        soon["ErrorInfo"],
        "`revoke` may be called `1` times a second"
    );
    assert_eq!(code(&revoke(&server, &body("x")).await), 90049);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_old_task_may_be_revoked_and_an_older_one_not() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "phone", SECRET).await;
    let tasks = [
        send(&server, "batch", 1).await,
        send(&server, "batch", 2).await,
    ];
    // The first was accepted at 1.001 s, the second at 2.002 s.
    server.clock.advance_ms(86_400_000);
    let later = usersig(KEY, "administrator", APP.0, NOW_S + 86_400);
    let path = format!("{REVOKE}?{}", credentials_of("administrator", &later));
    let mut codes = Vec::new();
    for task in tasks {
        server.quota_ns.fetch_add(1_000_000_000, Ordering::SeqCst);
        codes.push(code(&server.post(&path, &body(&task)).await));
    }
    assert_eq!(codes, [90052, 0]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_hear_of_it_now_or_when_they_connect_and_get_nothing_else_of_it() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "phone", SECRET).await;
    let mut phone = Phone::connect(&server).await;
    let task = send(&server, "push", 1).await;
    let dispatch = &server.state.dispatch;
    dispatch.turn(Claim::Any).await;
    let sending = tokio::spawn({
        let dispatch = dispatch.clone();
        async move { dispatch.turn(Claim::Any).await }
    });
    assert_eq!(phone.hear().await["id"], task.as_str());
    sending.await.unwrap();
    let body = json!({"TaskId": task, "OfflinePushInfo": {"Title": "Sorry", "Ext": "{}"}});
    assert_eq!(code(&revoke(&server, &body.to_string()).await), 0);
    let told = json!({
        "type": "revoke", "id": task, "instead": {"title": "Sorry", "desc": "", "ext": "{}"},
    });
    assert_eq!(phone.hear().await, told);
    // It was never acknowledged, so it would be sent again if it were not revoked.
    for _ in 0..2 {
        phone = Phone::open(&server).await;
        phone.say(json!({"type": "hello", "version": 1, "sdkappid": APP.0, "registration_id": "phone", "secret": SECRET})).await;
        assert_eq!(phone.hear().await["type"], "welcome");
        assert_eq!(phone.hear().await, told);
        phone.say(json!({"type": "ping"})).await;
        assert_eq!(phone.hear().await, json!({"type": "pong"}));
    }
    server.stop().await;
}
