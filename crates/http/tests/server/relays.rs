//! What the metrics page says of calls that are passed on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use pushtally_model::{AppId, Channel, FixedEntropy};
use pushtally_store::{Directory, memory};
use pushtally_webhook::{Doorbell, ReceiptTargets, RelayReport, Relays, Settings, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::fixture::{APP, Server, Setup, app, code, event, events, send};

/// Nobody's receipts go on.
#[derive(Debug)]
struct NoReceipts;

impl ReceiptTargets for NoReceipts {
    fn targets(&self) -> BTreeMap<(AppId, Channel), Target> {
        BTreeMap::new()
    }
}

/// Far beyond what the test needs; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver that gives each call the next of these statuses, and closes its connection.
async fn receiver(statuses: Vec<u16>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for status in statuses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut call = Vec::new();
            while !call.ends_with(b"]}") {
                assert_ne!(stream.read_buf(&mut call).await.unwrap(), 0);
            }
            let answer =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

async fn until(relays: &Relays, condition: impl Fn(&RelayReport) -> bool) {
    let counters = relays.counters();
    let wait = async {
        while !counters.report().iter().any(&condition) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the condition never held");
}

async fn metrics(server: &Server) -> String {
    let request = http::Request::get("/metrics").header("host", "x");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let (status, page) = send(server.operator, request).await;
    assert_eq!(status, 200);
    page.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_what_became_of_relayed_calls() {
    let refusals = 10;
    let mut statuses = vec![503, 200];
    statuses.extend(vec![400; refusals]);
    let mut relaying = app();
    relaying.relay_to = Some(format!("http://{}/hook", receiver(statuses).await));
    let mut engine = memory::engine();
    let queue = Doorbell::new(engine.relays.clone());
    engine.relays = queue.clone();
    let settings = Settings {
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(1),
        refusals_max: refusals as u32,
        targets: pushtally_webhook::Targets::anywhere(),
        ..Settings::default()
    };
    let directory = Arc::new(Directory::new([relaying.clone()]));
    let relays = Relays::start(
        directory,
        Arc::new(NoReceipts),
        queue,
        Arc::new(FixedEntropy(0x80)),
        settings,
    )
    .unwrap();
    let server = Server::start(Setup {
        apps: vec![relaying],
        engine,
        relayed: relays.counters(),
        ..Setup::default()
    })
    .await;
    let check = async |expected: [(&str, &str); 4]| {
        let page = metrics(&server).await;
        for (metric, value) in expected {
            let line = format!("pushtally_relay_{metric} {value}");
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    };

    let body = events(&[event("t1", "a", 1, 0)]);
    assert_eq!(code(&server.import(&body).await), 0);
    until(&relays, |report| report.passed_on == 1).await;
    check([
        (r#"calls_total{app="1400000000",result="passed_on"}"#, "1"),
        (r#"calls_total{app="1400000000",result="dropped"}"#, "0"),
        (r#"failed_tries_total{app="1400000000"}"#, "1"),
        (r#"failing{app="1400000000"}"#, "0"),
    ])
    .await;

    assert_eq!(code(&server.import(&body).await), 0);
    until(&relays, |report| report.dropped == 1).await;
    check([
        (r#"calls_total{app="1400000000",result="passed_on"}"#, "1"),
        (r#"calls_total{app="1400000000",result="dropped"}"#, "1"),
        (r#"failed_tries_total{app="1400000000"}"#, "11"),
        (r#"failing{app="1400000000"}"#, "1"),
    ])
    .await;

    assert_eq!(
        server
            .engine
            .relays
            .backlog(APP.into())
            .await
            .unwrap()
            .calls,
        0
    );
    relays.stop().await;
    server.stop().await;
}
