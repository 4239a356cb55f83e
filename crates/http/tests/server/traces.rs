//! Traces: of a device of each channel, every step with its time and the vendor's words; of imported tasks and messages; and
//! who is told what.

use pushtally_model::{
    Account, App, Cell, Channel, DeviceFacts, Environment, Event, Kind, Lane, LossId, Number,
    Permission, Quota, RegistrationId, Route, Second, Secret, Source, TaskKey, Token, TokenKind,
    VendorCall, VendorCalls,
};
use pushtally_online::secret_hash;
use pushtally_store::{LossText, Names, Registered, Registration, Report as _};
use serde_json::{Value, json};

use super::fixture::{
    APP, NOW_S, Server, Setup, app, code, credentials, credentials_of, event, events, send, task,
    usersig,
};
use bytes::Bytes;
use http_body_util::Full;
use pushtally_model::Clock as _;

const TRACE: &str = "all_member_push_trace";
const PUSH_TRACE: &str = "normal_push_trace";

fn free() -> App {
    let mut app = app();
    for command in [TRACE, PUSH_TRACE] {
        app.quotas
            .insert(command.to_owned(), Quota { per_second: 0 });
    }
    app
}

fn setup() -> Setup {
    Setup {
        apps: vec![free()],
        ..Setup::default()
    }
}

async fn ask(server: &Server, command: &str, body: &Value) -> Value {
    let path = format!("/v4/timpush/{command}?{}", credentials());
    server.post(&path, &body.to_string()).await
}

async fn of(server: &Server, task: &str, user: &str) -> Vec<Value> {
    let reply = ask(server, TRACE, &json!({"TaskID": task, "UserID": user})).await;
    assert_eq!(code(&reply), 0, "{reply}");
    reply["InstanceTrace"].as_array().unwrap().clone()
}

/// The native answer.
async fn get(server: &Server, path: &str) -> (u16, Value) {
    let request = http::Request::get(path).header("host", "push.example");
    send(
        server.operator,
        request.body(Full::new(Bytes::new())).unwrap(),
    )
    .await
}

/// One phone on each channel, all of one account.
async fn phones(server: &Server) -> Vec<(Channel, Number)> {
    let mut phones = Vec::new();
    for channel in Channel::VENDORS {
        let token = Token {
            channel,
            kind: TokenKind::Alert,
            value: Secret::new(format!("token-{}", channel.name())),
            cert_id: 100 + channel as u32,
            environment: Environment::Production,
        };
        let registration = Registration {
            registration_id: RegistrationId::new(format!("phone-{}", channel.name())).unwrap(),
            account: Some(Account::new("u1").unwrap()),
            secret: secret_hash(&Secret::new("0123456789abcdef0123456789abcdef")).unwrap(),
            facts: DeviceFacts {
                tokens: vec![token],
                model: "P60".to_owned(),
                system: "Android".to_owned(),
                system_version: "13".to_owned(),
                notifications: Permission::Granted,
                ..DeviceFacts::default()
            },
            at: Second(NOW_S as u32),
        };
        let devices = &server.engine.devices;
        match devices
            .register_device(APP, &registration, 100)
            .await
            .unwrap()
        {
            Registered::New { number, .. } => phones.push((channel, number)),
            other => panic!("{other:?}"),
        }
    }
    phones
}

/// Something happens, so many seconds after the task was accepted.
async fn happens(
    server: &Server,
    task: TaskKey,
    source: Source,
    (channel, number): (Channel, Number),
    lane: Lane,
    after_s: u32,
    why: Option<&LossText>,
) {
    let loss = match why {
        Some(why) => {
            let names = Names {
                losses: vec![why.clone()],
                ..Names::default()
            };
            server
                .engine
                .identities
                .resolve(APP, &names)
                .await
                .unwrap()
                .losses[0]
        }
        None => LossId::NONE,
    };
    let event = Event {
        app: APP,
        task,
        cell: Cell::new(Route::Offline, channel, lane),
        number,
        at: Second(NOW_S as u32 + after_s),
        loss,
    };
    server
        .state
        .stats
        .report(source, vec![event])
        .await
        .unwrap();
}

fn leaf(status: u8, code: i64, text: &str, after_s: u32) -> Value {
    // The test's now is 2025-03-05 18:40:00 UTC.
    let time = match status {
        0 => String::new(),
        _ => format!("2025-03-06 02:40:{after_s:02}"),
    };
    json!({"PushStatus": status, "ErrorCode": code, "ErrorInfo": text, "EventTime": time})
}

fn done(after_s: u32) -> Value {
    leaf(1, 0, "success", after_s)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_a_device_of_each_channel_is_told_with_the_vendors_words() {
    let server = Server::start(setup()).await;
    let phones = phones(&server).await;
    let (key, other) = (
        task(&server.engine, "own").await,
        task(&server.engine, "other").await,
    );
    for (at, phone) in (1..).zip(&phones) {
        use Lane::{Clicked, Delivered, LostBeforeDelivered, LostBeforeSent, Planned, Sent};
        use Source::{Client, Us, Vendor};
        let refused = LossText::new(400 + at, &format!("{} says no", phone.0.name()));
        let why = Some(&refused);
        happens(&server, other, Us, *phone, Planned, 0, None).await;
        let story: &[(Source, Lane, u32, Option<&LossText>)] = match at % 3 {
            0 => &[(Us, LostBeforeSent, 5, why)],
            1 => &[(Us, Sent, 2, None), (Vendor, LostBeforeDelivered, 7, why)],
            _ => &[
                (Us, Sent, 2, None),
                (Vendor, Delivered, 8, None),
                // Repeated and contradicted: neither counts.
                (Vendor, Delivered, 9, None),
                (Us, LostBeforeSent, 9, why),
                (Client, Clicked, 11, None),
            ],
        };
        happens(&server, key, Us, *phone, Planned, 0, None).await;
        for (source, lane, after_s, why) in story {
            happens(&server, key, *source, *phone, *lane, *after_s, *why).await;
        }
    }
    let rows = of(&server, "own", "u1").await;
    assert_eq!(rows.len(), phones.len());
    for ((at, (channel, _)), row) in (1..).zip(&phones).zip(&rows) {
        let name = channel.name();
        let none = leaf(0, 0, "", 0);
        let says = |after_s| leaf(2, 400 + at, &format!("{name} says no"), after_s);
        let expected = match at % 3 {
            0 => [done(5), says(5), none.clone(), none.clone()],
            1 => [done(2), done(2), says(7), none.clone()],
            _ => [done(2), done(2), done(8), done(11)],
        };
        let stat = &row["OfflinePushStat"];
        let found =
            ["OfflineStat", "ChannelStat", "DeviceStat", "ClickStat"].map(|one| stat[one].clone());
        assert_eq!(found, expected, "{row}");
        assert_eq!(row["IMCommitStat"]["IMStat"], done(0));
        assert_eq!(row["InstanceId"], format!("phone-{name}"));
        assert_eq!(row["Token"], format!("token-{name}"));
        assert_eq!(row["CertId"], (100 + *channel as u32).to_string());
        assert_eq!(row["PushPlatform"], channel.push_platform());
        assert_eq!(
            (&row["EventType"], &row["NotificationStatus"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(row["PushTime"], "2025-03-06 02:40:00");
    }
    let (apns, first) = (phones[0].0, phones[0].1);
    let call = |at_ms: i64, status: u16, id: &str, code: i64, text: &str| VendorCall {
        at_ms,
        status,
        request_id: id.to_owned(),
        code,
        text: text.to_owned(),
        numbers: vec![first, Number(first.0 + 1_000)],
    };
    let calls = VendorCalls {
        app: APP,
        task: key,
        channel: apns,
        calls: vec![
            call(NOW_S * 1000, 503, "", 503, "Shutdown"),
            call(NOW_S * 1000 + 900, 200, "id-1", 0, ""),
        ],
    };
    server.state.stats.report_sent(vec![], calls).await.unwrap();
    let (status, native) = get(&server, &format!("/v1/apps/{APP}/tasks/own/trace?user=u1")).await;
    assert_eq!(
        (status, native["ways"].as_array().unwrap().len()),
        (200, 9),
        "{native}"
    );
    let way = &native["ways"][0];
    let step = |name: &str, after_s: i64, source: &str| json!({"step": name, "at": NOW_S + after_s, "recorded_ms": NOW_S * 1000, "source": source});
    let mut lost = step("lost", 7, "vendor");
    lost["before"] = "delivered".into();
    lost["code"] = 401.into();
    lost["text"] = "apns says no".into();
    assert_eq!(
        way["steps"],
        json!([step("planned", 0, "us"), step("sent", 2, "us"), lost])
    );
    assert_eq!(
        way["calls"],
        json!([
            {"at_ms": NOW_S * 1000, "status": 503, "request_id": "", "code": 503, "text": "Shutdown"},
            {"at_ms": NOW_S * 1000 + 900, "status": 200, "request_id": "id-1", "code": 0, "text": ""},
        ])
    );
    assert_eq!(native["ways"][1]["calls"], json!([]));
    assert_eq!(
        (&way["registration_id"], &way["channel"]),
        (&json!("phone-apns"), &json!("apns"))
    );
    assert!(!native.to_string().contains("token-"), "{native}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_or_what_is_not_known_has_no_rows() {
    let server = Server::start(setup()).await;
    let phone = phones(&server).await[0];
    let key = task(&server.engine, "own").await;
    happens(&server, key, Source::Us, phone, Lane::Planned, 0, None).await;
    for (task, user, rows) in [
        ("own", "u1", 1),
        ("own", "phone-apns", 1),
        ("own", "phone-huawei", 0),
        ("own", "u2", 0),
        ("own", "a\nb", 0),
        ("nothing", "u1", 0),
    ] {
        assert_eq!(of(&server, task, user).await.len(), rows, "{task} {user}");
    }
    for (path, status) in [
        (format!("/v1/apps/{APP}/tasks/nothing/trace?user=u1"), 404),
        (format!("/v1/apps/{APP}/tasks/own/trace"), 400),
        (format!("/v1/apps/{APP}/tasks/own/trace?user="), 400),
        (format!("/v1/apps/{APP}/tasks/own/trace?user=a&user=b"), 400),
        (format!("/v1/apps/{APP}/tasks/own/trace?user=a&x=b"), 400),
        (format!("/v1/apps/{APP}/tasks/own/trace?user=u2"), 200),
        ("/v1/apps/7/tasks/own/trace?user=u1".to_owned(), 404),
    ] {
        assert_eq!(get(&server, &path).await.0, status, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recipients_of_imported_tasks_and_messages_are_traced() {
    let server = Server::start(setup()).await;
    let of_message = |event: String| {
        event
            .replace("AllMemberPush", "OfflinePush")
            .replace("TaskId", "PushID")
    };
    let online = |event: String| event.replace(r#""EventType":1"#, r#""EventType":2"#);
    let said = |event: String| event.replace(r#""ErrInfo":"OK""#, r#""ErrInfo":"Unregistered""#);
    let body = events(&[
        event("t", "a", 1, 0),
        event("t", "a", 3, 0),
        online(event("t", "a", 1, 0)),
        event("t", "b", 1, 0),
        said(of_message(event("t", "a", 1, 410))),
        of_message(event("t", "b", 1, 0)),
        of_message(event("t2", "b", 1, 0)),
    ]);
    assert_eq!(code(&server.import(&body).await), 0);
    let rows = of(&server, "t", "a").await;
    assert_eq!(rows.len(), 2);
    let (offline, online) = (&rows[0], &rows[1]);
    assert_eq!(
        (&offline["EventType"], &online["EventType"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(offline["OfflinePushStat"]["ChannelStat"], done(0));
    assert_eq!(offline["OfflinePushStat"]["DeviceStat"], leaf(0, 0, "", 0));
    assert_eq!(offline["OfflinePushStat"]["ClickStat"], done(0));
    assert_eq!(online["OnlinePushStat"]["ChannelStat"], done(0));

    let reply = ask(&server, PUSH_TRACE, &json!({"PushID": "t"})).await;
    let rows = reply["InstanceTrace"].as_array().unwrap();
    assert_eq!((code(&reply), rows.len()), (0, 2), "{reply}");
    let refused = leaf(2, 410, "Unregistered", 0);
    assert_eq!(rows[0]["OfflinePushStat"]["ChannelStat"], refused);
    assert_eq!(rows[1]["OfflinePushStat"]["ChannelStat"], done(0));
    assert_eq!(rows[0].get("EventType"), None);
    let reply = ask(&server, PUSH_TRACE, &json!({"PushID": "u"})).await;
    assert_eq!(reply["InstanceTrace"], json!([]), "{reply}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_reach_as_far_back_as_the_app_says_and_the_log_is_kept() {
    const DAY_MS: i64 = 86_400_000;
    for (span_days, kept_days, told_days) in [(7, 30, 7), (20, 30, 20), (20, 3, 3)] {
        let mut app = free();
        app.traces_span_s_max = span_days * 86_400;
        app.retention.traces_days = kept_days;
        let server = Server::start(Setup {
            apps: vec![app],
            ..Setup::default()
        })
        .await;
        let phone = phones(&server).await[0];
        let key = task(&server.engine, "own").await;
        happens(&server, key, Source::Us, phone, Lane::Planned, 0, None).await;
        assert_eq!(
            code(&server.import(&events(&[event("t", "a", 1, 0)])).await),
            0
        );
        let rows = async || {
            let sig = usersig(
                super::fixture::KEY,
                "administrator",
                APP.0,
                server.clock.now().0.into(),
            );
            let path = format!(
                "/v4/timpush/{TRACE}?{}",
                credentials_of("administrator", &sig)
            );
            let mut rows = Vec::new();
            for (task, user) in [("own", "u1"), ("t", "a")] {
                let body = json!({"TaskID": task, "UserID": user}).to_string();
                let reply = server.post(&path, &body).await;
                rows.push(reply["InstanceTrace"].as_array().unwrap().len());
            }
            rows
        };
        server.clock.advance_ms(told_days * DAY_MS);
        assert_eq!(rows().await, [1, 1]);
        server.clock.advance_ms(1000);
        assert_eq!(rows().await, [0, 0]);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_administrator_is_told_once_a_second() {
    let server = Server::start(Setup::default()).await;
    let path = |command: &str, who: &str| {
        let sig = usersig(super::fixture::KEY, who, APP.0, NOW_S);
        format!("/v4/timpush/{command}?{}", credentials_of(who, &sig))
    };
    for (command, body) in [
        (TRACE, r#"{"TaskID":"t","UserID":"u"}"#),
        (PUSH_TRACE, r#"{"PushID":"t"}"#),
    ] {
        assert_eq!(code(&server.post(&path(command, "u1"), body).await), 90009);
        let reply = server.post(&path(command, "administrator"), "{}").await;
        assert_eq!(code(&reply), 90100, "{reply}");
        let reply = server.post(&path(command, "administrator"), body).await;
        assert_eq!(code(&reply), 60007, "{reply}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_and_a_push_of_one_name_are_two() {
    let server = Server::start(setup()).await;
    task(&server.engine, "x").await;
    let found = server
        .engine
        .identities
        .find_task(APP, Kind::Message, "x")
        .await;
    assert_eq!(found.unwrap(), None);
    let reply = ask(&server, PUSH_TRACE, &json!({"PushID": "x"})).await;
    assert_eq!(reply["InstanceTrace"], json!([]));
    server.stop().await;
}
