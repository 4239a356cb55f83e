//! Connections of every kind: kept alive, HTTP/2, TLS, malformed, too many, and at the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pushtally_http::{Limits, tls_config};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::fixture::{STATISTICS, Server, Setup, around, code, credentials, raw};

fn request(uri: &str) -> http::Request<Full<Bytes>> {
    let request = http::Request::post(uri).header("host", "push.example");
    request.body(Full::from(around("[]"))).unwrap()
}

async fn reply(response: http::Response<hyper::body::Incoming>) -> Value {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn three_over_http1(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
    let driver = tokio::spawn(connection);
    for _ in 0..3 {
        sender.ready().await.unwrap();
        let response = sender
            .send_request(request(&format!("{STATISTICS}?{}", credentials())))
            .await
            .unwrap();
        assert_eq!(code(&reply(response).await), 0);
    }
    drop(sender);
    driver.await.unwrap().unwrap();
}

async fn three_over_http2(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let calls = (0..3).map(|_| {
        let mut sender = sender.clone();
        let mut call = request(&format!(
            "https://push.example{STATISTICS}?{}",
            credentials()
        ));
        call.headers_mut().remove("host");
        tokio::spawn(async move { reply(sender.send_request(call).await.unwrap()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(code(&call.await.unwrap()), 0);
    }
    drop(sender);
    driver.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http1_is_kept_alive_and_http2_is_known_without_asking() {
    let server = Server::start(Setup::default()).await;
    three_over_http1(TcpStream::connect(server.public).await.unwrap()).await;
    three_over_http2(TcpStream::connect(server.public).await.unwrap()).await;
    assert_eq!(server.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_negotiates_either_protocol() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = tls_config(
        own.cert.pem().as_bytes(),
        own.signing_key.serialize_pem().as_bytes(),
    )
    .unwrap();
    let server = Server::start(Setup {
        tls: Some(config),
        ..Setup::default()
    })
    .await;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from(own.cert.der().to_vec()))
        .unwrap();
    let connect = async |protocol: &[u8]| {
        let mut config =
            rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(server.public).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        stream
    };
    three_over_http1(connect(b"http/1.1").await).await;
    three_over_http2(connect(b"h2").await).await;
    assert_eq!(server.stop().await, 0);
}

/// The envelope of a raw answer.
fn envelope(answer: &str) -> Value {
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json"), "{answer}");
    serde_json::from_str(body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hyper_refuses_by_itself_is_an_envelope_too() {
    let server = Server::start(Setup::default()).await;
    let line = |query: &str| {
        format!("POST {STATISTICS}?{query} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}")
    };
    let long = "a".repeat(1_000_000);
    for (request, expected) in [
        (line(&format!("sdkappid=1&usersig={long}")), 70003),
        (line(&format!("sdkappid=1&padding={long}")), 60002),
        (
            line(&format!("sdkappid=1&usersig={}", &long[..65_536])),
            70003,
        ),
        (
            format!("POST / HTTP/1.1\r\nhost: x\r\npadding: {long}\r\n\r\n"),
            60002,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nhost: x\r\n{}\r\n",
                "a: b\r\n".repeat(200)
            ),
            60002,
        ),
        (
            "POST / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n".to_owned(),
            60002,
        ),
        ("POST /a b c HTTP/1.1\r\n\r\n".to_owned(), 60002),
        (
            "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n".to_owned(),
            60002,
        ),
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), 60002),
    ] {
        let reply = envelope(&raw(server.public, request.as_bytes()).await);
        assert_eq!(
            code(&reply),
            expected,
            "{} {reply}",
            &request[..request.len().min(100)]
        );
    }
    // One that is just short enough is read, and refused by its own rule.
    let request = line(&format!(
        "sdkappid=1400000000&identifier=a&usersig={}&random=1&contenttype=json",
        &long[..60_000]
    ));
    let request = request.replace("host: x", "host: x\r\nconnection: close");
    assert_eq!(
        code(&envelope(&raw(server.public, request.as_bytes()).await)),
        70003
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_long_is_answered_while_it_is_still_sent() {
    let server = Server::start(Setup::default()).await;
    let head = format!(
        "POST {STATISTICS}?{} HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n",
        credentials()
    );
    let request = [head.into_bytes(), vec![b' '; 3_000_000]].concat();
    assert_eq!(code(&envelope(&raw(server.public, &request).await)), 60003);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_is_refused() {
    let server = Server::start(Setup::default()).await;
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    let head = format!(
        "POST {STATISTICS}?{} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{{",
        credentials()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    // The client has gone half way; whether it still reads is its own affair.
    assert!(answer.is_empty() || answer.contains("60008"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_bound_connections_wait() {
    let limits = Limits {
        connections_max: 1,
        ..Limits::default()
    };
    let server = Server::start(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let (mut first, connection) = http1::handshake(TokioIo::new(
        TcpStream::connect(server.public).await.unwrap(),
    ))
    .await
    .unwrap();
    let driver = tokio::spawn(connection);
    let path = format!("{STATISTICS}?{}", credentials());
    let response = first.send_request(request(&path)).await.unwrap();
    assert_eq!(code(&reply(response).await), 0);
    let address = server.public;
    let body = around("[]");
    let text = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let second = tokio::spawn(async move { raw(address, text.as_bytes()).await });
    first.ready().await.unwrap();
    let response = first.send_request(request(&path)).await.unwrap();
    assert_eq!(code(&reply(response).await), 0);
    assert!(!second.is_finished(), "served beyond the bound");
    drop(first);
    driver.await.unwrap().unwrap();
    assert_eq!(code(&envelope(&second.await.unwrap())), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_finishes_what_runs_and_closes_what_idles() {
    let server = Server::start(Setup::default()).await;
    let path = format!("{STATISTICS}?{}", credentials());
    let (mut idle, connection) = http1::handshake(TokioIo::new(
        TcpStream::connect(server.public).await.unwrap(),
    ))
    .await
    .unwrap();
    let idle_driver = tokio::spawn(connection);
    let response = idle.send_request(request(&path)).await.unwrap();
    assert_eq!(code(&reply(response).await), 0);

    let body = around("[]");
    let mut running = TcpStream::connect(server.public).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    running.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    running.read_exact(&mut go_on).await.unwrap();
    assert_eq!(
        &go_on, b"HTTP/1.1 100 Continue\r\n\r\n",
        "the handler waits for the body"
    );

    let address = server.public;
    let stopping = tokio::spawn(server.stop());
    idle_driver.await.unwrap().unwrap();
    running.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.unwrap();
    assert_eq!(code(&envelope(&answer)), 0);
    drop(running);
    assert_eq!(stopping.await.unwrap(), 0);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing is accepted any more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_are_closed() {
    let limits = Limits {
        idle: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = Server::start(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    assert_eq!(raw(server.public, b"").await, "");
    assert_eq!(raw(server.public, b"POST / HTTP/1.1\r\n").await, "");
    let path = format!(
        "POST {STATISTICS}?{} HTTP/1.1\r\nhost: x\r\n",
        credentials()
    );
    let answer = raw(
        server.public,
        format!("{path}content-length: 2\r\n\r\n{{}}").as_bytes(),
    )
    .await;
    assert_eq!(code(&envelope(&answer)), 90100);
    let stream = TcpStream::connect(server.public).await.unwrap();
    let (sender, connection) =
        http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    connection.await.unwrap();
    drop(sender);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_request_behind_a_good_one_gets_its_envelope_too() {
    let server = Server::start(Setup::default()).await;
    let good = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    let answers = raw(
        server.public,
        format!("{good}{good}\u{1}\r\n\r\n").as_bytes(),
    )
    .await;
    assert_eq!(
        answers.matches("HTTP/1.1 200 OK\r\n").count(),
        3,
        "{answers}"
    );
    assert_eq!(
        answers.matches("\"ErrorCode\":60009").count(),
        2,
        "{answers}"
    );
    assert_eq!(
        answers.matches("\"ErrorCode\":60002").count(),
        1,
        "{answers}"
    );
    server.stop().await;
}
