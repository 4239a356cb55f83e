//! Unique reach of several tasks: devices of own tasks and recipients of imported ones, told apart.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::fixture::{APP, Server, Setup, code, credentials, event, events, send, task};
use super::push::register;

async fn reach(server: &Server, query: &str) -> (u16, Value) {
    let path = format!("/v1/apps/{APP}/reach?{query}");
    let request = http::Request::get(path).header("host", "x");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    send(server.operator, request).await
}

/// A batch push; its TaskId.
async fn pushed(server: &Server, random: u8, accounts: &[&str]) -> String {
    let path = format!("/v4/timpush/batch?{}", credentials());
    let body = json!({"From_Account": "administrator", "MsgRandom": random, "To_Account": accounts,
        "OfflinePushInfo": {"Title": "t"}});
    let reply = server.post(&path, &body.to_string()).await;
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    reply["TaskId"].as_str().unwrap().to_owned()
}

fn stages(counts: [(u8, u8); 4]) -> Value {
    let [planned, sent, delivered, clicked] =
        counts.map(|(unique, sum)| json!({"unique": unique, "sum": sum}));
    json!({"planned": planned, "sent": sent, "delivered": delivered, "clicked": clicked})
}

fn route(channel: &str, counts: [(u8, u8); 4]) -> Value {
    let mut route = stages(counts);
    route["route"] = json!(if channel == "online" {
        "online"
    } else {
        "offline"
    });
    route["channel"] = json!(channel);
    route
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_recipients_that_several_tasks_reached_count_once_and_apart() {
    let server = Server::start(Setup::default()).await;
    for account in ["a", "b", "c"] {
        register(&server.engine, account).await;
    }
    let first = pushed(&server, 1, &["a", "b"]).await;
    let second = pushed(&server, 2, &["b", "c"]).await;
    let huawei = |event: String| event.replace(r#""PushPlatform":1"#, r#""PushPlatform":3"#);
    let imported = events(&[
        event("t", "a", 1, 0),
        event("u", "a", 1, 0),
        huawei(event("u", "a", 1, 0)),
        event("u", "b", 1, 410),
        event("u", "a", 2, 0),
    ]);
    assert_eq!(code(&server.import(&imported).await), 0);
    let query = format!("task={first}&task={second}&task=t&task=u&task=t&task=none");
    let (status, reply) = reach(&server, &query).await;
    assert_eq!(status, 200, "{reply}");
    let named = |task: &str, family: Value, of: Value, state: &str| json!({"task": task, "family": family, "of": of, "state": state});
    let (push, devices, recipients) = (json!("push"), json!("devices"), json!("recipients"));
    let expected = json!([
        named(&first, push.clone(), devices.clone(), "counted"),
        named(&second, push.clone(), devices, "counted"),
        named("t", push.clone(), recipients.clone(), "counted"),
        named("u", push.clone(), recipients.clone(), "counted"),
        named("t", push, recipients, "counted"),
        named("none", Value::Null, Value::Null, "unknown"),
    ]);
    assert_eq!(reply["tasks"], expected);
    let nobody = (0, 0);
    let own = [(3, 4), nobody, nobody, nobody];
    let apns = [(2, 3), (1, 2), (1, 1), nobody];
    let expected = json!([
        {"of": "devices", "tasks": 2, "total": stages(own), "routes": [route("unknown", own)]},
        {"of": "recipients", "tasks": 2, "total": stages([(3, 4), (2, 3), (1, 1), nobody]),
            "routes": [route("apns", apns), route("huawei", [(1, 1), (1, 1), nobody, nobody])]},
    ]);
    assert_eq!(reply["reached"], expected);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_too_old_is_forgotten_and_one_of_another_family_unknown() {
    let server = Server::start(Setup::default()).await;
    let imported = events(&[event("t", "a", 1, 0), event("u", "b", 1, 0)]);
    assert_eq!(code(&server.import(&imported).await), 0);
    let key = task(&server.engine, "t").await;
    server.state.stats.forget_task(APP, key).await.unwrap();
    let (_, reply) = reach(&server, "task=t&task=u").await;
    let state = |at: usize| reply["tasks"][at]["state"].as_str().unwrap();
    assert_eq!((state(0), state(1)), ("forgotten", "counted"));
    assert_eq!(reply["reached"][0]["tasks"], 1);
    let counts = json!({"unique": 1, "sum": 1});
    assert_eq!(reply["reached"][0]["total"]["sent"], counts);
    let (_, reply) = reach(&server, "task=u&family=message").await;
    assert_eq!(reply["tasks"][0]["state"], "unknown");
    assert_eq!(reply["reached"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_no_tasks_or_too_many_is_refused_with_its_parameter() {
    let server = Server::start(Setup::default()).await;
    let many = "task=a&".repeat(50);
    let (status, _) = reach(&server, &many).await;
    assert_eq!(status, 200);
    for (query, field) in [
        ("", "task"),
        ("task=", "task"),
        (&format!("{many}task=b"), "task"),
        ("task=a&family=Push", "family"),
        ("task=a&start=5", "start"),
    ] {
        let (status, problem) = reach(&server, query).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{query}");
    }
    server.stop().await;
}
