//! Histories: what counted of a device or an account over all tasks, page by page, and of nobody else.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_store::Claim;
use serde_json::{Value, json};

use super::fixture::{APP, NOW_S, Server, Setup, code, event, events, send};
use super::push::register;

async fn get(server: &Server, path: &str) -> (u16, Value) {
    let request = http::Request::get(format!("/v1/apps/{APP}/{path}")).header("host", "x");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    send(server.operator, request).await
}

async fn post(server: &Server, what: &str, body: &Value) -> Value {
    let request = http::Request::post(format!("/v1/apps/{APP}/{what}"))
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_string()));
    let (status, reply) = send(server.operator, request.body(body).unwrap()).await;
    assert_eq!(status, 200, "{reply}");
    reply
}

/// A push to accounts, sent to its end; its TaskId.
async fn pushed(server: &Server, accounts: &[&str]) -> String {
    let reply = post(server, "push", &json!({"title": "t", "to": accounts})).await;
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    reply["task"]["id"].as_str().unwrap().to_owned()
}

/// All pages of so many events.
async fn pages(server: &Server, path: &str, limit: usize) -> Vec<Value> {
    let (mut events, mut query) = (Vec::new(), format!("limit={limit}"));
    loop {
        let (status, page) = get(server, &format!("{path}?{query}")).await;
        assert_eq!(status, 200, "{page}");
        events.extend(page["events"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => query = format!("limit={limit}&before={next}"),
            None => return events,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_tells_what_counted_of_all_tasks_newest_first() {
    let server = Server::start(Setup::default()).await;
    for account in ["a", "b"] {
        register(&server.engine, account).await;
    }
    let first = pushed(&server, &["a", "b"]).await;
    server.clock.advance_ms(5_000);
    let second = pushed(&server, &["a"]).await;
    pushed(&server, &["b"]).await;
    let later = |event: String| {
        event.replace(
            &format!(r#""EventTime":{NOW_S}"#),
            &format!(r#""EventTime":{}"#, NOW_S + 2),
        )
    };
    let imported = events(&[
        later(event("t", "a", 1, 0)),
        later(event("t", "a", 1, 0)),
        later(event("t", "b", 1, 0)),
    ]);
    assert_eq!(code(&server.import(&imported).await), 0);

    let told = pages(&server, "accounts/a/history", 50).await;
    let brief = |event: &Value| {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        (
            text("task"),
            text("step"),
            text("channel"),
            event["at"].as_i64().unwrap() - NOW_S,
            text("registration_id"),
        )
    };
    let own = |task: &str, step: &str, at| {
        let phone = "phone of a".to_owned();
        (
            task.to_owned(),
            step.to_owned(),
            "unknown".to_owned(),
            at,
            phone,
        )
    };
    let import = |step: &str| {
        (
            "t".to_owned(),
            step.to_owned(),
            "apns".to_owned(),
            2,
            String::new(),
        )
    };
    let expected = vec![
        own(&second, "lost", 5),
        own(&second, "planned", 5),
        import("sent"),
        import("planned"),
        own(&first, "lost", 0),
        own(&first, "planned", 0),
    ];
    assert_eq!(told.iter().map(brief).collect::<Vec<_>>(), expected);
    let lost = &told[0];
    assert_eq!(
        (&lost["before"], &lost["code"]),
        (&json!("sent"), &json!(-2))
    );
    assert_eq!(
        (&lost["text"], &lost["source"]),
        (&json!("token not uploaded"), &json!("us"))
    );
    for limit in [1, 2, 3, 6] {
        assert_eq!(
            pages(&server, "accounts/a/history", limit).await,
            told,
            "{limit}"
        );
    }
    let device = pages(&server, "devices/phone%20of%20a/history", 4).await;
    let of_phone: Vec<Value> = told
        .iter()
        .filter(|event| event["registration_id"] == "phone of a")
        .cloned()
        .collect();
    assert_eq!(device, of_phone);
    let (start, end) = (NOW_S + 2, NOW_S + 5);
    let (_, page) = get(
        &server,
        &format!("accounts/a/history?start={start}&end={end}"),
    )
    .await;
    assert_eq!(page["events"], json!(told[2..4]));
    assert_eq!((&page["devices"], &page["cut"]), (&json!(2), &json!(false)));
    for nobody in ["accounts/c/history", "devices/a/history"] {
        let (status, page) = get(&server, nobody).await;
        assert_eq!(
            (status, &page["events"], &page["devices"]),
            (200, &json!([]), &json!(0))
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_reaches_as_far_back_as_traces_and_ends_with_forgetting() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    pushed(&server, &["a"]).await;
    assert_eq!(
        code(&server.import(&events(&[event("t", "a", 1, 0)])).await),
        0
    );
    server.clock.advance_ms(5 * 86_400_000);
    let second = pushed(&server, &["a"]).await;
    assert_eq!(pages(&server, "accounts/a/history", 50).await.len(), 6);
    server.clock.advance_ms(3 * 86_400_000);
    let (_, page) = get(&server, "accounts/a/history").await;
    let now_s = NOW_S + 8 * 86_400;
    assert_eq!(page["complete_from"], json!(now_s - 7 * 86_400));
    let tasks = page["events"].as_array().unwrap().iter();
    let tasks: Vec<&Value> = tasks.map(|event| &event["task"]).collect();
    assert_eq!(tasks, [&json!(second), &json!(second)]);
    let forget = json!({"accounts": ["a"], "now": true});
    post(&server, "forget", &forget).await;
    for path in ["accounts/a/history", "devices/phone%20of%20a/history"] {
        assert_eq!(pages(&server, path, 50).await, [] as [Value; 0], "{path}");
    }
    // Whoever is called so later is somebody else.
    register(&server.engine, "a").await;
    assert_eq!(
        pages(&server, "accounts/a/history", 50).await,
        [] as [Value; 0]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_place_window_or_name_is_refused_with_its_parameter() {
    let server = Server::start(Setup::default()).await;
    let long = "x".repeat(300);
    for (path, field) in [
        ("accounts/a/history?before=1.2.3", "before"),
        ("accounts/a/history?limit=501", "limit"),
        ("accounts/a/history?start=-1", "start"),
        ("accounts/a/history?start=9&end=9", "end"),
        ("accounts/a/history?user=a", "user"),
        (&format!("accounts/{long}/history"), "account"),
        (&format!("devices/{long}/history"), "registration_id"),
    ] {
        let (status, problem) = get(&server, path).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{path}");
    }
    server.stop().await;
}
