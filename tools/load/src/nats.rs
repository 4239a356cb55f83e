//! `nats-websocket`: the peer of `sockets` and `push-online`. Subscribers of one subject over WebSockets, a publisher
//! among them, as much of the NATS protocol as that takes. It counts last deliveries; NATS knows no acknowledgements here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pushtally_sim::{Heard, Place, Settings, Socket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::args::NatsArgs;
use crate::crowd::{TOGETHER_MAX, runtime};
use crate::process::Process;
use crate::report::Report;

/// Asks for nothing that a plain subscriber does not need.
const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":false,\"lang\":\"load\",\"version\":\"1\",\"protocol\":1}\r\n";
const SUBJECT: &str = "push";
/// What a protocol line of the server may measure; INFO is some hundred bytes.
const LINE_LEN_MAX: usize = 16 * 1024;

/// Messages that all subscribers got, and when the last came.
#[derive(Debug)]
struct Got {
    start: Instant,
    messages: AtomicU64,
    last_us: AtomicU64,
}

pub(crate) fn run(args: &NatsArgs, report: &mut Report) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let settings = Settings {
            calls_max: 1,
            opening_max: args.opening as usize,
        };
        // Neither app nor key: only the address and its bounds are used.
        let place = Place::new(args.websocket, 0, "", &settings);
        let got = Arc::new(Got {
            start: Instant::now(),
            messages: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
        });
        let server = args.pid.map(Process::of);
        let memory = || server.as_ref().and_then(Process::resident_bytes);
        let before = memory();
        let start = Instant::now();
        let _subscribers = subscribe(&place, &got, args.count).await?;
        report.count("subscribers", args.count.into(), "");
        report.figure("all subscribed after", start.elapsed().as_secs_f64(), "s");
        sleep(Duration::from_secs(args.idle_s)).await;
        if let (Some(before), Some(after)) = (before, memory()) {
            let rise = after.saturating_sub(before) as f64;
            report.figure(
                "server memory a socket",
                rise / f64::from(args.count) / 1024.0,
                "KiB",
            );
        }
        let mut publisher = Client::open(&place).await?;
        for message in 1..=args.messages {
            let cpu = server.as_ref().and_then(Process::cpu_s);
            let took = publish(&mut publisher, &got, args, message).await?;
            report.figure(
                &format!("message {message}: publish to last delivery"),
                took.as_secs_f64() * 1e3,
                "ms",
            );
            if let (Some(before), Some(after)) = (cpu, server.as_ref().and_then(Process::cpu_s)) {
                report.figure(
                    "server CPU",
                    (after - before) * 1e6 / f64::from(args.count),
                    "µs/subscriber",
                );
            }
        }
        if let Some(bytes) = server.as_ref().and_then(Process::peak_bytes) {
            report.figure(
                "server peak resident memory",
                bytes as f64 / 1_048_576.0,
                "MiB",
            );
        }
        Ok(())
    })
}

/// Opens all subscriptions; each counts what it gets for as long as the set is kept.
async fn subscribe(place: &Arc<Place>, got: &Arc<Got>, count: u32) -> anyhow::Result<JoinSet<()>> {
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let place = Arc::clone(place);
        opening.spawn(async move {
            let mut client = Client::open(&place).await?;
            client
                .say(format!("SUB {SUBJECT} 1\r\nPING\r\n"))
                .await
                .context("a subscription was not taken")?;
            client.pong().await?;
            anyhow::Ok(client)
        });
    }
    let mut subscribers = JoinSet::new();
    while let Some(opened) = opening.join_next().await {
        let (client, got) = (opened??, Arc::clone(got));
        subscribers.spawn(client.count(got));
    }
    Ok(subscribers)
}

/// Publishes once and waits until everybody has it.
async fn publish(
    publisher: &mut Client,
    got: &Got,
    args: &NatsArgs,
    message: u32,
) -> anyhow::Result<Duration> {
    let payload = "x".repeat(args.bytes as usize);
    let wanted = u64::from(args.count) * u64::from(message);
    let start = got.start.elapsed();
    publisher
        .say(format!("PUB {SUBJECT} {}\r\n{payload}\r\n", args.bytes))
        .await?;
    let arrived = async {
        while got.messages.load(Ordering::Acquire) < wanted {
            sleep(Duration::from_millis(2)).await;
        }
    };
    ensure!(
        timeout(TOGETHER_MAX, arrived).await.is_ok(),
        "only {} of {wanted} messages arrived",
        got.messages.load(Ordering::Acquire)
    );
    let last = Duration::from_micros(got.last_us.load(Ordering::Acquire));
    Ok(last.saturating_sub(start))
}

/// A connection to the server.
struct Client {
    socket: Socket,
    reader: Reader,
}

impl Client {
    async fn open(place: &Place) -> anyhow::Result<Self> {
        let socket = Socket::open(place, "/", None)
            .await
            .context("nats-server cannot be reached")?;
        let mut client = Self {
            socket,
            reader: Reader::default(),
        };
        client.say(CONNECT.to_owned()).await?;
        Ok(client)
    }

    async fn say(&mut self, text: String) -> anyhow::Result<()> {
        Ok(self.socket.say_bytes(text.into_bytes()).await?)
    }

    /// Waits for the answer to a PING; everything before it has been taken by then.
    async fn pong(&mut self) -> anyhow::Result<()> {
        loop {
            let heard = timeout(TOGETHER_MAX, self.socket.hear())
                .await
                .context("nats-server does not answer")?;
            match heard {
                Heard::Frame(frame) => {
                    if self.reader.read(&frame)?.pongs > 0 {
                        return Ok(());
                    }
                }
                Heard::Sign => {}
                Heard::Closed(code) => bail!("nats-server closed with {code:?}"),
            }
        }
    }

    /// Counts messages until the connection ends, and answers the server's PINGs.
    async fn count(mut self, got: Arc<Got>) {
        while let Heard::Frame(frame) = self.hear_frame().await {
            let Ok(read) = self.reader.read(&frame) else {
                return;
            };
            if read.messages > 0 {
                let us = u64::try_from(got.start.elapsed().as_micros()).unwrap_or(u64::MAX);
                got.last_us.fetch_max(us, Ordering::AcqRel);
                got.messages.fetch_add(read.messages, Ordering::AcqRel);
            }
            if read.pings > 0 && self.say("PONG\r\n".to_owned()).await.is_err() {
                return;
            }
        }
    }

    async fn hear_frame(&mut self) -> Heard {
        loop {
            match self.socket.hear().await {
                Heard::Sign => {}
                heard => return heard,
            }
        }
    }
}

/// What a piece of the stream held.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    messages: u64,
    pings: u32,
    pongs: u32,
}

/// Reads the protocol's lines however frames cut them.
#[derive(Debug, Default)]
struct Reader {
    line: Vec<u8>,
    /// Bytes of a payload, and of the line end behind it, that are still to come.
    payload: usize,
}

impl Reader {
    fn read(&mut self, mut bytes: &[u8]) -> anyhow::Result<Read> {
        let mut read = Read::default();
        loop {
            let skipped = self.payload.min(bytes.len());
            bytes = bytes.get(skipped..).unwrap_or_default();
            self.payload -= skipped;
            if skipped > 0 && self.payload == 0 {
                read.messages += 1;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                ensure!(self.line.len() <= LINE_LEN_MAX, "a line is too long");
                return Ok(read);
            };
            let (line, rest) = bytes.split_at(end + 1);
            self.line.extend_from_slice(line);
            bytes = rest;
            self.take_line(&mut read)?;
        }
    }

    fn take_line(&mut self, read: &mut Read) -> anyhow::Result<()> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line)?.trim_end();
        match line.split(' ').next().unwrap_or_default() {
            "MSG" => {
                let len: usize = line
                    .rsplit(' ')
                    .next()
                    .and_then(|len| len.parse().ok())
                    .with_context(|| format!("`{line}` has no length"))?;
                self.payload = len + 2;
            }
            "PING" => read.pings += 1,
            "PONG" => read.pongs += 1,
            "INFO" | "+OK" => {}
            _ => bail!("nats-server said `{line}`"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_read_however_it_is_cut() {
        let stream =
            b"INFO {\"a\":1}\r\nPONG\r\nMSG push 1 5\r\nMSG\r\n\r\nPING\r\nMSG push 1 reply 0\r\n\r\n";
        let expected = Read {
            messages: 2,
            pings: 1,
            pongs: 1,
        };
        for len in 1..=stream.len() {
            let mut reader = Reader::default();
            let mut sum = Read::default();
            for piece in stream.chunks(len) {
                let read = reader.read(piece).unwrap();
                sum.messages += read.messages;
                sum.pings += read.pings;
                sum.pongs += read.pongs;
            }
            assert_eq!(sum, expected, "in pieces of {len}");
        }
    }

    #[test]
    fn what_is_no_nats_is_refused() {
        for stream in ["-ERR 'no'\r\n", "MSG push 1 x\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert!(
                Reader::default().read(stream.as_bytes()).is_err(),
                "{stream}"
            );
        }
    }
}
