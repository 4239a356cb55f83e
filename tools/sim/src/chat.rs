//! The statistics of a Tencent Cloud Chat app as a simulator: `all_member_push_statistics`, as its documentation says, with
//! the checks, the limits, and bad days.
//!
//! What it counts is given to it, row by row. Used by the tests of what asks for it.

mod judge;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::tls;
use judge::Asked;

/// Counts of a task at a second, on a route and platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRow {
    /// The TaskID.
    pub task: String,
    /// The Unix second at which they are counted.
    pub at: i64,
    /// `EventType`.
    pub event_type: u64,
    /// `PushPlatform`.
    pub platform: u64,
    /// `TotalCount`, `SentCount`, `DeliveredCount`, `ClickCount`.
    pub counts: [u64; 4],
}

/// What a call meets instead of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadDay {
    /// This `ErrorCode`.
    Code(u32),
    /// This HTTP status, with a page for people.
    Status(u16),
    /// No answer at all, while the caller waits.
    Hang,
    /// Status 200 with this body.
    Body(String),
    /// The connection ends.
    Cut,
}

/// The app, and how it is today.
#[derive(Debug, Clone)]
pub struct ChatSettings {
    /// The SDKAppID.
    pub sdkappid: u32,
    /// Its key.
    pub key: String,
    /// Whether it speaks TLS: see [`Chat::authority`].
    pub tls: bool,
    /// Who may call.
    pub administrators: Vec<String>,
    /// Calls that come closer together are answered 60007: documented as 1 s.
    pub gap: Duration,
    /// What it counts.
    pub rows: Vec<ChatRow>,
    /// What the first calls meet, one each; `None` is their answer.
    pub bad_days: VecDeque<Option<BadDay>>,
}

impl ChatSettings {
    /// An app with the documented administrator and limit, and no counts.
    #[must_use]
    pub fn new(sdkappid: u32, key: &str) -> Self {
        Self {
            sdkappid,
            key: key.to_owned(),
            tls: false,
            administrators: vec!["administrator".to_owned()],
            gap: Duration::from_secs(1),
            rows: Vec::new(),
            bad_days: VecDeque::new(),
        }
    }
}

/// A call that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatCall {
    /// Method and path.
    pub line: String,
    /// The TaskIDs that it named.
    pub tasks: Vec<String>,
    /// The `ErrorCode` of its answer; `None` when a bad day left none.
    pub code: Option<u32>,
}

#[derive(Debug)]
struct Shared {
    settings: Mutex<ChatSettings>,
    last: Mutex<Option<Instant>>,
    calls: Mutex<Vec<ChatCall>>,
}

/// A running app. It ends when dropped.
#[derive(Debug)]
pub struct Chat {
    address: SocketAddr,
    authority: Option<String>,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Chat {
    /// Starts on a free port of loopback. Must be called within a runtime.
    pub async fn start(settings: ChatSettings) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (tls, authority) = match settings.tls {
            true => tls::acceptor().map(|(acceptor, pem)| (Some(acceptor), Some(pem)))?,
            false => (None, None),
        };
        let shared = Arc::new(Shared {
            settings: Mutex::new(settings),
            last: Mutex::default(),
            calls: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, tls, Arc::clone(&shared)));
        Ok(Self {
            address,
            authority,
            shared,
            _tasks: tasks,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        match self.authority {
            Some(_) => format!("https://{}:{}", tls::NAME, self.address.port()),
            None => format!("http://{}", self.address),
        }
    }

    /// The certificate of the authority that its own is of, in PEM, if it speaks TLS.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<ChatCall> {
        self.shared.calls.lock().clone()
    }

    /// Changes the app from now on.
    pub fn change(&self, change: impl FnOnce(&mut ChatSettings)) {
        change(&mut self.shared.settings.lock());
    }
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, shared).await;
                    }
                }
                None => serve(stream, shared).await,
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    // A caller that goes away is none of ours.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// That nothing is answered.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
struct Cut;

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let line = format!("{} {}", parts.method, parts.uri.path());
    let asked = Asked {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        body: &body,
    };
    let (bad, judged) = {
        let mut settings = shared.settings.lock();
        let bad = settings.bad_days.pop_front().flatten();
        let now_s = now_s();
        (
            bad,
            judge::judge(&settings, &asked, shared.too_fast(settings.gap), now_s),
        )
    };
    let note = |code| {
        let tasks = asked.tasks();
        shared.calls.lock().push(ChatCall { line, tasks, code });
    };
    let (status, body) = match bad {
        None => {
            note(Some(judged.code));
            (200, judged.body)
        }
        Some(BadDay::Code(code)) => {
            note(Some(code));
            (200, judge::failure(code, "a bad day"))
        }
        Some(BadDay::Status(status)) => {
            note(None);
            (status, "<html>bad gateway</html>".to_owned())
        }
        Some(BadDay::Body(body)) => {
            note(None);
            (200, body)
        }
        Some(BadDay::Hang) => {
            note(None);
            std::future::pending::<Infallible>().await;
            return Err(Cut);
        }
        Some(BadDay::Cut) => {
            note(None);
            return Err(Cut);
        }
    };
    let response = Response::builder().status(status);
    response.body(Full::new(Bytes::from(body))).map_err(|_| Cut)
}

impl Shared {
    /// Whether a call that comes now comes too soon. It counts either way.
    fn too_fast(&self, gap: Duration) -> bool {
        let now = Instant::now();
        let last = self.last.lock().replace(now);
        last.is_some_and(|last| now.duration_since(last) < gap)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a simulator has a clock of its own"
)]
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
