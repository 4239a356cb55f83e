//! Sockets over a real listener, spoken to by an independent client.

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::RETRY_AFTER;
use pushtally_channel::{Channel as _, Message as Push, Outcome, Target};
use pushtally_http::Limits;
use pushtally_model::{
    Channel, Event, Notification, Number, Route, Second, Source, Stage, TaskId, TaskKey, What,
};
use pushtally_online::Settings;
use pushtally_store::Report as _;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::fixture::{APP, NOW_S, Server, Setup, around, raw, register, task};

pub(crate) const SECRET: &str = "00112233445566778899aabbccddeeff";

/// A phone's side of a socket.
pub(crate) struct Phone(WebSocketStream<TcpStream>);

impl Phone {
    pub(crate) async fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(server.public).await.unwrap();
        let url = format!("ws://{}/v1/online", server.public);
        Self(client_async(url, stream).await.unwrap().0)
    }

    pub(crate) async fn connect(server: &Server) -> Self {
        let mut phone = Self::open(server).await;
        phone.say(json!({"type": "hello", "version": 1, "sdkappid": APP.0, "registration_id": "phone", "secret": SECRET})).await;
        let welcome = phone.hear().await;
        assert_eq!(
            welcome,
            json!({"type": "welcome", "version": 1, "ping_s": 60, "now": NOW_S * 1000})
        );
        phone
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Value {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("not a text: {other:?}"),
        }
    }

    async fn closed(&mut self) -> u16 {
        match self.0.next().await {
            Some(Ok(Message::Close(Some(frame)))) => frame.code.into(),
            other => panic!("not the end: {other:?}"),
        }
    }
}

async fn planned(server: &Server, task: TaskKey, number: Number) {
    let way = (Route::Online, Channel::Online);
    let at = Second(NOW_S as u32);
    let event = |stage| Event::new(APP, task, number, way, What::Reached(stage), at).unwrap();
    let events = [Stage::Planned, Stage::Sent].map(event).to_vec();
    server.state.stats.report(Source::Us, events).await.unwrap();
}

fn push(id: &str) -> Push {
    Push {
        number: 1,
        urgency: pushtally_model::Urgency::Bulk,
        app: APP,
        id: TaskId::new(id).unwrap(),
        data_id: String::new(),
        notification: Notification {
            title: "Title".to_owned(),
            ..Notification::default()
        },
        accepted_at: Second(NOW_S as u32),
        deadline: Second(NOW_S as u32 + 3600),
    }
}

fn target(number: Number) -> Target {
    Target {
        number,
        token: None,
        language: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_reaches_a_phone_and_its_acknowledgement_the_statistics() {
    let server = Server::start(Setup::default()).await;
    let number = register(&server.engine, "phone", SECRET).await;
    let key = task(&server.engine, "task").await;
    planned(&server, key, number).await;
    let mut phone = Phone::connect(&server).await;
    let sent = server
        .state
        .online
        .send(&push("task"), &[target(number)])
        .await;
    assert_eq!(sent.outcomes, [Outcome::Accepted]);
    let heard = phone.hear().await;
    assert_eq!(
        (&heard["type"], &heard["id"], &heard["title"]),
        (&json!("push"), &json!("task"), &json!("Title"))
    );
    for _ in 0..2 {
        phone.say(json!({"type": "report", "seq": 3, "reports": [{"id": "task", "stage": "delivered"}, {"id": "other", "stage": "clicked"}]})).await;
        assert_eq!(
            phone.hear().await,
            json!({"type": "recorded", "seq": 3, "unknown": ["other"]})
        );
    }
    let statistics = server.statistics(&around(r#"["task"]"#)).await;
    assert!(
        statistics.to_string().contains(r#""DeliveredCount":1"#),
        "{statistics}"
    );
    let page = raw(
        server.operator,
        b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    for line in [
        "pushtally_sockets 1",
        "pushtally_online_devices 1",
        "pushtally_socket_frames 3",
        "pushtally_socket_pushes 1",
        "pushtally_socket_redelivered 0",
        r#"pushtally_reports{result="recorded"} 2"#,
        r#"pushtally_reports{result="unknown"} 2"#,
        r#"pushtally_socket_closes{code="4409"} 0"#,
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line}\n{page}");
    }
    assert!(!page.contains(SECRET));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_not_asked_for_rightly_is_a_problem() {
    let server = Server::start(Setup::default()).await;
    let good = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (request, status) in [
        (
            "GET /v1/online HTTP/1.1\r\nconnection: close\r\n".to_owned(),
            426,
        ),
        (
            format!("POST /v1/online HTTP/1.1\r\ncontent-length: 0\r\n{good}{key}"),
            405,
        ),
        (format!("GET /v1/online HTTP/1.1\r\n{good}"), 400),
    ] {
        let close = "connection: close\r\n";
        let answer = raw(
            server.public,
            format!("{request}host: x\r\n{close}\r\n").as_bytes(),
        )
        .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(
            answer.contains("content-type: application/problem+json"),
            "{answer}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_have_a_bound_of_their_own_and_give_connections_their_room_back() {
    let server = Server::start(Setup {
        limits: Limits {
            connections_max: 1,
            ..Limits::default()
        },
        sockets: Settings { sockets_max: 1 },
        ..Setup::default()
    })
    .await;
    register(&server.engine, "phone", SECRET).await;
    let mut phone = Phone::connect(&server).await;
    let stream = TcpStream::connect(server.public).await.unwrap();
    let url = format!("ws://{}/v1/online", server.public);
    let Err(tokio_tungstenite::tungstenite::Error::Http(refused)) =
        client_async(&url, stream).await
    else {
        panic!("a second socket");
    };
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()[RETRY_AFTER]),
        (503, &"30".parse().unwrap())
    );
    drop(refused);
    assert_eq!(server.statistics(&around("[]")).await["ErrorCode"], 0);
    phone.0.close(None).await.unwrap();
    while phone.0.next().await.is_some() {}
    // The seat is free when the connection is no more, a moment after the phone has read its end.
    drop(phone);
    while server.state.online.seat().is_none() {
        tokio::task::yield_now().await;
    }
    let mut again = Phone::connect(&server).await;
    again.say(json!({"type": "ping"})).await;
    assert_eq!(again.hear().await, json!({"type": "pong"}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_end_but_sockets_stay() {
    let server = Server::start(Setup {
        limits: Limits {
            idle: Duration::from_millis(50),
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    register(&server.engine, "phone", SECRET).await;
    let mut phone = Phone::connect(&server).await;
    // Each of these lasts two idle periods.
    for _ in 0..3 {
        let mut idle = TcpStream::connect(server.public).await.unwrap();
        let mut nothing = Vec::new();
        idle.read_to_end(&mut nothing).await.unwrap();
    }
    phone.say(json!({"type": "ping"})).await;
    assert_eq!(phone.hear().await, json!({"type": "pong"}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_reads_why_its_socket_ends() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "phone", SECRET).await;
    for (frame, code) in [
        (Message::text("x".repeat(65_537)), 4413),
        (Message::text("x".repeat(1_000_000)), 4413),
        (Message::binary(vec![1, 2, 3]), 4400),
        (Message::text("{}"), 4400),
    ] {
        let mut phone = Phone::connect(&server).await;
        // The server may end while this is still sent.
        let _ = phone.0.send(frame).await;
        assert_eq!(phone.closed().await, code);
    }
    let mut older = Phone::connect(&server).await;
    let newer = Phone::connect(&server).await;
    assert_eq!(older.closed().await, 4409);
    drop(newer);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_tells_sockets_and_waits_for_none_that_is_told() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "phone", SECRET).await;
    let mut phone = Phone::connect(&server).await;
    let online = server.state.online.clone();
    let stopping = tokio::spawn(async move { online.stop().await });
    assert_eq!(phone.closed().await, 1001);
    while phone.0.next().await.is_some() {}
    stopping.await.unwrap();
    assert_eq!(server.state.online.health().sockets, 0);
    assert_eq!(server.stop().await, 0);
}
