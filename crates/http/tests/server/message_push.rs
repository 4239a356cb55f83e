//! `message-push`: a chat backend's messages go to accounts, once for each PushID, and count in their own family.

use bytes::Bytes;
use http_body_util::Full;
use pushtally_dispatch::Turn;
use pushtally_model::{
    Account, App, Channel, DeviceFacts, Environment, Kind, Quota, RegistrationId, Second, Secret,
    TaskId, Token, TokenKind, Urgency,
};
use pushtally_online::secret_hash;
use pushtally_store::{Claim, Registration};
use serde_json::{Value, json};

use super::fixture::{
    APP, KEY, NOW_S, Server, Setup, app, around, code, credentials, credentials_of, event, events,
    send, usersig,
};
use super::push::register;

fn setup() -> Setup {
    let mut app: App = app();
    for command in [
        "normal_push_statistics",
        "normal_push_loss",
        "normal_push_trace",
        "all_member_push_trace",
    ] {
        app.quotas
            .insert(command.to_owned(), Quota { per_second: 0 });
    }
    Setup {
        apps: vec![app],
        ..Setup::default()
    }
}

async fn push(server: &Server, body: &Value) -> Value {
    let path = format!("/v1/message-push?{}", credentials());
    server.post(&path, &body.to_string()).await
}

fn message(id: Option<&str>, text: &str) -> Value {
    let mut body = json!({
        "From_Account": "u1", "To_Account": ["u2", "u3", "nobody"], "GroupId": "g1", "MsgKey": "1_2_3", "MsgSeq": 7,
        "MsgRandom": 5, "MsgTime": NOW_S, "OfflinePushInfo": {"Title": "u1", "Desc": text},
    });
    if let Some(id) = id {
        body["PushID"] = id.into();
    }
    body
}

async fn ask(server: &Server, command: &str, body: &str) -> Value {
    let path = format!("/v4/timpush/{command}?{}", credentials());
    server.post(&path, body).await
}

async fn work(server: &Server) {
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_pushed_once_and_counts_in_its_own_family() {
    let server = Server::start(setup()).await;
    for account in ["u1", "u2", "u3"] {
        register(&server.engine, account).await;
    }
    let body = message(Some("push-1"), "hi");
    let expected = json!({
        "ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0, "PushID": "push-1",
        "ErrorList": [{"To_Account": "nobody", "ErrorCode": 70107, "ErrorInfo": "the account does not exist"}],
    });
    assert_eq!(push(&server, &body).await, expected);
    // Repeated whenever: the same answer and no second push, also when the first is done.
    assert_eq!(push(&server, &body).await, expected);
    work(&server).await;
    server.clock.advance_ms(90_000);
    assert_eq!(push(&server, &body).await, expected);
    work(&server).await;
    let other = push(&server, &message(Some("push-1"), "ho")).await;
    assert_eq!(code(&other), 90001, "{other}");

    let id = TaskId::new("push-1").unwrap();
    let stored = server.engine.tasks.find_stored_task(APP, &id);
    let draft = stored.await.unwrap().unwrap().draft;
    assert_eq!((draft.urgency, &*draft.sender), (Urgency::Urgent, "u1"));
    let of = draft.message.unwrap();
    assert_eq!(
        (&*of.key, of.seq, of.sent_at),
        ("1_2_3", Some(7), Some(Second(NOW_S as u32)))
    );
    assert_eq!(of.group.as_deref(), Some("g1"));

    let counts = ask(&server, "normal_push_statistics", &around("[]")).await;
    assert_eq!(
        (&counts["TotalCount"], &counts["SentCount"]),
        (&json!(2), &json!(0)),
        "{counts}"
    );
    let lost = ask(&server, "normal_push_loss", &around("[]")).await;
    let row = json!({"ErrCode": "-2", "ErrCount": 2, "ErrInfo": "token not uploaded"});
    assert_eq!(lost["ReadyToSendLoss"], json!([row]), "{lost}");
    let campaigns = server.statistics(&around(r#"["push-1"]"#)).await;
    assert_eq!(campaigns["Results"][0]["TotalCount"], 0, "{campaigns}");
    let campaigns = server.statistics(&around("[]")).await;
    assert_eq!(campaigns["Results"][0]["TotalCount"], 0, "{campaigns}");
    let trace = ask(&server, "normal_push_trace", r#"{"PushID":"push-1"}"#).await;
    let rows = trace["InstanceTrace"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{trace}");
    assert_eq!(rows[0]["InstanceId"], "phone of u2");
    assert_eq!(
        rows[0]["OfflinePushStat"]["OfflineStat"]["ErrorInfo"],
        "token not uploaded"
    );
    server.stop().await;
}

/// A phone says what was tapped by the push's name alone, whichever family that is of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_phones_report_of_a_message_counts_in_its_family() {
    const SECRET: &str = "00112233445566778899aabbccddeeff";
    let server = Server::start(setup()).await;
    let token = Token {
        channel: Channel::Apns,
        kind: TokenKind::Alert,
        value: Secret::new("t"),
        cert_id: 1,
        environment: Environment::Production,
    };
    let registration = Registration {
        registration_id: RegistrationId::new("phone").unwrap(),
        account: Some(Account::new("u2").unwrap()),
        secret: secret_hash(&Secret::new(SECRET)).unwrap(),
        facts: DeviceFacts {
            tokens: vec![token],
            ..DeviceFacts::default()
        },
        at: Second(NOW_S as u32),
    };
    let devices = &server.engine.devices;
    devices
        .register_device(APP, &registration, 100)
        .await
        .unwrap();
    assert_eq!(
        code(&push(&server, &message(Some("push-1"), "hi")).await),
        0
    );
    work(&server).await;
    let body = r#"{"registration_id":"phone","reports":[{"id":"push-1","stage":"clicked","channel":"apns"}]}"#;
    let request = http::Request::post(format!("/v1/reports?sdkappid={APP}"))
        .header("host", "x")
        .header("authorization", format!("Bearer {SECRET}"))
        .body(Full::new(Bytes::from(body)));
    let (status, answer) = send(server.public, request.unwrap()).await;
    assert_eq!((status, &answer["unknown"]), (200, &json!([])), "{answer}");
    let counts = ask(&server, "normal_push_statistics", &around("[]")).await;
    assert_eq!(
        (&counts["TotalCount"], &counts["ClickCount"]),
        (&json!(1), &json!(1)),
        "{counts}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_a_name_gets_one() {
    let server = Server::start(setup()).await;
    register(&server.engine, "u2").await;
    let first = push(&server, &message(None, "a")).await;
    assert_eq!(code(&first), 0, "{first}");
    let id = first["PushID"].as_str().unwrap();
    assert!(id.starts_with("message_"), "{id}");
    // Within the second, as of every push.
    assert_eq!(push(&server, &message(None, "a")).await, first);
    assert_ne!(
        push(&server, &message(None, "b")).await["PushID"],
        first["PushID"]
    );
    let key = server
        .engine
        .identities
        .find_task(APP, Kind::Message, id)
        .await
        .unwrap();
    assert!(key.is_some());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_taken_and_bad_bodies_are_refused() {
    let server = Server::start(setup()).await;
    register(&server.engine, "u2").await;
    let imported = event("imported", "a", 1, 0)
        .replace("AllMemberPush", "OfflinePush")
        .replace("TaskId", "PushID");
    assert_eq!(code(&server.import(&events(&[imported])).await), 0);
    let path = format!("/v4/timpush/batch?{}", credentials());
    let batch =
        r#"{"From_Account":"a","To_Account":["u2"],"MsgRandom":1,"OfflinePushInfo":{"Title":"t"}}"#;
    let campaign = server.post(&path, batch).await["TaskId"].clone();
    for taken in ["imported", campaign.as_str().unwrap()] {
        let reply = push(&server, &message(Some(taken), "a")).await;
        assert_eq!(code(&reply), 90001, "{reply}");
    }
    for (field, value, expected) in [
        ("PushID", json!(7), 90001),
        ("PushID", json!("a\nb"), 90001),
        ("PushID", json!("x".repeat(129)), 90001),
        ("From_Account", json!(null), 90001),
        ("To_Account", json!(null), 90003),
        ("To_Account", json!([]), 90029),
        ("To_Account", json!(["nobody"]), 70107),
        ("MsgRandom", json!("5"), 90005),
        ("MsgSeq", json!(-1), 90001),
        ("MsgTime", json!("now"), 90001),
        ("MsgTime", json!(NOW_S * 1000), 90001),
        ("GroupId", json!([]), 90001),
        ("OfflinePushInfo", json!(null), 90001),
    ] {
        let mut body = message(Some("new"), "a");
        body[field] = value.clone();
        let reply = push(&server, &body).await;
        assert_eq!(code(&reply), expected, "{field} {value}: {reply}");
    }
    let stranger = credentials_of("u2", &usersig(KEY, "u2", APP.0, NOW_S));
    let path = format!("/v1/message-push?{stranger}");
    let reply = server
        .post(&path, &message(Some("new"), "a").to_string())
        .await;
    assert_eq!(code(&reply), 90009, "{reply}");
    server.stop().await;
}
