//! The guard over an in-memory stream. What hyper really writes is tested on sockets, in `tests/`.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

use tokio::sync::Semaphore;

const BARE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";

/// Room for one connection, which is taken.
fn room() -> (Arc<Semaphore>, OwnedSemaphorePermit) {
    let room = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&room).try_acquire_owned().unwrap();
    (room, permit)
}

/// What the client gets when this was read and that is written.
async fn exchange(read: &[u8], write: &[u8]) -> String {
    let (mut client, server) = duplex(1 << 20);
    let (_, permit) = room();
    let mut guard = Guard::new(server, Arc::default(), permit);
    client.write_all(read).await.unwrap();
    let mut received = vec![0; read.len()];
    guard.read_exact(&mut received).await.unwrap();
    guard.write_all(write).await.unwrap();
    client.shutdown().await.unwrap();
    guard.shutdown().await.unwrap();
    drop(guard);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn answers_of_the_router_pass() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
    ] {
        assert_eq!(
            exchange(b"GET / HTTP/1.1\r\n\r\n", answer.as_bytes()).await,
            answer
        );
    }
}

#[tokio::test]
async fn bare_refusals_become_envelopes() {
    let check = async |read: &[u8], write: &[u8], code: &str| {
        let answer = exchange(read, write).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(
            answer.contains(&format!("\"ErrorCode\":{code},")),
            "{answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{answer}"
        );
    };
    check(b"POST /v4/x?sdkappid=1&usersig=aaaa", BARE, "70003").await;
    check(b"POST /v4/x?padding=aaaa", BARE, "60002").await;
    let malformed = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    check(b"POST /v4/x?usersig=a b c\r\n", malformed, "60002").await;
}

#[tokio::test]
async fn only_the_request_being_read_tells_what_was_too_long() {
    let (mut client, server) = duplex(1 << 20);
    let (_, permit) = room();
    let mut guard = Guard::new(server, Arc::default(), permit);
    let mut buffer = [0; 64];
    client.write_all(b"POST /v4/x?usersig=good").await.unwrap();
    let _ = guard.read(&mut buffer).await.unwrap();
    guard
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    client.write_all(b"POST /v4/x?padding=").await.unwrap();
    let _ = guard.read(&mut buffer).await.unwrap();
    guard.write_all(BARE).await.unwrap();
    client.shutdown().await.unwrap();
    guard.shutdown().await.unwrap();
    drop(guard);
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    assert!(
        answers.contains("60002") && !answers.contains("70003"),
        "{answers}"
    );
}

#[tokio::test(start_paused = true)]
async fn lingering_is_bounded_in_time() {
    let (_client, server) = duplex(64);
    let (_, permit) = room();
    let mut guard = Guard::new(server, Arc::default(), permit);
    let start = Instant::now();
    guard.shutdown().await.unwrap();
    assert!(start.elapsed() >= LINGER_MAX && start.elapsed() < 2 * LINGER_MAX);
}

#[tokio::test]
async fn lingering_is_bounded_in_bytes() {
    let (mut client, server) = duplex(64 * 1024);
    let (_, permit) = room();
    let mut guard = Guard::new(server, Arc::default(), permit);
    let flood = async {
        let chunk = [0; 64 * 1024];
        let mut sent = 0;
        while client.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    };
    let end = async {
        guard.shutdown().await.unwrap();
        drop(guard);
    };
    let (sent, ()) = tokio::join!(flood, end);
    assert!(
        (LINGER_LEN_MAX..LINGER_LEN_MAX + 256 * 1024).contains(&sent),
        "{sent}"
    );
}

#[tokio::test]
async fn a_socket_gives_its_room_back_and_its_bytes_are_its_own() {
    let (mut client, server) = duplex(1 << 20);
    let (room, permit) = room();
    let mut guard = Guard::new(server, Arc::default(), permit);
    assert_eq!(room.available_permits(), 0);
    guard
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(room.available_permits(), 1);
    guard.write_all(BARE).await.unwrap();
    client.shutdown().await.unwrap();
    guard.shutdown().await.unwrap();
    drop(guard);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(BARE));
}
