//! What a vendor does to a connection of HTTP/2 beside answering: it raises its limit of streams, and tells the other side to
//! go away.
//!
//! It stands between the socket and the server and looks at frames (RFC 9113), because the server's library is too polite:
//! it never drops what it has read, and says its limit once. Who keeps to the limit is seen by the server.

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
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
const END_STREAM: u8 = 1;
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];

/// What is done to a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Script {
    /// Whether its limit is one stream until it is raised.
    pub(super) one_first: bool,
    /// After so many requests it is told to go away, and what it has sent beyond is not looked at; 0 is never.
    pub(super) goaway_after: u32,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests that were refused before they were looked at.
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
    raised: watch::Receiver<bool>,
) {
    let (client_in, client_out) = split(client);
    let (server_in, server_out) = split(server);
    let (state, seen) = watch::channel(State::default());
    // Either end is the end: a client that goes away is none of ours.
    tokio::select! {
        _ = requests(client_in, server_out, script, tally, &state) => {}
        _ = answers(server_in, client_out, script, tally, (seen, raised)) => {}
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
    let (mut newest, mut acked) = (0, false);
    loop {
        let frame = client.next().await?;
        if frame.kind() == SETTINGS && frame.flags() & ACK != 0 {
            // The server knows of its own only.
            if std::mem::replace(&mut acked, true) {
                continue;
            }
        }
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
    (mut seen, mut raised): (watch::Receiver<State>, watch::Receiver<bool>),
) -> io::Result<()> {
    let mut server = Frames::new(server);
    let (mut ended, mut is_told) = (0, false);
    // What the limit is raised to, as long as it is not.
    let mut usual = None;
    if script.one_first {
        // A server's first frame are its settings.
        let settings = server.next().await?;
        usual = settings.streams_max();
        client.write_all(&settings.with(1)).await?;
        client.flush().await?;
    }
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
            () = once_raised(&mut raised), if usual.is_some() => {
                let settings = Frame::settings().with(usual.take().unwrap_or_default());
                client.write_all(&settings).await?;
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

/// Waits for the limit to be raised: for ever, when the server is gone before.
async fn once_raised(raised: &mut watch::Receiver<bool>) {
    if raised.wait_for(|is_raised| *is_raised).await.is_err() {
        std::future::pending::<()>().await;
    }
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
    /// Settings that say nothing.
    const fn settings() -> Self {
        Self(Bytes::from_static(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]))
    }

    /// The limit of streams that settings say.
    fn streams_max(&self) -> Option<u32> {
        let mut said = self.payload().chunks_exact(6);
        let value = said.find_map(|said| said.strip_prefix(&MAX_CONCURRENT_STREAMS))?;
        value.first_chunk().map(|value| u32::from_be_bytes(*value))
    }

    /// Settings with this limit of streams behind what they say: the last counts.
    fn with(&self, streams_max: u32) -> Vec<u8> {
        let mut frame = self.0.to_vec();
        frame.extend(MAX_CONCURRENT_STREAMS);
        frame.extend(streams_max.to_be_bytes());
        let len = u32::try_from(frame.len() - HEADER_LEN).unwrap_or_default();
        for (byte, len) in frame.iter_mut().zip(len.to_be_bytes().into_iter().skip(1)) {
            *byte = len;
        }
        frame
    }

    fn flags(&self) -> u8 {
        self.0.get(4).copied().unwrap_or_default()
    }

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
        match self.kind() {
            DATA | HEADERS => self.flags() & END_STREAM != 0,
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
