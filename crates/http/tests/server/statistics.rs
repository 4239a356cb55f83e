//! `all_member_push_statistics`, fed by imports.

use serde_json::json;

use super::fixture::{Server, Setup, around, code, event, events};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_events_are_counted_once_and_answered_as_documented() {
    let server = Server::start(Setup::default()).await;
    let body = events(&[
        event("t1", "a", 1, 0),
        event("t1", "b", 1, 0),
        event("t1", "c", 1, 21),
        event("t1", "a", 2, 0),
        event("t1", "a", 3, 0),
        event("t2", "a", 1, 0).replace(r#""EventType":1"#, r#""EventType":2"#),
    ]);
    for _ in 0..3 {
        assert_eq!(
            server.import(&body).await,
            json!({"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0})
        );
    }
    let row = |event_type: u8, platform: u8, counts: [u64; 4]| {
        json!({
            "EventType": event_type, "PushPlatform": platform, "TotalCount": counts[0], "SentCount": counts[1],
            "DeliveredCount": counts[2], "ClickCount": counts[3],
        })
    };
    let result = |task: &str, counts: [u64; 4], rows: &[serde_json::Value]| {
        json!({
            "TaskID": task, "TotalCount": counts[0], "SentCount": counts[1], "DeliveredCount": counts[2],
            "ClickCount": counts[3], "PlatformStatistics": rows,
        })
    };
    let first = result("t1", [3, 2, 1, 1], &[row(1, 1, [3, 2, 1, 1])]);
    let second = result("t2", [1, 1, 0, 0], &[row(2, 0, [1, 1, 0, 0])]);
    let unknown = result("t3", [0; 4], &[]);
    let expected = json!({
        "ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "sucess", "Results": [second, unknown, first],
    });
    assert_eq!(
        server.statistics(&around(r#"["t2","t3","t1","t2"]"#)).await,
        expected
    );

    let overall = result(
        "",
        [4, 3, 1, 1],
        &[row(1, 1, [3, 2, 1, 1]), row(2, 0, [1, 1, 0, 0])],
    );
    for tasks in ["null", "[]", r#"[""]"#] {
        assert_eq!(
            server.statistics(&around(tasks)).await["Results"],
            json!([overall]),
            "{tasks}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_pushes_do_not_show_in_this_family() {
    let server = Server::start(Setup::default()).await;
    let message = event("t1", "a", 1, 0)
        .replace("AllMemberPush", "OfflinePush")
        .replace("TaskId", "PushID");
    assert_eq!(code(&server.import(&events(&[message])).await), 0);
    for tasks in ["[]", r#"["t1"]"#] {
        let reply = server.statistics(&around(tasks)).await;
        assert_eq!(reply["Results"][0]["TotalCount"], 0, "{reply}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_bodies_are_refused() {
    let server = Server::start(Setup::default()).await;
    for (body, expected) in [
        ("", 60003),
        ("StartTime=1", 60003),
        ("[]", 90100),
        ("{}", 90100),
        (r#"{"StartTime":2,"EndTime":1}"#, 90100),
        (r#"{"StartTime":1,"EndTime":2592002}"#, 90100),
        (
            r#"{"StartTime":1,"EndTime":2,"TaskID":["1","2","3","4","5","6"]}"#,
            90100,
        ),
    ] {
        let reply = server.statistics(body).await;
        assert_eq!(code(&reply), expected, "{body}: {reply}");
    }
    let reply = server
        .statistics(&format!(r#"{{"x":"{}"}}"#, "x".repeat(65_536)))
        .await;
    assert_eq!(code(&reply), 60003);
    assert_eq!(reply["ErrorInfo"], "body is longer than `65536` bytes");
    server.stop().await;
}
