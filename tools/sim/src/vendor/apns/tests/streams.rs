//! The limit of streams of a connection, as a client sees it that does not wait for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use h2::client::{ResponseFuture, SendRequest};
use hyper::body::Bytes;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{counter, good_jwt, jwt};
use crate::vendor::{Service, ServiceSettings};

const STREAMS_MAX: u32 = 7;

#[expect(
    clippy::disallowed_methods,
    reason = "the service has a clock of its own"
)]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

async fn service() -> Service {
    let settings = ServiceSettings {
        tls: true,
        streams_max: Some(STREAMS_MAX),
        // Longer than what is sent together takes to come.
        answer_after: Duration::from_millis(100),
        ..ServiceSettings::default()
    };
    let service = Service::start(Arc::new(counter(true)), settings);
    service.await.unwrap()
}

async fn connect(service: &Service) -> TlsStream<TcpStream> {
    let pem = service.certificate().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = service.url().replace("https://localhost", "127.0.0.1");
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}

/// Sends a push; its answer comes later.
fn post(sender: &mut SendRequest<Bytes>, jwt: &str) -> ResponseFuture {
    let request = http::Request::post("https://localhost/3/device/ab01")
        .header("authorization", jwt)
        .header("apns-topic", "com.example.acme")
        .header("apns-push-type", "alert");
    let request = request.body(()).unwrap();
    let (answer, mut body) = sender.send_request(request, false).unwrap();
    let payload = Bytes::from_static(super::BODY.as_bytes());
    body.send_data(payload, true).unwrap();
    answer
}

/// The status, or why there is none.
async fn answered(answer: ResponseFuture) -> Result<u16, h2::Reason> {
    match answer.await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(error) => Err(error.reason().unwrap()),
    }
}

#[tokio::test]
async fn streams_beyond_one_are_refused_before_a_jwt_was_good() {
    let service = service().await;
    let stream = connect(&service).await;
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let jwt = good_jwt(now_ms());
    // Nothing was read yet, so the client knows of no limit.
    let answers: Vec<_> = (0..3).map(|_| post(&mut sender, &jwt)).collect();
    let driven = tokio::spawn(connection);
    let mut all = Vec::new();
    for answer in answers {
        all.push(answered(answer).await);
    }
    let refused = Err(h2::Reason::REFUSED_STREAM);
    assert_eq!(all, [Ok(200), refused, refused]);
    let counts = service.counts();
    assert_eq!((counts.taken, counts.refused), (1, 2), "{counts:?}");
    driven.abort();
}

#[tokio::test]
async fn the_limit_is_raised_by_the_first_good_jwt_alone() {
    let service = service().await;
    let stream = connect(&service).await;
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let driven = tokio::spawn(connection);
    let bad = jwt("ANOTHERKEY", "TEAM123456", now_ms());
    assert_eq!(answered(post(&mut sender, &bad)).await, Ok(403));
    assert_eq!(sender.current_max_send_streams(), 1);
    let jwt = good_jwt(now_ms());
    assert_eq!(answered(post(&mut sender, &jwt)).await, Ok(200));
    let usual = usize::try_from(STREAMS_MAX).unwrap();
    let raised = async {
        while sender.current_max_send_streams() != usual {
            tokio::task::yield_now().await;
        }
    };
    let raised = tokio::time::timeout(Duration::from_secs(20), raised).await;
    raised.unwrap();
    let answers: Vec<_> = (0..usual).map(|_| post(&mut sender, &jwt)).collect();
    for answer in answers {
        assert_eq!(answered(answer).await, Ok(200));
    }
    let counts = service.counts();
    let expected = (u64::from(STREAMS_MAX), 0);
    assert_eq!((counts.at_once, counts.refused), expected, "{counts:?}");
    driven.abort();
}
