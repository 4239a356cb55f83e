//! How long deliveries took, and numbers as they were known earlier.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::{done, exchange, folder, post, run};
use crate::server::Server;

const APP: &str = "1400000000";
const PATIENCE: Duration = Duration::from_secs(60);
const START_S: u32 = 1_700_000_000;

/// Ten accounts were sent to at one second; each of the first six got it as many seconds later as its number says.
fn import(dir: &std::path::Path, server: &Server) {
    let event = |account: u32, stage: u8, at: u32| {
        json!({
            "CallbackCommand": "Push.AllMemberPush", "EventType": 1, "TaskId": "t", "TaskTime": START_S, "EventTime": at,
            "To_Account": format!("user{account}"), "PushPlatform": 1, "PushStage": stage, "ErrCode": 0, "ErrInfo": "",
        })
    };
    let mut events: Vec<Value> = (0..10).map(|user| event(user, 1, START_S)).collect();
    events.extend((0..6).map(|user| event(user, 2, START_S + user)));
    let make = [
        "usersig",
        "make",
        "--sdkappid",
        APP,
        "--identifier",
        "administrator",
        "--key",
        "declared-key",
    ];
    let usersig = done(dir, &make);
    let path = format!(
        "/v1/events?SdkAppid={APP}&contenttype=json&identifier=administrator&usersig={}",
        usersig.trim()
    );
    let taken = post(
        &server.public,
        &path,
        &json!({ "Events": events }).to_string(),
    );
    assert_eq!(taken["ErrorCode"], 0, "{taken}");
}

#[test]
fn latencies_and_numbers_as_known_earlier_are_told_with_and_without_a_server() {
    let folder = folder();
    let dir = folder.path();
    let stats = |more: &[&str]| {
        let arguments = [&["stats", APP, "--task", "t"], more].concat();
        run(dir, &arguments)
    };
    let of = |more: &[&str]| {
        let ran = stats(&[more, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{more:?}: {}", ran.err);
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    let counted = |as_of: &str| {
        let total = &of(&["--as-of", as_of])["scopes"][0]["total"];
        ["planned", "sent", "delivered"].map(|stage| total[stage].as_u64().unwrap())
    };
    let server = Server::start(dir);
    import(dir, &server);

    let told = of(&["--latencies"]);
    let total = &told["tasks"][0]["total"];
    let took = json!({"pairs": 6, "clamped": 0, "p50_s": 2, "p90_s": 5, "p99_s": 5});
    assert_eq!(total["delivery"], took);
    assert_eq!(total["click"]["pairs"], 0);
    let table = stats(&["--latencies"]).out;
    let row = |route: &str, channel: &str| {
        format!(
            "  {route:<8} {channel:<8} sent, delivered             6        2        5        5          0\n"
        )
    };
    for row in [row("offline", "apns"), row("total", "")] {
        assert!(
            table.starts_with("task t\n") && table.contains(&row),
            "{table}"
        );
    }

    // What came in this second is known when it is over.
    assert_eq!(counted("1h"), [0, 0, 0]);
    let until = Instant::now() + PATIENCE;
    while counted("0m") != [10, 10, 6] {
        assert!(Instant::now() < until, "it is never known");
        sleep(Duration::from_millis(20));
    }
    let table = stats(&["--as-of", "1h"]).out;
    assert!(
        table.starts_with("as known at 2") && table.contains(" UTC\ntask t\n"),
        "{table}"
    );
    let path = format!("GET /v1/apps/{APP}/tasks/t?as_of={START_S}");
    let refused = exchange(&server.operator, &path, "");
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!(
        (&refused["status"], &refused["field"]),
        (&json!(400), &json!("as_of"))
    );

    drop(server);
    assert_eq!(of(&["--latencies"]), told);
    assert_eq!(counted("0m"), [10, 10, 6]);
    let later = "2100-01-01 00:00:00";
    for (more, code, said) in [
        (&["--as-of", later][..], 1, "is in the future"),
        (&["--as-of", "1700000000000"], 2, "not `1700000000000`"),
        (&["--as-of", "1h", "--latencies"], 2, "cannot be used with"),
    ] {
        let refused = stats(more);
        assert_eq!(refused.code, code, "{more:?}: {}", refused.err);
        assert!(refused.err.contains(said), "{more:?}: {}", refused.err);
    }
}
