//! Accepts connections and serves them, within bounds, until told to stop.
//!
//! HTTP/1.1 with keep-alive and HTTP/2, in plain text (prior knowledge) or over TLS (negotiated). Stopping accepts
//! nothing more, lets what runs finish, and cuts off what has not finished in time. A connection that becomes a socket
//! leaves: its room is free again, and the gateway looks after it.

mod guard;

use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::request::Parts;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use self::guard::Guard;
use crate::Limits;
use crate::limits::{
    ACCEPT_PAUSE, CONNECTION_WINDOW, HEAD_LEN_MAX, RESET_STREAMS_MAX, STREAM_WINDOW, STREAMS_MAX,
};

/// Where a request comes from; among its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

/// Done when the server stops; among a request's extensions. An answer that would go on for ever ends then.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(CancellationToken);

impl Stopping {
    /// That of a request; never done if it came by no listener.
    pub(crate) fn of(parts: &Parts) -> CancellationToken {
        let stopping = parts.extensions.get::<Self>();
        stopping.map_or_else(CancellationToken::new, |Self(token)| token.clone())
    }
}

/// Serves a router on sockets until `shutdown` is done, then for at most `grace` longer. The bound on connections
/// holds for all sockets together. Answers how many connections were cut off.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> usize {
    let room = Arc::new(Semaphore::new(
        limits.connections_max.min(Semaphore::MAX_PERMITS),
    ));
    let stop = CancellationToken::new();
    let server = Arc::new(Server {
        builder: builder(&limits),
        router,
        tls: tls.map(TlsAcceptor::from),
        limits,
        stop: stop.clone(),
    });
    let mut sockets = JoinSet::new();
    for listener in listeners {
        sockets.spawn(accept(
            listener,
            Arc::clone(&server),
            Arc::clone(&room),
            grace,
        ));
    }
    shutdown.await;
    stop.cancel();
    sockets.join_all().await.into_iter().sum()
}

/// What all connections of a listener share.
struct Server {
    builder: auto::Builder<TokioExecutor>,
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    stop: CancellationToken,
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(HEAD_LEN_MAX);
    // No keep-alive pings of ours: their answers would count as movement, and no connection would ever be idle.
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_LEN_MAX as u32)
        .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
        .max_local_error_reset_streams(RESET_STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Accepts on one socket; answers how many connections had to be cut off in the end.
async fn accept(
    listener: TcpListener,
    server: Arc<Server>,
    room: Arc<Semaphore>,
    grace: Duration,
) -> usize {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = server.stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = next(&listener, &room) => match accepted {
                Ok((stream, peer, permit)) => {
                    let server = Arc::clone(&server);
                    connections.spawn(async move { converse(&server, stream, peer, permit).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, drained).await.is_ok() {
        return 0;
    }
    let cut = connections.len();
    tracing::warn!(
        connections = cut,
        "connections were cut off at the end of the grace period"
    );
    connections.shutdown().await;
    cut
}

/// Waits for room before accepting, so that at the bound clients wait in the system's backlog.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let Ok(permit) = Arc::clone(room).acquire_owned().await else {
        // The semaphore is never closed.
        return pending().await;
    };
    let (stream, from) = listener.accept().await?;
    // An IPv4 address is one, also on a socket that takes both kinds.
    Ok((stream, Peer(from.ip().to_canonical()), permit))
}

/// One connection, from the handshake to its end.
async fn converse(server: &Server, stream: TcpStream, peer: Peer, permit: OwnedSemaphorePermit) {
    // Without it small answers may wait for the peer's delayed acknowledgement. A failure only costs time.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &server.tls else {
        return exchange(server, stream, peer, permit).await;
    };
    match tokio::time::timeout(server.limits.handshake, tls.accept(stream)).await {
        Ok(Ok(stream)) => exchange(server, stream, peer, permit).await,
        Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
        Err(_) => tracing::debug!("the TLS handshake took too long"),
    }
}

/// The requests and answers of one connection. When nothing at all moved for an idle period it is asked to end, when
/// nothing moved for another it is dropped. Ends too when the connection becomes a socket.
async fn exchange<I: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    server: &Server,
    io: I,
    peer: Peer,
    permit: OwnedSemaphorePermit,
) {
    let moved = Arc::new(AtomicU64::new(0));
    let io = TokioIo::new(Guard::new(io, Arc::clone(&moved), permit));
    let router = server.router.clone();
    let stopping = Stopping(server.stop.clone());
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(stopping.clone());
        router.clone().call(request.map(Body::new))
    });
    let mut connection = pin!(server.builder.serve_connection_with_upgrades(io, service));
    let mut ending = false;
    let mut seen = None;
    let mut idle = pin!(tokio::time::sleep(server.limits.idle));
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = server.stop.cancelled(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = idle.as_mut() => {
                let now = moved.load(Ordering::Relaxed);
                if seen == Some(now) {
                    if ending {
                        return;
                    }
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                seen = Some(now);
                idle.as_mut().reset(tokio::time::Instant::now() + server.limits.idle);
            }
        }
    }
}
