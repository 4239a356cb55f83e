//! A task watched live: what changes is told, and every stream ends.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::{APP, Server, Setup, send};
use super::push::register;

/// A stream of events as far as it has been read.
struct Watched {
    stream: TcpStream,
    text: String,
}

impl Watched {
    async fn open(address: SocketAddr, id: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /v1/apps/{APP}/tasks/{id}/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self {
            stream,
            text: String::new(),
        }
    }

    /// Reads on until there is a whole event with this in it.
    async fn event(&mut self, wanted: &str) {
        self.until(|text| {
            let found = text.split_once(wanted);
            found.is_some_and(|(_, rest)| rest.contains("\n\n"))
        })
        .await;
    }

    /// Reads on until there is a head.
    async fn head(&mut self) {
        self.until(|text| text.contains("\r\n\r\n")).await;
    }

    async fn until(&mut self, is_there: impl Fn(&str) -> bool) {
        let mut some = [0; 4096];
        while !is_there(&self.text) {
            let len = self.stream.read(&mut some).await.unwrap();
            assert_ne!(len, 0, "ended early: {}", self.text);
            self.text += std::str::from_utf8(&some[..len]).unwrap();
        }
    }

    /// Reads to the end; answers all of it.
    async fn rest(mut self) -> String {
        self.stream.read_to_string(&mut self.text).await.unwrap();
        self.text
    }

    /// The data of every `counts` so far.
    fn counts(&self) -> Vec<Value> {
        let parts = self.text.split("event: counts\ndata: ").skip(1);
        let lines = parts.map(|part| part.lines().next().unwrap());
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

async fn call(server: &Server, method: &str, path: &str, body: &str) -> Value {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/v1/apps/{APP}/{path}"))
        .header("host", "x")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from(body.to_owned()));
    let (status, reply) = send(server.operator, request.body(body).unwrap()).await;
    assert_eq!(status, 200, "{reply}");
    reply
}

/// A push that has somebody to reach, and no worker to do it.
async fn order(server: &Server) -> String {
    register(&server.engine, "a").await;
    let ordered = call(server, "POST", "push", r#"{"title":"t"}"#).await;
    ordered["task"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_told_and_a_stopping_server_ends_the_stream() {
    let server = Server::start(Setup::default()).await;
    let id = order(&server).await;
    let mut watched = Watched::open(server.operator, &id).await;
    watched.event("\"status\":\"running\"").await;
    assert!(watched.text.starts_with("HTTP/1.1 200"), "{}", watched.text);
    assert!(watched.text.contains("content-type: text/event-stream\r\n"));
    call(&server, "POST", &format!("tasks/{id}/pause"), "").await;
    watched.event("\"status\":\"paused\"").await;
    let shown = call(&server, "GET", &format!("tasks/{id}"), "").await;
    assert_eq!(watched.counts().last(), Some(&shown));
    assert_eq!(watched.counts().len(), 2);
    let (text, cut) = tokio::join!(watched.rest(), server.stop());
    assert_eq!(cut, 0);
    assert!(
        text.contains("event: end\ndata: {\"because\":\"stopping\"}\n\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_are_watched_at_a_time() {
    let server = Server::start(Setup::default()).await;
    let id = order(&server).await;
    let mut open = Vec::new();
    let refused = loop {
        let mut watched = Watched::open(server.operator, &id).await;
        watched.head().await;
        if !watched.text.starts_with("HTTP/1.1 200") {
            break watched.rest().await;
        }
        open.push(watched);
        assert!(open.len() <= 32, "there is no bound");
    };
    assert_eq!(open.len(), 32);
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("retry-after: 5\r\n"), "{refused}");
    drop(open);
    server.stop().await;
}
