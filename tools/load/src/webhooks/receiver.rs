//! An app's backend that takes webhooks, as well as it may today, and remembers every event that it has taken.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How often a call that hangs looks whether that is over.
const HANG_LOOK: Duration = Duration::from_millis(20);
const ANSWER: &str = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;

/// How it is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mood {
    Works = 0,
    Hangs = 1,
    Fails = 2,
    DropsEverySecond = 3,
}

impl Mood {
    pub(super) const ALL: [Self; 4] = [
        Self::Works,
        Self::Hangs,
        Self::Fails,
        Self::DropsEverySecond,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Hangs => "hangs",
            Self::Fails => "answers 500",
            Self::DropsEverySecond => "drops every second call",
        }
    }
}

/// What was taken of an event, by task and account: its number, and how often it came.
pub(super) type Taken = HashMap<(String, String), (u64, u64)>;

#[derive(Debug, Default)]
struct Shared {
    mood: AtomicU8,
    calls: AtomicU64,
    taken: Mutex<Taken>,
    /// What about a call was not as documented.
    strange: Mutex<Vec<String>>,
}

/// A running receiver. Its threads end with the process, or when their connections do.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    pub(super) fn start(mood: Mood) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        shared.mood.store(mood as u8, Ordering::Release);
        let heard = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&heard);
                // A connection that breaks is the sender's to open again.
                thread::spawn(move || shared.converse(&stream));
            }
        });
        Ok(Self { address, shared })
    }

    pub(super) fn set(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::Release);
    }

    /// Calls that came, whatever became of them.
    pub(super) fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Acquire)
    }

    /// Events taken, repeats among them.
    pub(super) fn events(&self) -> u64 {
        let taken = self.shared.taken.lock();
        let taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.values().map(|(_, times)| times).sum()
    }

    /// Distinct events taken so far.
    pub(super) fn len(&self) -> usize {
        let taken = self.shared.taken.lock();
        taken.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All of it, and what was strange.
    pub(super) fn taken(&self) -> (Taken, Vec<String>) {
        let taken = self.shared.taken.lock();
        let strange = self.shared.strange.lock();
        (
            taken.unwrap_or_else(PoisonError::into_inner).clone(),
            strange.unwrap_or_else(PoisonError::into_inner).clone(),
        )
    }
}

impl Shared {
    fn converse(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(body) = read(&mut reader)? {
            let nth = self.calls.fetch_add(1, Ordering::AcqRel) + 1;
            let is = |mood: Mood| self.mood.load(Ordering::Acquire) == mood as u8;
            if is(Mood::Hangs) {
                while is(Mood::Hangs) {
                    thread::sleep(HANG_LOOK);
                }
                return Ok(());
            }
            if is(Mood::DropsEverySecond) && nth.is_multiple_of(2) {
                return Ok(());
            }
            let (status, answer) = if is(Mood::Fails) {
                ("500 Internal Server Error", "")
            } else {
                self.take(&body);
                ("200 OK", ANSWER)
            };
            let len = answer.len();
            let text = format!("HTTP/1.1 {status}\r\ncontent-length: {len}\r\n\r\n{answer}");
            let mut stream = stream;
            stream.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn take(&self, body: &[u8]) {
        let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
        let events = parsed["Events"].as_array().cloned().unwrap_or_default();
        let mut strange = Vec::new();
        if events.is_empty() || events.len() > 100 {
            strange.push(format!("a call has {} events", events.len()));
        }
        let taken = self.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        for event in &events {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let Some(seq) = event["EventSeq"].as_u64() else {
                strange.push(format!("an event has no number: {event}"));
                continue;
            };
            let key = (text("TaskId"), text("To_Account"));
            let known = taken.entry(key).or_insert((seq, 0));
            if known.0 != seq {
                strange.push(format!("an event has two numbers: {event} and {}", known.0));
            }
            known.1 += 1;
        }
        let all = self.strange.lock();
        all.unwrap_or_else(PoisonError::into_inner).extend(strange);
    }
}

/// Reads a call's body; `None` at the end of the connection.
fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut len = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            len = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    Ok(Some(body))
}
