//! Registering over HTTP, through connections that are kept and shared.

use std::sync::Arc;

use pushtally_sim::{Error, Identity, Registered};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::Server;

/// Reads one request: its first line, its head, its body.
async fn request(stream: &mut TcpStream) -> (String, String, Value) {
    let mut received = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
        let text = String::from_utf8(received.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let len: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .unwrap()
            .parse()
            .unwrap();
        if body.len() == len {
            let first = head.lines().next().unwrap().to_owned();
            let body = serde_json::from_str(body).unwrap_or_default();
            return (first, head.to_owned(), body);
        }
    }
}

async fn answer(stream: &mut TcpStream, status: &str, fields: &str, body: &Value) {
    let body = body.to_string();
    let len = body.len();
    let reply = format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n{fields}\r\n{body}");
    stream.write_all(reply.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn phones_register_over_one_kept_connection() {
    let server = Server::start().await;
    let place = Arc::clone(&server.place);
    let phones = tokio::spawn(async move {
        let phone = Identity::numbered("phone", 1, 1).bound("user1".into(), "sig".into());
        let first = place.register(&phone).await.unwrap();
        let again = place.register(&phone).await.unwrap();
        (first, again, place.unregister(&phone).await.unwrap())
    });
    let (mut stream, _) = server.listener.accept().await.unwrap();
    let secret = Identity::numbered("phone", 1, 1).secret;
    for new in [true, false] {
        let (first, _, body) = request(&mut stream).await;
        assert_eq!(first, "POST /v1/devices?sdkappid=1400000000 HTTP/1.1");
        for (name, expected) in [
            ("client_key", "client-key"),
            ("registration_id", "phone-000001"),
            ("secret", &*secret),
            ("account", "user1"),
            ("usersig", "sig"),
        ] {
            assert_eq!(body[name], expected);
        }
        let status = if new { "201 Created" } else { "200 OK" };
        let reply = json!({"registration_id": "phone-000001", "new": new});
        answer(&mut stream, status, "", &reply).await;
    }
    let (first, head, _) = request(&mut stream).await;
    assert_eq!(
        first,
        "DELETE /v1/devices/phone-000001?sdkappid=1400000000 HTTP/1.1"
    );
    assert!(head.contains(&format!("Authorization: Bearer {secret}")));
    answer(&mut stream, "200 OK", "", &json!({"changed": true})).await;
    let expected = (Registered::New, Registered::Known, true);
    assert_eq!(phones.await.unwrap(), expected);
}

#[tokio::test]
async fn a_refusal_tells_its_code_and_when_to_come_back() {
    let server = Server::start().await;
    let place = Arc::clone(&server.place);
    let phone = tokio::spawn(async move {
        let phone = Identity::numbered("phone", 1, 1);
        place.register(&phone).await
    });
    let (mut stream, _) = server.listener.accept().await.unwrap();
    request(&mut stream).await;
    let problem = json!({"type": "urn:pushtally:problem:too-many", "status": 429});
    answer(&mut stream, "429 Too Many", "Retry-After: 7\r\n", &problem).await;
    match phone.await.unwrap() {
        Err(Error::Refused {
            status,
            code,
            retry_after_s,
        }) => assert_eq!((status, &*code, retry_after_s), (429, "too-many", Some(7))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    let server = Server::start().await;
    let place = Arc::clone(&server.place);
    let phone = tokio::spawn(async move {
        let phone = Identity::numbered("phone", 1, 1);
        let first = place.register(&phone).await.unwrap();
        (first, place.register(&phone).await.unwrap())
    });
    for new in [true, false] {
        let (mut stream, _) = server.listener.accept().await.unwrap();
        request(&mut stream).await;
        let reply = json!({"registration_id": "phone-000001", "new": new});
        answer(&mut stream, "200 OK", "", &reply).await;
    }
    assert_eq!(phone.await.unwrap(), (Registered::New, Registered::Known));
}
