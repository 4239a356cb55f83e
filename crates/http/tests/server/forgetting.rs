//! Forgetting accounts, by the compatible command and by the operator: nobody finds them, and every count stays.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_model::{Clock as _, Second};
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::asking::{ACCOUNTS, ask};
use super::fixture::{APP, Server, Setup, around, code, event, events, send};
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

async fn operator(server: &Server, method: &str, path: &str, body: &str) -> Value {
    let (status, reply) = call(server, method, path, body).await;
    assert_eq!(status, 200, "{path}: {reply}");
    reply
}

/// The statistics of everything, of an imported task and of an own one, and the losses of the latter.
async fn counts(server: &Server, task: &str) -> Vec<Value> {
    let mut counts = Vec::new();
    for tasks in [
        "[]".to_owned(),
        r#"["imported"]"#.to_owned(),
        format!(r#"["{task}"]"#),
    ] {
        server.clock.advance_ms(2000);
        let reply = server.statistics(&around(&tasks)).await;
        assert_eq!(code(&reply), 0, "{reply}");
        counts.push(reply["Results"].clone());
    }
    let shown = operator(server, "GET", &format!("tasks/{task}"), "").await;
    counts.extend([shown["total"].clone(), shown["routes"].clone()]);
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_forgotten_and_every_count_stays() {
    let server = Server::start(Setup::default()).await;
    for account in ["somebody", "other"] {
        register(&server.engine, account).await;
    }
    let imported = events(&[
        event("imported", "somebody", 2, 0),
        event("imported", "other", 2, 0),
    ]);
    assert_eq!(code(&server.import(&imported).await), 0);
    let order = r#"{"title":"a title for somebody","to":["somebody"]}"#;
    let sent = operator(&server, "POST", "push", order).await;
    let task = sent["task"]["id"].as_str().unwrap().to_owned();
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    let before = counts(&server, &task).await;
    assert_eq!(before[3]["planned"], 1);

    let body = r#"{"DeleteItem":[{"UserID":"somebody"},{"UserID":"never-known"}]}"#;
    let reply = ask(&server, ACCOUNTS, "account_delete", body).await;
    assert_eq!(reply["ResultItem"][0]["ResultCode"], 0);
    assert_eq!(counts(&server, &task).await, before);
    let listed = operator(&server, "GET", "forgettings", "").await;
    let waiting = &listed["forgettings"][0];
    assert_eq!(
        (&waiting["named"], &waiting["done"]),
        (&json!(2), &json!(null))
    );
    let now = server.clock.now();
    server.engine.forgettings.erase(now).await.unwrap();
    assert_eq!(counts(&server, &task).await, before);
    let shown = operator(&server, "GET", &format!("tasks/{task}"), "").await;
    assert_eq!(
        (&shown["title"], &shown["accounts"]),
        (&json!(""), &json!(0))
    );
    assert_eq!(shown["forgotten"], true);
    for (id, ways) in [("imported", 0), (task.as_str(), 0)] {
        let path = format!("tasks/{id}/trace?user=somebody");
        let trace = operator(&server, "GET", &path, "").await;
        assert_eq!(trace["ways"].as_array().unwrap().len(), ways, "{trace}");
    }
    let path = "tasks/imported/trace?user=other";
    let other = operator(&server, "GET", path, "").await;
    assert_eq!(
        other["ways"].as_array().unwrap().len(),
        1,
        "others are as they were"
    );
    let reply = ask(
        &server,
        "/v4/timpush/",
        "get_tag",
        r#"{"To_Account":["somebody"]}"#,
    )
    .await;
    assert_eq!(reply["ErrorList"][0]["ErrorCode"], 70107);
    let audit = server.engine.audit.entries(None, None, 100).await.unwrap();
    assert!(!format!("{audit:?}").contains("somebody"), "{audit:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_for_a_forgotten_account_ends_as_unregistered() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "somebody").await;
    register(&server.engine, "other").await;
    let sent = operator(&server, "POST", "push", r#"{"title":"t"}"#).await;
    let task = sent["task"]["id"].as_str().unwrap().to_owned();
    // Planned: its devices have no tokens, so what they wait for is the send job of no vendor.
    assert_eq!(server.state.dispatch.turn(Claim::Any).await, Turn::Worked);
    let body = r#"{"accounts":["somebody"],"now":true}"#;
    operator(&server, "POST", "forget", body).await;
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    let shown = operator(&server, "GET", &format!("tasks/{task}"), "").await;
    assert_eq!(
        shown["total"],
        json!({"planned": 2, "sent": 0, "delivered": 0, "clicked": 0, "lost": 2, "in_flight": 0})
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_forgets_and_is_told_what_was_erased() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "somebody").await;
    let at = Second(server.clock.now().0 - 60);
    let note = pushtally_store::BackupNote {
        at,
        to: "/backups/1".to_owned(),
    };
    server.engine.forgettings.note_backup(&note).await.unwrap();
    let now = server.clock.now().0;
    let body = r#"{"accounts":["somebody","nobody"]}"#;
    let report = operator(&server, "POST", "forget", body).await;
    let erased = json!({
        "accounts": 1, "phones": 1, "devices": 1, "tokens": 0, "tags": 0, "attributes": 0,
        "recipients": 0, "audiences": 0, "texts": 0, "senders": 0,
    });
    let mut row = json!({
        "place": 1, "app": APP.0, "at": now, "named": 2, "erased": erased, "done": null,
        "due": now + 3600, "backups": [{"at": at.0, "to": "/backups/1"}],
    });
    assert_eq!(
        report,
        json!({
            "app": APP.0,
            "accounts": [{"known": true, "devices": 1}, {"known": false, "devices": 0}],
            "forgettings": [row],
            "relay_calls": 0,
        })
    );
    // What waits is erased with it.
    let report = operator(
        &server,
        "POST",
        "forget",
        r#"{"accounts":["x"],"now":true}"#,
    )
    .await;
    assert_eq!(report["forgettings"][0]["done"], now);
    let page = operator(&server, "GET", "forgettings?limit=1", "").await;
    assert_eq!(
        (&page["forgettings"][0]["place"], &page["next"]),
        (&json!(2), &json!(2))
    );
    row["done"] = json!(now);
    let page = operator(&server, "GET", "forgettings?before=2", "").await;
    assert_eq!(page, json!({"forgettings": [row], "next": null}));

    let long = format!(r#"{{"accounts":["{}"]}}"#, "a".repeat(129));
    let many = json!({ "accounts": vec!["a"; 101] }).to_string();
    for (body, told) in [
        ("{}", "missing field `accounts`"),
        (
            r#"{"accounts":[]}"#,
            "`accounts` has `0` entries, it takes 1 to 100",
        ),
        (many.as_str(), "`accounts` has `101` entries"),
        (
            r#"{"accounts":[""]}"#,
            "an entry of `accounts` is no account",
        ),
        (long.as_str(), "an entry of `accounts` is no account"),
        (r#"{"accounts":["a"],"when":1}"#, "unknown field `when`"),
    ] {
        let (status, problem) = call(&server, "POST", "forget", body).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains(told), "{status} {detail}");
    }
    assert_eq!(call(&server, "DELETE", "forget", "").await.0, 405);
    let request = http::Request::post("/v1/apps/9/forget").header("host", "x");
    let request = request.header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
    assert_eq!(send(server.operator, request).await.0, 404);
    server.stop().await;
}
