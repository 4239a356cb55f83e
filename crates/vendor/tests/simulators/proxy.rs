//! Calls that go through a proxy: all of them, with the vendor's name as it is, and nothing lost when it fails.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use pushtally_channel::Outcome;
use pushtally_model::Channel;
use pushtally_vendor::Proxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::bench::Bench;

const USER: &str = "us3r";
const PASSWORD: &str = "p@ss:w0rd";
/// The same as a URL has it.
const PASSWORD_IN_URL: &str = "p%40ss%3Aw0rd";
/// A name that only the proxy knows. The port behind it is the one of loopback.
const NAME: &str = "vendor.invalid";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Connect,
    Socks5,
}

/// A proxy that asks for a login. It ends when dropped.
#[derive(Debug)]
struct TestProxy {
    protocol: Protocol,
    address: SocketAddr,
    /// Whom it was asked for, and what it answered: whether the login was good.
    asked: Arc<Mutex<Vec<(String, bool)>>>,
    tasks: JoinSet<()>,
}

impl TestProxy {
    async fn start(protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let log = Arc::clone(&asked);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let log = Arc::clone(&log);
                connections.spawn(async move {
                    let passed = match protocol {
                        Protocol::Connect => connect(stream, &log).await,
                        Protocol::Socks5 => socks5(stream, &log).await,
                    };
                    if let Some((mut from, mut to)) = passed {
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
        Self {
            protocol,
            address,
            asked,
            tasks,
        }
    }

    fn proxy(&self, password: &str) -> Proxy {
        let scheme = match self.protocol {
            Protocol::Connect => "http",
            Protocol::Socks5 => "socks5",
        };
        let url = format!("{scheme}://{USER}:{password}@{}", self.address);
        Proxy::parse(&url).unwrap()
    }

    /// Whom it was asked for since the last look.
    fn take_asked(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut *self.asked.lock())
    }

    async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

async fn dial(host: &str, port: &str) -> TcpStream {
    assert!(["localhost", NAME].contains(&host), "{host}");
    TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap()))
        .await
        .unwrap()
}

async fn connect(
    mut stream: TcpStream,
    asked: &Mutex<Vec<(String, bool)>>,
) -> Option<(TcpStream, TcpStream)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut words = head.split(' ');
    assert_eq!(words.next(), Some("CONNECT"));
    let to = words.next().unwrap().to_owned();
    let login = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let is_good = head.contains(&format!("\r\nProxy-Authorization: Basic {login}\r\n"));
    asked.lock().push((to.clone(), is_good));
    if !is_good {
        let refusal =
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
        stream.write_all(refusal).await.ok()?;
        return None;
    }
    let (host, port) = to.rsplit_once(':').unwrap();
    let vendor = dial(host, port).await;
    let granted = b"HTTP/1.1 200 Connection established\r\n\r\n";
    stream.write_all(granted).await.ok()?;
    Some((stream, vendor))
}

/// RFC 1928 and 1929, as far as a login and a name go.
async fn socks5(
    mut stream: TcpStream,
    asked: &Mutex<Vec<(String, bool)>>,
) -> Option<(TcpStream, TcpStream)> {
    assert_eq!(stream.read_u8().await.ok()?, 5);
    let methods = text(&mut stream).await?;
    assert!(methods.as_bytes().contains(&2), "a login is offered");
    stream.write_all(&[5, 2]).await.ok()?;
    assert_eq!(stream.read_u8().await.ok()?, 1);
    let login = (text(&mut stream).await?, text(&mut stream).await?);
    let is_good = login == (USER.to_owned(), PASSWORD.to_owned());
    stream.write_all(&[1, u8::from(!is_good)]).await.ok()?;
    if !is_good {
        asked.lock().push((String::new(), false));
        return None;
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.ok()?;
    assert_eq!(request, [5, 1, 0, 3], "to connect, and to a name");
    let host = text(&mut stream).await?;
    let port = stream.read_u16().await.ok()?.to_string();
    asked.lock().push((format!("{host}:{port}"), true));
    let vendor = dial(&host, &port).await;
    let granted = [5, 0, 0, 1, 127, 0, 0, 1, 0, 0];
    stream.write_all(&granted).await.ok()?;
    Some((stream, vendor))
}

/// A text with its length in the byte before it.
async fn text(stream: &mut TcpStream) -> Option<String> {
    let len = stream.read_u8().await.ok()?;
    let mut bytes = vec![0; len.into()];
    stream.read_exact(&mut bytes).await.ok()?;
    String::from_utf8(bytes).ok()
}

fn is_unavailable(outcomes: &[Outcome]) -> bool {
    let mut outcomes = outcomes.iter();
    outcomes.all(|outcome| matches!(outcome, Outcome::Unavailable { .. }))
}

const PROTOCOLS: [Protocol; 2] = [Protocol::Connect, Protocol::Socks5];

#[tokio::test]
async fn all_calls_go_through_it_and_tls_ends_at_the_vendor() {
    // HTTP/2 alone; HTTP/1.1 or 2 with OAuth before it; neither.
    for (channel, requests) in [(Channel::Apns, 1), (Channel::Fcm, 2), (Channel::Xiaomi, 1)] {
        for protocol in PROTOCOLS {
            let proxy = TestProxy::start(protocol).await;
            let bench = Bench::behind(proxy.proxy(PASSWORD_IN_URL), channel, true, |_| {}).await;
            let outcomes = bench.send("t1", &["one"]).await;
            assert_eq!(outcomes, [Outcome::Accepted], "{channel:?} {protocol:?}");
            assert_eq!(bench.service.counts().requests, requests);
            let vendor = bench.service.url().replace("https://", "");
            let asked = proxy.take_asked();
            assert!(!asked.is_empty(), "{channel:?} {protocol:?}");
            for asked in asked {
                assert_eq!(asked, (vendor.clone(), true), "{channel:?} {protocol:?}");
            }
        }
    }
}

/// Of calls and of sign-ins: neither could find the vendor without it.
#[tokio::test]
async fn names_are_resolved_by_it() {
    for protocol in PROTOCOLS {
        let proxy = TestProxy::start(protocol).await;
        let rename = |credentials: &mut serde_json::Value| {
            for name in ["token_uri", "base_url"] {
                let url = credentials[name].as_str().unwrap();
                credentials[name] = url.replace("localhost", NAME).into();
            }
        };
        let through = proxy.proxy(PASSWORD_IN_URL);
        let bench = Bench::behind(through, Channel::Huawei, false, rename).await;
        let outcomes = bench.send("t1", &["one", "two"]).await;
        assert_eq!(outcomes, vec![Outcome::Accepted; 2], "{protocol:?}");
        assert_eq!(bench.take_calls().len(), 2, "{protocol:?}");
        for (to, _) in proxy.take_asked() {
            assert!(to.starts_with(NAME), "{protocol:?}: {to}");
        }
    }
}

#[tokio::test]
async fn a_login_that_it_refuses_and_one_that_is_down_lose_nothing() {
    for channel in [Channel::Apns, Channel::Huawei] {
        for protocol in PROTOCOLS {
            let mut proxy = TestProxy::start(protocol).await;
            let bench = Bench::behind(proxy.proxy("wrong"), channel, false, |_| {}).await;
            let outcomes = bench.send("t1", &["one", "gone-1"]).await;
            assert!(is_unavailable(&outcomes), "{channel:?}: {outcomes:?}");
            let asked = proxy.take_asked();
            assert!(!asked.is_empty(), "{channel:?} {protocol:?}");
            assert!(asked.iter().all(|(_, is_good)| !is_good), "{asked:?}");

            let bench = Bench::behind(proxy.proxy(PASSWORD_IN_URL), channel, false, |_| {}).await;
            proxy.stop().await;
            let outcomes = bench.send("t1", &["one", "gone-1"]).await;
            assert!(is_unavailable(&outcomes), "{channel:?}: {outcomes:?}");
            assert_eq!(bench.service.counts().requests, 0, "nothing goes around it");
        }
    }
}
