//! Where phones connect to, and what they share: the address, the app, the pool of HTTP connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::calls::Calls;
use crate::error::Error;

/// Source addresses on loopback. The port of a closed connection stays taken for a minute, and an address has 28,000;
/// once half of them are taken, the kernel takes 20 ms to find a free one, so most must stay free however often a crowd
/// comes back.
const SOURCES: u32 = 64;

/// Bounds that phones of one process share.
#[derive(Debug, Clone)]
pub struct Settings {
    /// HTTP connections at once, kept alive.
    pub calls_max: usize,
    /// Sockets being opened at once: a listener's backlog is finite, and what overflows it waits a second for no reason of
    /// the server's.
    pub opening_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calls_max: 64,
            opening_max: 1_024,
        }
    }
}

/// Where phones connect to.
#[derive(Debug)]
pub struct Place {
    /// The public listener.
    pub address: SocketAddr,
    /// The SDKAppID.
    pub app: u32,
    /// The app's client key.
    pub client_key: String,
    /// HTTP calls to it.
    pub calls: Calls,
    opening: Semaphore,
    opened: AtomicU32,
}

impl Place {
    /// A server and an app of it.
    #[must_use]
    pub fn new(address: SocketAddr, app: u32, client_key: &str, settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            address,
            app,
            client_key: client_key.to_owned(),
            calls: Calls::new(address, settings.calls_max),
            opening: Semaphore::new(settings.opening_max),
            opened: AtomicU32::new(0),
        })
    }

    /// Opens a TCP connection for a socket. The permit is held until the server has answered.
    pub(crate) async fn open(
        &self,
        receive_buffer: Option<u32>,
    ) -> Result<(TcpStream, SemaphorePermit<'_>), Error> {
        // Never closed.
        let permit = self.opening.acquire().await.map_err(io::Error::other)?;
        let opened = self.opened.fetch_add(1, Ordering::Relaxed);
        let stream = connect(self.address, source(self.address, opened), receive_buffer).await?;
        Ok((stream, permit))
    }
}

/// From 127.0.0.2 on, never the server's own address: a connection from it to a listener that is gone may meet itself.
fn source(target: SocketAddr, opened: u32) -> Option<IpAddr> {
    let first = u32::from(Ipv4Addr::new(127, 0, 0, 2));
    match target.ip() {
        IpAddr::V4(ip) if ip == Ipv4Addr::LOCALHOST => {
            Some(Ipv4Addr::from(first + opened % SOURCES).into())
        }
        _ => None,
    }
}

/// Connects, from this source address if one is given.
pub(crate) async fn connect(
    target: SocketAddr,
    source: Option<IpAddr>,
    receive_buffer: Option<u32>,
) -> io::Result<TcpStream> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(len) = receive_buffer {
        socket.set_recv_buffer_size(len)?;
    }
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
