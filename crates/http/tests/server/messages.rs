//! `normal_push_statistics` and `normal_push_loss`, fed by imported message pushes.

use pushtally_model::{App, Quota};
use serde_json::{Value, json};

use super::fixture::{NOW_S, Server, Setup, app, around, code, credentials, event, events};

const STATISTICS: &str = "normal_push_statistics";
const LOSSES: &str = "normal_push_loss";

/// Without quotas on either.
fn setup() -> Setup {
    let mut app: App = app();
    for command in [STATISTICS, LOSSES] {
        app.quotas
            .insert(command.to_owned(), Quota { per_second: 0 });
    }
    Setup {
        apps: vec![app],
        ..Setup::default()
    }
}

async fn ask(server: &Server, command: &str, body: &str) -> Value {
    let path = format!("/v4/timpush/{command}?{}", credentials());
    server.post(&path, body).await
}

/// An event of a message push.
fn message(push: &str, account: &str, stage: u8, (code, text): (i64, &str)) -> String {
    event(push, account, stage, code)
        .replace("AllMemberPush", "OfflinePush")
        .replace("TaskId", "PushID")
        .replace(r#""ErrInfo":"OK""#, &format!(r#""ErrInfo":"{text}""#))
}

fn window(start: i64, end: i64) -> String {
    format!(r#"{{"StartTime":{start},"EndTime":{end}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_pushes_are_counted_apart_and_all_together() {
    let server = Server::start(setup()).await;
    let ok = (0, "OK");
    let body = events(&[
        message("m1", "a", 1, ok),
        message("m1", "b", 1, ok).replace(r#""EventType":1"#, r#""EventType":2"#),
        message("m2", "a", 1, ok).replace(r#""PushPlatform":1"#, r#""PushPlatform":2"#),
        message("m2", "a", 2, ok).replace(r#""PushPlatform":1"#, r#""PushPlatform":2"#),
        message("m1", "b", 3, ok),
        message("m1", "c", 1, (410, "Unregistered")),
        message("m1", "d", 1, (-1, "certificate id not set")),
        message("m2", "c", 1, (410, "Unregistered")),
        message("m1", "a", 2, (1, "regid_invalid")),
        // The other family, under a push's name.
        event("m1", "z", 1, 410),
    ]);
    for _ in 0..2 {
        assert_eq!(code(&server.import(&body).await), 0);
    }
    let row = |platform: u8, counts: [u64; 4]| {
        json!({
            "PushPlatform": platform, "TotalCount": counts[0], "SentCount": counts[1],
            "DeliveredCount": counts[2], "ClickCount": counts[3],
        })
    };
    let expected = json!({
        "ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "sucess",
        "TotalCount": 6, "SentCount": 3, "DeliveredCount": 1, "ClickCount": 1,
        "PlatformStatistics": [row(1, [5, 2, 0, 1]), row(2, [1, 1, 1, 0])],
    });
    // A TaskID is no question of this family.
    assert_eq!(
        ask(&server, STATISTICS, &around(r#"["m1"]"#)).await,
        expected
    );

    let lost = |code: &str, count: u64, text: &str| json!({"ErrCode": code, "ErrCount": count, "ErrInfo": text});
    let on_apns = |mut row: Value| {
        row["PushPlatform"] = 1.into();
        row
    };
    let before = [
        lost("-1", 1, "certificate id not set"),
        lost("410", 2, "Unregistered"),
    ];
    let after = [lost("1", 1, "regid_invalid")];
    let expected = json!({
        "ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "sucess",
        "ReadyToSendLoss": before, "PostSendDeliveredLoss": after,
        "PlatformReadyToSendLoss": before.clone().map(on_apns),
        "PlatformPostSendDeliveredLoss": after.clone().map(on_apns),
    });
    assert_eq!(ask(&server, LOSSES, &around("[]")).await, expected);

    let later = window(NOW_S + 1, NOW_S + 2);
    assert_eq!(ask(&server, STATISTICS, &later).await["TotalCount"], 0);
    assert_eq!(
        ask(&server, LOSSES, &later).await["ReadyToSendLoss"],
        json!([])
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_has_its_own_span_and_quota() {
    let server = Server::start(Setup::default()).await;
    for (command, span_s) in [(STATISTICS, 2_592_000), (LOSSES, 604_800)] {
        let refused = ask(&server, command, &window(1000, 1001 + span_s)).await;
        assert_eq!(code(&refused), 90100, "{refused}");
        let words = format!("more than `{span_s}`");
        assert!(
            refused["ErrorInfo"].to_string().contains(&words),
            "{refused}"
        );
        let again = ask(&server, command, &window(1000, 1000 + span_s)).await;
        assert_eq!(code(&again), 60007, "{again}");
    }
    for command in [STATISTICS, LOSSES] {
        let server = Server::start(setup()).await;
        for (body, expected) in [
            ("", 60003),
            ("[]", 90100),
            ("{}", 90100),
            (r#"{"StartTime":2,"EndTime":1}"#, 90100),
            (r#"{"StartTime":1,"EndTime":2}"#, 0),
        ] {
            let reply = ask(&server, command, body).await;
            assert_eq!(code(&reply), expected, "{command} {body}: {reply}");
        }
        server.stop().await;
    }
    server.stop().await;
}
