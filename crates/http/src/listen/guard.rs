//! Between hyper and the socket: what hyper refuses by itself is answered as promised.
//!
//! Clients are promised HTTP 200 with an envelope, but a request that hyper cannot parse never reaches the router: it
//! writes a bare `HTTP/1.1 4xx` and closes. The guard puts the envelope in its place. It also lingers after the last
//! answer: closing while a client still sends would reset the connection before the client has read the answer.
//!
//! It holds the connection's room. When the connection becomes a socket, room and memory are given back, and the guard
//! only lingers.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use pushtally_wire::{Code, failure};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use crate::limits::{HEAD_LEN_MAX, LINGER_LEN_MAX, LINGER_MAX};

/// Bytes of a request that are remembered, to tell which kind of request was refused. A UserSig that is too long
/// stands this near to the front in any order of the parameters: all others together are shorter.
const START_LEN_MAX: usize = 512;

/// Bytes read at once while lingering.
const SCRAP_LEN: usize = 16 * 1024;

/// How the answer begins that makes a connection a socket.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

/// A connection that hyper reads and writes.
pub(super) struct Guard<I> {
    io: I,
    /// Counts reads and writes that moved bytes.
    moved: Arc<AtomicU64>,
    /// The start of the request that is being read.
    start: Vec<u8>,
    /// Whether an answer was written since, so that the next bytes read begin another request.
    answered: bool,
    /// Whether the peer sends no more.
    ended: bool,
    /// Our answer in the place of hyper's; once there is one, nothing of hyper's is written.
    instead: Option<Bytes>,
    linger: Option<Box<Linger>>,
    /// The connection's room, until it is a socket.
    permit: Option<OwnedSemaphorePermit>,
    /// Whether the connection is a socket: its bytes are no requests and answers.
    is_socket: bool,
}

struct Linger {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<I> Guard<I> {
    pub(super) fn new(io: I, moved: Arc<AtomicU64>, permit: OwnedSemaphorePermit) -> Self {
        Self {
            io,
            moved,
            start: Vec::new(),
            answered: false,
            ended: false,
            instead: None,
            linger: None,
            permit: Some(permit),
            is_socket: false,
        }
    }

    fn note(&mut self, read: &[u8]) {
        self.ended = read.is_empty();
        if self.is_socket {
            return;
        }
        if std::mem::take(&mut self.answered) {
            self.start.clear();
        }
        let room = START_LEN_MAX - self.start.len().min(START_LEN_MAX);
        self.start.extend_from_slice(&read[..read.len().min(room)]);
    }

    /// Whether hyper's write is taken over by an answer of ours.
    fn replaces(&mut self, write: &[u8]) -> bool {
        if self.is_socket {
            return false;
        }
        if write.starts_with(SWITCHING) {
            self.is_socket = true;
            self.permit = None;
            self.start = Vec::new();
        }
        if self.instead.is_none()
            && let Some(status) = bare_refusal(write)
        {
            self.instead = Some(envelope(status, &self.start));
        }
        self.instead.is_some()
    }

    fn wrote(&mut self, written: usize) {
        self.answered = true;
        if written > 0 {
            self.moved.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The status of a refusal that hyper wrote by itself: those, and only those, have no body.
fn bare_refusal(write: &[u8]) -> Option<u16> {
    let rest = write
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| write.strip_prefix(b"HTTP/1.0 "))?;
    let digits = rest.first_chunk::<3>().filter(|digits| digits[0] == b'4')?;
    let bare = rest.ends_with(b"\r\n\r\n") && contains(rest, b"content-length: 0\r\n");
    bare.then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

fn envelope(status: u16, start: &[u8]) -> Bytes {
    let too_long = matches!(status, 414 | 431);
    let (code, info) = if too_long && contains(start, b"usersig=") {
        (
            Code::UserSigIllegal,
            format!("usersig cannot be read: the URL is longer than `{HEAD_LEN_MAX}` bytes"),
        )
    } else if too_long {
        (
            Code::HttpParse,
            format!("URL and headers are longer than `{HEAD_LEN_MAX}` bytes"),
        )
    } else {
        (Code::HttpParse, "request is not HTTP/1.1".to_owned())
    };
    let body = failure(code, &info);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat().into()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl<I: AsyncRead + AsyncWrite + Unpin> Guard<I> {
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(instead) = self
            .instead
            .as_mut()
            .filter(|instead| instead.has_remaining())
        {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            instead.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and drops what still arrives, until the peer ends or a bound is reached.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended {
            return Poll::Ready(());
        }
        let linger = self.linger.get_or_insert_with(|| {
            Box::new(Linger {
                until: Box::pin(tokio::time::sleep_until(Instant::now() + LINGER_MAX)),
                left: LINGER_LEN_MAX,
            })
        });
        let mut scrap = [0; SCRAP_LEN];
        while linger.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scrap);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer));
            let len = buffer.filled().len();
            linger.left = linger.left.saturating_sub(len);
            if read.is_err() || len == 0 || linger.left == 0 {
                break;
            }
        }
        self.ended = true;
        Poll::Ready(())
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Guard<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        this.note(&buffer.filled()[before..]);
        this.moved.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        write: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.replaces(write) {
            return Poll::Ready(Ok(write.len()));
        }
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, write))?;
        this.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        writes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let first = writes.iter().find(|write| !write.is_empty());
        if first.is_some_and(|write| this.replaces(write)) {
            return Poll::Ready(Ok(writes.iter().map(|write| write.len()).sum()));
        }
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, writes))?;
        this.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(self.poll_instead(cx))?;
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        }
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
