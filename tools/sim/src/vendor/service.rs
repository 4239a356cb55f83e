//! A vendor's service on a socket of its own: TLS if wished, HTTP/1.1 and HTTP/2, receipts some time later.

mod report;
mod tally;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::streams::{self, Script, relay};
use super::{Answered, Counter, Received, Taken};
use crate::tls;
use tally::Tally;

pub use tally::MessageCounts;

/// Bytes that a connection holds between its frames and the server.
const RELAYED_LEN_MAX: usize = 64 * 1024;

/// What the phones behind a vendor do, how it reports that, and how it bears what it is asked.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
    /// Whether it speaks TLS, with a certificate of its own: see [`Service::certificate`].
    pub tls: bool,
    /// How long after it was taken a push arrives and is reported.
    pub delay: Duration,
    /// Of so many that arrived one is clicked; 0 is none.
    pub click_one_in: u64,
    /// Of so many receipts one is sent twice; 0 is none.
    pub repeat_one_in: u64,
    /// Of so many things to report one never is; 0 is none.
    pub lose_one_in: u64,
    /// Whether what happened last is reported first.
    pub reorder: bool,
    /// Pushes that are reported together, at most; 1 merges nothing.
    pub merge_max: usize,
    /// How long each answer takes.
    pub answer_after: Duration,
    /// Pushes that it takes a second, by answering as late as that needs; 0 is no limit.
    pub rate: u32,
    /// Of so many requests one is answered 429; 0 is none.
    pub busy_one_in: u64,
    /// Where the app's console sends receipts that no push names an address for.
    pub receipts_url: String,
    /// Requests at once on a connection of HTTP/2; more are refused. `None` is the library's bound.
    pub streams_max: Option<u32>,
    /// Requests over HTTP/2 that are refused before they are looked at: the first ones of all.
    pub refused_first: u64,
    /// Requests after which a connection of HTTP/2 over TLS is told to go away: what it sends beyond is not looked at. 0 is
    /// never.
    pub goaway_after: u32,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            port: 0,
            tls: false,
            delay: Duration::from_millis(100),
            click_one_in: 10,
            repeat_one_in: 20,
            lose_one_in: 0,
            reorder: false,
            merge_max: 1_000,
            answer_after: Duration::ZERO,
            rate: 0,
            busy_one_in: 0,
            receipts_url: String::new(),
            streams_max: None,
            refused_first: 0,
            goaway_after: 0,
        }
    }
}

/// What a vendor's service saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    /// Requests, whatever they were answered.
    pub requests: u64,
    /// Pushes that were taken.
    pub taken: u64,
    /// Pushes taken again for the same token that show nothing new by the vendor's rules: see [`Taken::collapse`].
    pub repeats: u64,
    /// Pushes that arrived and were reported so, each once.
    pub delivered: u64,
    /// Pushes that were clicked and reported so, each once.
    pub clicked: u64,
    /// What happened and was not reported, as the settings say.
    pub lost_receipts: u64,
    /// Receipts whose receiver did not answer 200.
    pub refused_receipts: u64,
    /// Connections.
    pub connections: u64,
    /// The most requests at once on one connection.
    pub at_once: u64,
    /// Requests that were refused before they were looked at.
    pub refused: u64,
    /// Requests that came after the last one that was looked at.
    pub unseen: u64,
}

#[derive(Debug)]
struct Shared {
    counter: Arc<dyn Counter>,
    settings: ServiceSettings,
    down: AtomicBool,
    requests: AtomicU64,
    refused_receipts: AtomicU64,
    connections: AtomicU64,
    at_once: AtomicU64,
    /// Requests that were to be looked at, while the first ones are refused.
    refusals: AtomicU64,
    streams: streams::Tally,
    tally: Mutex<Tally>,
    /// When the next push may be taken at the rate that is set.
    next_at: Mutex<Instant>,
    to_report: mpsc::UnboundedSender<report::Arriving>,
}

/// A running service. It ends when dropped.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    certificate: Option<String>,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Service {
    /// Starts on a port of loopback. Must be called within a runtime.
    pub async fn start(
        counter: Arc<dyn Counter>,
        settings: ServiceSettings,
    ) -> std::io::Result<Self> {
        Self::start_with(settings, |_| Ok(counter)).await
    }

    /// The same, with a counter that knows its base URL.
    pub async fn start_with(
        settings: ServiceSettings,
        counter: impl FnOnce(&str) -> std::io::Result<Arc<dyn Counter>>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let (tls, certificate) = match settings.tls {
            true => tls::acceptor().map(|(acceptor, pem)| (Some(acceptor), Some(pem)))?,
            false => (None, None),
        };
        let counter = counter(&url(address, settings.tls))?;
        let (to_report, reported) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            counter,
            settings,
            down: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            refused_receipts: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            at_once: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            streams: streams::Tally::default(),
            tally: Mutex::default(),
            next_at: Mutex::new(Instant::now()),
            to_report,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, tls, Arc::clone(&shared)));
        tasks.spawn(report::run(reported, Arc::clone(&shared)));
        Ok(Self {
            address,
            certificate,
            shared,
            _tasks: tasks,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address, self.certificate.is_some())
    }

    /// Its certificate in PEM, if it speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// From now on every request is answered 503, or as before.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::Release);
    }

    /// Makes every access that it gave expire.
    pub fn expire(&self) {
        self.shared.counter.expire();
    }

    /// What it saw so far.
    #[must_use]
    pub fn counts(&self) -> ServiceCounts {
        let shared = &self.shared;
        ServiceCounts {
            requests: shared.requests.load(Ordering::Acquire),
            refused_receipts: shared.refused_receipts.load(Ordering::Acquire),
            connections: shared.connections.load(Ordering::Acquire),
            at_once: shared.at_once.load(Ordering::Acquire),
            refused: shared.streams.refused.load(Ordering::Acquire),
            unseen: shared.streams.unseen.load(Ordering::Acquire),
            ..shared.tally.lock().counts()
        }
    }

    /// What it saw of each message, by title. Titles beyond the first 10,000 are counted together under an empty one.
    #[must_use]
    pub fn messages(&self) -> BTreeMap<String, MessageCounts> {
        self.shared.tally.lock().messages().clone()
    }
}

fn url(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    // The certificate names the host, which an address would not be.
    format!("{scheme}://{}:{}", tls::NAME, address.port())
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve_tls(stream, shared).await;
                    }
                }
                None => {
                    let trusted = watch::Sender::new(shared.counter.trusts(None));
                    serve(stream, shared, trusted).await;
                }
            }
        });
    }
}

/// The same, with what is done to connections of HTTP/2.
async fn serve_tls(stream: TlsStream<TcpStream>, shared: Arc<Shared>) {
    let trusted = watch::Sender::new(shared.counter.trusts(None));
    let script = Script {
        one_first: !*trusted.borrow(),
        goaway_after: shared.settings.goaway_after,
    };
    let is_scripted = script.one_first || script.goaway_after > 0;
    if !is_scripted || stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return serve(stream, shared, trusted).await;
    }
    let (ours, theirs) = tokio::io::duplex(RELAYED_LEN_MAX);
    let (relayed, raised) = (Arc::clone(&shared), trusted.subscribe());
    tokio::join!(
        serve(theirs, shared, trusted),
        relay(stream, ours, script, &relayed.streams, raised)
    );
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
    trusted: watch::Sender<bool>,
) {
    shared.connections.fetch_add(1, Ordering::AcqRel);
    let mut server = Builder::new(TokioExecutor::new());
    if let Some(streams_max) = shared.settings.streams_max {
        server.http2().max_concurrent_streams(streams_max);
    }
    let (under_way, trusted) = (Arc::new(AtomicU64::new(0)), Arc::new(trusted));
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, trusted) = (Arc::clone(&shared), Arc::clone(&trusted));
        let under_way = UnderWay::enter(&under_way);
        async move {
            let is_beyond = under_way.at_once > 1 && !*trusted.borrow();
            if request.version() == Version::HTTP_2 && (is_beyond || shared.refuses()) {
                // What the library finds in an error is what it resets the stream with.
                return Err(h2::Error::from(h2::Reason::REFUSED_STREAM));
            }
            shared
                .at_once
                .fetch_max(under_way.at_once, Ordering::AcqRel);
            let answer = answer(&shared, request, &trusted).await;
            drop(under_way);
            Ok(answer)
        }
    });
    // A caller that goes away is none of ours.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// A request of a connection, until it is answered or cut off.
struct UnderWay {
    all: Arc<AtomicU64>,
    /// How many there were with it.
    at_once: u64,
}

impl UnderWay {
    fn enter(all: &Arc<AtomicU64>) -> Self {
        Self {
            all: Arc::clone(all),
            at_once: all.fetch_add(1, Ordering::AcqRel) + 1,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
    trusted: &watch::Sender<bool>,
) -> Response<Full<Bytes>> {
    let number = shared.requests.fetch_add(1, Ordering::AcqRel) + 1;
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let received = Received {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: body.unwrap_or_default().into(),
        http: if parts.version == Version::HTTP_2 {
            2
        } else {
            1
        },
        now_ms: now_ms(),
    };
    if !shared.settings.answer_after.is_zero() {
        tokio::time::sleep(shared.settings.answer_after).await;
    }
    let answered = if shared.down.load(Ordering::Acquire) {
        Answered::empty(503)
    } else if is_one_in(shared.settings.busy_one_in, number) {
        Answered::empty(429)
    } else {
        let (answered, taken) = shared.counter.answer(&received);
        let until = shared.pace(taken.len());
        shared.take(taken);
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
        if !*trusted.borrow() && shared.counter.trusts(Some(&received)) {
            trusted.send_replace(true);
        }
        answered
    };
    let mut response = Response::builder().status(answered.status);
    for (name, value) in answered.headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(answered.body));
    response
        .body(body)
        .unwrap_or_else(|_| Response::new(Full::new(Bytes::new())))
}

impl Shared {
    /// Whether this is one of the requests that are refused whatever they are.
    fn refuses(&self) -> bool {
        let first = self.settings.refused_first;
        first > 0 && self.refusals.fetch_add(1, Ordering::AcqRel) < first
    }

    /// Counts what was taken. A phone that has it shows it once and is reported once.
    fn take(&self, taken: Vec<Taken>) {
        if taken.is_empty() {
            return;
        }
        let (at, now_us) = (Instant::now(), now_us());
        let mut tally = self.tally.lock();
        for taken in taken {
            let is_first = tally.take(&taken, now_us);
            let urls = [&self.settings.receipts_url, &taken.receipts_url];
            if is_first && urls.iter().any(|url| !url.is_empty()) {
                let _ = self.to_report.send(report::Arriving { at, taken });
            }
        }
    }

    /// Until when an answer that takes so many pushes is held back, to keep the rate.
    fn pace(&self, taken: usize) -> Option<Instant> {
        let rate = self.settings.rate;
        if rate == 0 || taken == 0 {
            return None;
        }
        let time = Duration::from_secs_f64(taken as f64 / f64::from(rate));
        let mut next_at = self.next_at.lock();
        *next_at = (*next_at).max(Instant::now()) + time;
        Some(*next_at)
    }
}

/// Whether the `number`-th, counted from 1, is the one of so many; none is of 0.
fn is_one_in(one_in: u64, number: u64) -> bool {
    one_in > 0 && number.is_multiple_of(one_in)
}

fn now_ms() -> i64 {
    i64::try_from(now_us() / 1000).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a simulator has a clock of its own"
)]
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}
