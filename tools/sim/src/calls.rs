//! HTTP/1.1 calls over a bounded pool of kept connections that all phones of a process share.
//!
//! It reads what this server writes (Content-Length) and refuses the rest loudly; it is no general client.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::place::connect;

/// How long an answer may take; far beyond any that is right.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Longest answer that is read: a task with all its losses has some KiB.
const ANSWER_LEN_MAX: usize = 1024 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after_s: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The last part of the problem's type, such as `too-many`; empty when the body names none.
    #[must_use]
    pub fn code(&self) -> String {
        let body = self.json();
        let kind = body["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default().to_owned()
    }

    /// Itself when the status is 200 or 201, else a refusal.
    pub fn accepted(self) -> Result<Self, Error> {
        match self.status {
            200 | 201 => Ok(self),
            status => Err(Error::Refused {
                status,
                code: self.code(),
                retry_after_s: self.retry_after_s,
            }),
        }
    }
}

/// A bounded pool of connections to one server.
#[derive(Debug)]
pub struct Calls {
    address: SocketAddr,
    source: Option<IpAddr>,
    idle: Mutex<Vec<TcpStream>>,
    permits: Semaphore,
}

impl Calls {
    /// At most so many connections at once; a call beyond them waits.
    #[must_use]
    pub fn new(address: SocketAddr, connections_max: usize) -> Self {
        Self {
            address,
            source: None,
            idle: Mutex::default(),
            permits: Semaphore::new(connections_max),
        }
    }

    /// The same from one source address.
    #[must_use]
    pub fn from(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Calls the server. A kept connection that turns out to be closed is replaced once, so a call may arrive twice: every
    /// call of the device protocol may.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: &str,
    ) -> Result<Answer, Error> {
        let authorization = bearer.map_or_else(String::new, |secret| {
            format!("Authorization: Bearer {secret}\r\n")
        });
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        // Never closed.
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(std::io::Error::other)?;
        tokio::time::timeout(ANSWER_MAX, self.exchange(request.as_bytes()))
            .await
            .map_err(|_| Error::Late)?
    }

    async fn exchange(&self, request: &[u8]) -> Result<Answer, Error> {
        let kept = self.idle.lock().pop();
        if let Some(mut stream) = kept {
            // Closed while it was idle, most likely; if not, the new connection will tell.
            if let Ok((answer, keep)) = exchange(&mut stream, request).await {
                self.put_back(stream, keep);
                return Ok(answer);
            }
        }
        let mut stream = connect(self.address, self.source, None).await?;
        let (answer, keep) = exchange(&mut stream, request).await?;
        self.put_back(stream, keep);
        Ok(answer)
    }

    fn put_back(&self, stream: TcpStream, keep: bool) {
        if keep {
            self.idle.lock().push(stream);
        }
    }
}

/// One request and its answer, and whether the connection may be used again.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<(Answer, bool), Error> {
    stream.write_all(request).await?;
    let mut received = Vec::with_capacity(1024);
    let head_len = loop {
        if let Some(at) = find(&received, END_OF_HEAD) {
            break at;
        }
        read(stream, &mut received).await?;
    };
    let head = std::str::from_utf8(&received[..head_len])
        .map_err(|_| Error::Strange("a head that is no text".to_owned()))?;
    let Head {
        status,
        body_len,
        retry_after_s,
        keep,
    } = Head::read(head)?;
    let end = head_len + END_OF_HEAD.len() + body_len;
    while received.len() < end {
        read(stream, &mut received).await?;
    }
    let body = received.split_off(head_len + END_OF_HEAD.len());
    let answer = Answer {
        status,
        retry_after_s,
        body,
    };
    Ok((answer, keep))
}

async fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), Error> {
    if received.len() > ANSWER_LEN_MAX {
        return Err(Error::Strange("an answer that is too long".to_owned()));
    }
    match stream.read_buf(received).await? {
        0 => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq)]
struct Head {
    status: u16,
    body_len: usize,
    retry_after_s: Option<u32>,
    keep: bool,
}

impl Head {
    fn read(head: &str) -> Result<Self, Error> {
        let strange = || Error::Strange(head.lines().next().unwrap_or_default().to_owned());
        let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = first
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|status| status.parse().ok())
            .ok_or_else(strange)?;
        let field = |wanted: &str| {
            rest.split("\r\n").find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        let body_len = field("content-length")
            .and_then(|len| len.parse().ok())
            .ok_or_else(strange)?;
        Ok(Self {
            status,
            body_len,
            retry_after_s: field("retry-after").and_then(|s| s.parse().ok()),
            keep: !field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        })
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_and_others_refused() {
        let head = Head::read(
            "HTTP/1.1 429 Too Many\r\ncontent-length: 12\r\nRetry-After: 3\r\nConnection: close",
        );
        let expected = Head {
            status: 429,
            body_len: 12,
            retry_after_s: Some(3),
            keep: false,
        };
        assert_eq!(head.unwrap(), expected);
        for head in ["HTTP/1.1 200 OK", "HTTP/2 200\r\ncontent-length: 1", ""] {
            assert!(Head::read(head).is_err(), "{head}");
        }
    }

    #[test]
    fn problems_tell_their_code() {
        let answer = |body: &str| Answer {
            status: 429,
            retry_after_s: None,
            body: body.as_bytes().to_vec(),
        };
        let problem = answer(r#"{"type":"urn:pushtally:problem:too-many","status":429}"#);
        assert_eq!(problem.code(), "too-many");
        assert_eq!(answer("no JSON").code(), "");
        assert!(matches!(
            problem.accepted(),
            Err(Error::Refused { status: 429, .. })
        ));
    }
}
