//! `all_member_push_loss`: imported losses and those of our own pushes, beside the statistics that they close.

use pushtally_dispatch::Turn;
use pushtally_model::App;
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::fixture::{NOW_S, Server, Setup, app, around, code, credentials, event, events};
use super::push::register;

/// Without a quota on losses.
fn setup() -> Setup {
    let mut app: App = app();
    let free = app.quotas["all_member_push_statistics"];
    app.quotas.insert("all_member_push_loss".to_owned(), free);
    Setup {
        apps: vec![app],
        ..Setup::default()
    }
}

fn row(code: &str, count: u64, text: &str) -> Value {
    json!({"ErrCode": code, "ErrCount": count, "ErrInfo": text})
}

fn at(event_type: u8, platform: u8, mut row: Value) -> Value {
    row["EventType"] = event_type.into();
    row["PushPlatform"] = platform.into();
    row
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_losses_stand_by_stage_platform_and_code_once_each() {
    let server = Server::start(setup()).await;
    let said = |event: String, text: &str| {
        event.replace(r#""ErrInfo":"OK""#, &format!(r#""ErrInfo":"{text}""#))
    };
    let body = events(&[
        event("t1", "a", 1, 0),
        said(event("t1", "b", 1, 410), "Unregistered"),
        said(event("t1", "c", 1, 410), "Unregistered"),
        said(event("t1", "d", 1, 410), "Unregistered")
            .replace(r#""PushPlatform":1"#, r#""PushPlatform":2"#),
        said(event("t1", "a", 2, 1), "regid_invalid"),
        // Neither list has a place for what was lost on its way to a click.
        said(event("t1", "a", 3, 7), "closed"),
        said(event("t2", "a", 1, -1), "certificate id not set"),
    ]);
    for _ in 0..2 {
        assert_eq!(code(&server.import(&body).await), 0);
    }
    let (gone, invalid) = ("Unregistered", "regid_invalid");
    let first = json!({
        "TaskID": "t1",
        "ReadyToSendLoss": [row("410", 3, gone)],
        "PostSendDeliveredLoss": [row("1", 1, invalid)],
        "PlatformReadyToSendLoss": [at(1, 1, row("410", 2, gone)), at(1, 2, row("410", 1, gone))],
        "PlatformPostSendDeliveredLoss": [at(1, 1, row("1", 1, invalid))],
    });
    let none = json!({
        "TaskID": "t3", "ReadyToSendLoss": [], "PostSendDeliveredLoss": [],
        "PlatformReadyToSendLoss": [], "PlatformPostSendDeliveredLoss": [],
    });
    let expected = json!({
        "ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "sucess", "Results": [none, first],
    });
    assert_eq!(
        server.losses(&around(r#"["t3","t1","t3"]"#)).await,
        expected
    );
    let overall = server.losses(&around("[]")).await;
    assert_eq!(
        overall["Results"][0]["ReadyToSendLoss"],
        json!([row("-1", 1, "certificate id not set"), row("410", 3, gone)])
    );
    let later = format!(
        r#"{{"StartTime":{},"EndTime":{},"TaskID":["t1"]}}"#,
        NOW_S + 1,
        NOW_S + 2
    );
    assert_eq!(
        server.losses(&later).await["Results"][0]["ReadyToSendLoss"],
        json!([])
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_was_sent_or_is_lost_here() {
    let server = Server::start(setup()).await;
    for phone in ["a", "b", "c"] {
        register(&server.engine, phone).await;
    }
    let push = r#"{"From_Account":"administrator","MsgRandom":1,"OfflinePushInfo":{"Title":"t","Desc":"d"}}"#;
    let path = format!("/v4/timpush/push?{}", credentials());
    let pushed = server.post(&path, push).await;
    let asked = around(&json!([pushed["TaskId"]]).to_string());
    let total = async || server.statistics(&asked).await["Results"][0]["TotalCount"].clone();
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    assert_eq!(total().await, 3);
    let result = &server.losses(&asked).await["Results"][0];
    let lost = row("-2", 3, "token not uploaded");
    assert_eq!(result["ReadyToSendLoss"], json!([lost]), "{result}");
    assert_eq!(
        result["PlatformReadyToSendLoss"],
        json!([at(1, 0, lost)]),
        "{result}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_of_losses_spans_seven_days_once_a_second() {
    let server = Server::start(Setup::default()).await;
    let span = |seconds: u32| format!(r#"{{"StartTime":1000,"EndTime":{}}}"#, 1000 + seconds);
    let refused = server.losses(&span(604_801)).await;
    assert_eq!(code(&refused), 90100, "{refused}");
    assert!(
        refused["ErrorInfo"]
            .to_string()
            .contains("more than `604800`"),
        "{refused}"
    );
    assert_eq!(code(&server.losses(&span(604_800)).await), 60007);
    server.stop().await;
}
