//! What a phone does to its device afterwards.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use pushtally_http::serve;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::fixture::{APP, SECRET, Server, no_limits, one, registration, with};

#[tokio::test]
async fn a_change_touches_what_it_mentions_and_null_empties() {
    let server = Server::open().await;
    server.register(&registration("phone", "user1")).await;
    let before = server.everything().await;
    let changed = async |body| {
        let answer = server.change("phone", SECRET, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["changed"].as_bool().unwrap()
    };
    assert!(!changed(json!({})).await);
    assert!(!changed(json!({"model": "iPhone17,1", "unknown": {"a": []}})).await);
    assert_eq!(server.everything().await, before);
    assert!(changed(json!({"app_version": "3.3.0", "notifications": null})).await);
    assert!(changed(json!({"tokens": [{"channel": "oppo", "token": "o"}]})).await);
    let after = server.everything().await;
    let mut expected = before[0].1.clone();
    expected.facts.app_version = "3.3.0".to_owned();
    expected.facts.notifications = Default::default();
    expected.facts.tokens = after[0].1.facts.tokens.clone();
    assert_eq!(after[0].1, expected);
    assert_eq!(after[0].1.facts.tokens[0].value.expose(), "o");
    assert!(changed(json!({"tokens": null, "vendor": null})).await);
    let facts = &server.everything().await[0].1.facts;
    assert!(facts.tokens.is_empty() && facts.vendor.is_none());
    // Who is signed in is no matter of a change.
    assert!(!changed(json!({"account": "other", "secret": 5})).await);
}

#[tokio::test]
async fn unregistering_ends_the_device_and_keeps_the_phone() {
    let server = Server::open().await;
    server.register(&registration("phone", "user1")).await;
    let number = server.everything().await[0].1.number;
    assert_eq!(
        server.unregister("phone", SECRET).await.body,
        json!({"changed": true})
    );
    assert!(server.everything().await.is_empty());
    assert_eq!(
        server.unregister("phone", SECRET).await.body,
        json!({"changed": false})
    );
    let gone = server.change("phone", SECRET, &json!({"model": "x"})).await;
    assert_eq!((gone.status, gone.code()), (410, "unregistered"));
    let stranger = with(
        registration("phone", "user1"),
        "secret",
        Some(json!("0".repeat(32))),
    );
    assert_eq!(server.register(&stranger).await.status, 401);
    assert_eq!(
        server
            .register(&registration("phone", "user1"))
            .await
            .status,
        201
    );
    assert_ne!(server.everything().await[0].1.number, number);
}

#[tokio::test]
async fn a_name_in_the_path_may_have_any_character() {
    let server = Server::open().await;
    server.register(&registration("a/b ü?", "user1")).await;
    let answer = server.unregister("a%2Fb%20%C3%BC%3F", SECRET).await;
    assert_eq!(answer.body, json!({"changed": true}));
    for (path, value) in [("%FF", None), ("a%0Ab", Some("a\nb"))] {
        let answer = server
            .call(one("DELETE", APP, path, SECRET), Vec::new())
            .await;
        assert_eq!((answer.status, answer.code()), (400, "bad-request"));
        assert_eq!(answer.body["field"], "registration_id");
        assert_eq!(answer.body["value"].as_str(), value);
    }
}

/// The socket of a device ends with the device: after unregistering, and when another account takes the phone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_device_loses_its_socket() {
    let server = Server::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(serve(
        vec![listener],
        server.public.clone(),
        None,
        no_limits(),
        async move { drop(stopped.await) },
        Duration::from_secs(5),
    ));
    for end in ["unregister", "replace"] {
        server.register(&registration("phone", "user1")).await;
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/v1/online");
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let hello = json!({"type": "hello", "version": 1, "sdkappid": APP.0, "registration_id": "phone", "secret": SECRET});
        socket.send(Message::text(hello.to_string())).await.unwrap();
        let welcome = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(welcome.contains("welcome"), "{welcome}");
        let status = match end {
            "unregister" => server.unregister("phone", SECRET).await.status,
            _ => {
                server
                    .register(&registration("phone", "user2"))
                    .await
                    .status
            }
        };
        assert!(matches!(status, 200 | 201), "{end}");
        let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else {
            panic!("the socket is open after {end}")
        };
        assert_eq!(u16::from(frame.code), 4410, "{end}");
    }
    drop(stop);
    running.await.unwrap();
}
