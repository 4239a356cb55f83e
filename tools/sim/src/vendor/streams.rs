//! What a vendor does to a connection of HTTP/2 beside answering: it says its limits late, and tells the other side to go
//! away.
//!
//! It stands between the socket and the server and looks at frames (RFC 9113), because the server's library is too polite:
//! it never drops what it has read. The limit itself is the library's.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::body::Bytes;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadHalf,
    WriteHalf, split,
};
use tokio::sync::watch;

/// What a client begins with.
const PREFACE_LEN: usize = 24;
const HEADER_LEN: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];

/// What is done to a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Script {
    /// Nothing is said before more requests than these have come.
    pub(super) silent_until: u32,
    /// After so many requests it is told to go away, and what it has sent beyond is not looked at; 0 is never.
    pub(super) goaway_after: u32,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests that were refused for being too many at once.
    pub(super) refused: AtomicU64,
    /// Requests that came after the last one that was looked at.
    pub(super) unseen: AtomicU64,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    requests: u32,
    /// The last stream that is looked at, once it is told to go away.
    last: Option<u32>,
}

/// Passes frames between a client and a server until one of them ends.
pub(super) async fn relay(
    client: impl AsyncRead + AsyncWrite + Send,
    server: DuplexStream,
    script: Script,
    tally: &Tally,
) {
    let (client_in, client_out) = split(client);
    let (server_in, server_out) = split(server);
    let (state, seen) = watch::channel(State::default());
    // Either end is the end: a client that goes away is none of ours.
    tokio::select! {
        _ = requests(client_in, server_out, script, tally, &state) => {}
        _ = answers(server_in, client_out, script, tally, seen) => {}
    }
}

async fn requests(
    client: ReadHalf<impl AsyncRead>,
    mut server: WriteHalf<DuplexStream>,
    script: Script,
    tally: &Tally,
    state: &watch::Sender<State>,
) -> io::Result<()> {
    let mut client = Frames::new(client);
    server.write_all(&client.take(PREFACE_LEN).await?).await?;
    let mut newest = 0;
    loop {
        let frame = client.next().await?;
        let is_new = frame.kind() == HEADERS && frame.stream() > newest;
        if is_new {
            state.send_modify(|state| {
                state.requests += 1;
                if script.goaway_after > 0 && state.requests > script.goaway_after {
                    state.last.get_or_insert(newest);
                }
            });
            newest = frame.stream();
        }
        if state
            .borrow()
            .last
            .is_some_and(|last| frame.stream() > last)
        {
            tally.unseen.fetch_add(is_new.into(), Ordering::AcqRel);
        } else {
            server.write_all(&frame.0).await?;
        }
    }
}

async fn answers(
    server: ReadHalf<DuplexStream>,
    mut client: WriteHalf<impl AsyncWrite>,
    script: Script,
    tally: &Tally,
    mut seen: watch::Receiver<State>,
) -> io::Result<()> {
    let mut server = Frames::new(server);
    if script.silent_until > 0 {
        let enough = seen.wait_for(|state| state.requests > script.silent_until);
        drop(enough.await.map_err(io::Error::other)?);
    }
    let (mut ended, mut is_told) = (0, false);
    loop {
        tokio::select! {
            frame = server.next() => {
                let frame = frame?;
                let refused = frame.kind() == RST_STREAM && frame.payload() == REFUSED_STREAM;
                tally.refused.fetch_add(refused.into(), Ordering::AcqRel);
                ended += u32::from(frame.ends_stream());
                client.write_all(&frame.0).await?;
            }
            last = last_seen(&mut seen), if !is_told => {
                is_told = true;
                client.write_all(&goaway(last?)).await?;
            }
        }
        client.flush().await?;
        if is_told && ended >= script.goaway_after {
            return client.shutdown().await;
        }
    }
}

/// The last stream that is looked at, as soon as there is one.
async fn last_seen(seen: &mut watch::Receiver<State>) -> io::Result<u32> {
    let state = seen.wait_for(|state| state.last.is_some()).await;
    let state = state.map_err(io::Error::other)?;
    Ok(state.last.unwrap_or_default())
}

/// With `NO_ERROR`, as APNs says it when it is maintained.
fn goaway(last: u32) -> Vec<u8> {
    let mut frame = vec![0, 0, 8, GOAWAY, 0, 0, 0, 0, 0];
    frame.extend(last.to_be_bytes());
    frame.extend([0; 4]);
    frame
}

/// A frame, its header included.
struct Frame(Bytes);

impl Frame {
    fn kind(&self) -> u8 {
        self.0.get(3).copied().unwrap_or_default()
    }

    fn stream(&self) -> u32 {
        let id = self.0.get(5..HEADER_LEN).and_then(|id| id.first_chunk());
        id.map_or(0, |id| u32::from_be_bytes(*id) & 0x7FFF_FFFF)
    }

    fn payload(&self) -> &[u8] {
        self.0.get(HEADER_LEN..).unwrap_or_default()
    }

    fn ends_stream(&self) -> bool {
        let flags = self.0.get(4).copied().unwrap_or_default();
        match self.kind() {
            DATA | HEADERS => flags & END_STREAM != 0,
            RST_STREAM => true,
            _ => false,
        }
    }
}

/// Reads frames. Whoever stops waiting for one loses nothing.
struct Frames<R> {
    reader: R,
    read: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    const fn new(reader: R) -> Self {
        let read = Vec::new();
        Self { reader, read }
    }

    async fn take(&mut self, len: usize) -> io::Result<Bytes> {
        self.fill(len).await?;
        Ok(self.read.drain(..len).collect())
    }

    async fn next(&mut self) -> io::Result<Frame> {
        self.fill(HEADER_LEN).await?;
        let len = self.read.iter().take(3);
        let len = len.fold(0, |len, byte| len << 8 | usize::from(*byte));
        self.take(HEADER_LEN + len).await.map(Frame)
    }

    async fn fill(&mut self, len: usize) -> io::Result<()> {
        while self.read.len() < len {
            if self.reader.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}
