//! The HTTP client of one account: calls, and whether a call that failed may have been heard.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderName, Method, Request, Version};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pushtally_dial::{Targets, trusting};
use rustls::pki_types::CertificateDer;

use bytes::Bytes;

use crate::contract::{Call, Reply};
use crate::proxy::{Proxy, Way, way};

/// The most of a reply that is read: a thousand targets, each refused with a text.
const REPLY_LEN_MAX: usize = 2 << 20;
/// Connections that nobody uses are closed after so long; vendors close them sooner or later.
const IDLE_MAX: Duration = Duration::from_secs(55);

/// Connections of HTTP/2 to a vendor, at least two: see [`Client`].
const CONNECTIONS: usize = 2;
/// Tries of a call that the vendor has certainly not looked at: each on another connection than the one before.
const UNHEARD_MAX: usize = 4;

/// How an account's vendor is reached.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// A call takes no longer, from the first byte to the last of the reply.
    pub timeout: Duration,
    /// Further authorities that are trusted, beside the usual ones.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether the vendor speaks HTTP/2 only.
    pub http2_only: bool,
    /// What all calls go through, those for access included.
    pub proxy: Option<Proxy>,
    /// Where vendors may be. Through a proxy that is the proxy's to say: it resolves their names.
    pub targets: Targets,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The vendor was not reached: it cannot have heard the call.
    NotSent(String),
    /// It has not looked at the call, and says so.
    Unheard(String),
    /// It may have heard it.
    Unclear(String),
}

impl CallError {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::NotSent(text) | Self::Unheard(text) | Self::Unclear(text) => text,
        }
    }

    pub(crate) fn into_text(self) -> String {
        match self {
            Self::NotSent(text) | Self::Unheard(text) | Self::Unclear(text) => text,
        }
    }
}

/// The client. Its connections are kept and shared.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// A pool has one connection of HTTP/2 to a vendor, which one processor drives; calls take turns, and what one connection has
    /// refused goes to the next.
    pools: [Pool<HttpsConnector<Way>, Full<Bytes>>; CONNECTIONS],
    turn: Arc<AtomicUsize>,
    timeout: Duration,
}

impl Client {
    pub(crate) fn new(settings: &ClientSettings) -> Result<Self, rustls::Error> {
        let way = way(settings.proxy.as_ref(), &settings.targets);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusting(&settings.authorities)?)
            .https_or_http();
        let connector = if settings.http2_only {
            connector.enable_http2().wrap_connector(way)
        } else {
            connector.enable_all_versions().wrap_connector(way)
        };
        let mut pools = Pool::builder(TokioExecutor::new());
        pools
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .http2_only(settings.http2_only)
            .http2_adaptive_window(true)
            // Until the vendor has said its limit: Apple's is one stream until a JWT was good.
            .http2_initial_max_send_streams(1);
        Ok(Self {
            pools: std::array::from_fn(|_| pools.build(connector.clone())),
            turn: Arc::default(),
            timeout: settings.timeout,
        })
    }

    /// Calls, once: again only while the vendor says that it has not looked at it.
    pub(crate) async fn call(&self, mut call: Call) -> Result<Reply, CallError> {
        let body = Bytes::from(std::mem::take(&mut call.body));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let pools = self.pools.iter().cycle().skip(turn);
        let exchange = async {
            let mut error = None;
            for (_, pool) in (0..UNHEARD_MAX).zip(pools) {
                match exchange(pool, request(&call, body.clone())?).await {
                    Err(unheard @ CallError::Unheard(_)) => error = Some(unheard),
                    ended => return ended,
                }
            }
            Err(error.unwrap_or_else(|| CallError::NotSent("it was not tried".to_owned())))
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(CallError::Unclear(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }
}

/// A call as it goes out.
fn request(call: &Call, body: Bytes) -> Result<Request<Full<Bytes>>, CallError> {
    let mut request = Request::builder().method(Method::POST).uri(&call.url);
    for (name, value) in &call.headers {
        request = request.header(HeaderName::from_static(name), value.expose());
    }
    let request = request.version(Version::HTTP_11).body(Full::new(body));
    request.map_err(|error| CallError::NotSent(error.to_string()))
}

async fn exchange(
    pool: &Pool<HttpsConnector<Way>, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Reply, CallError> {
    let response = pool.request(request).await.map_err(|error| {
        let text = reason(&error);
        if error.is_connect() {
            CallError::NotSent(text)
        } else if is_unheard(&error) {
            CallError::Unheard(text)
        } else {
            CallError::Unclear(text)
        }
    })?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, REPLY_LEN_MAX).collect().await;
    let body = body.map_err(|error| CallError::Unclear(error.to_string()))?;
    Ok(Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.to_bytes(),
    })
}

/// Whether the vendor says that it has not looked at the call (RFC 9113, 8.7): its stream was refused, or is beyond the last
/// one before the vendor goes away.
fn is_unheard(error: &PoolError) -> bool {
    let mut sources = std::iter::successors(error.source(), |error| (*error).source());
    let error = sources.find_map(<dyn std::error::Error>::downcast_ref::<h2::Error>);
    error.is_some_and(|error| {
        let refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (error.is_go_away() || (error.is_reset() && refused))
    })
}

/// The innermost cause: the layers above it only say that something failed.
fn reason(error: &PoolError) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    match error.source() {
        Some(_) => format!("{error}: {inner}"),
        None => error.to_string(),
    }
}
