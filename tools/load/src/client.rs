//! A minimal HTTP/1.1 keep-alive client: one blocking connection, whole requests out, Content-Length and body in.
//!
//! It reads what this server writes and refuses the rest loudly; it is no general client.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take; far beyond any that is right.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// Room for the usual reply; a longer one makes more.
const BUFFER_LEN: usize = 16 * 1024;
/// Longest reply that is read: /metrics of an installation with many apps.
const REPLY_LEN_MAX: usize = 64 * 1024 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER_LEN],
        })
    }

    /// Sends a request and answers the reply's body; any status but 200 is an error.
    pub(crate) fn call(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        match self.exchange(request)? {
            (200, body) => Ok(body),
            (status, _) => Err(strange(&status.to_string())),
        }
    }

    /// Sends a request and answers the reply's status and body.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let (status, start, end) = loop {
            filled += self.read(filled)?;
            let received = &self.buffer[..filled];
            if let Some(at) = find(received, END_OF_HEAD) {
                let start = at + END_OF_HEAD.len();
                let (status, len) = status_and_len(&received[..at])?;
                break (status, start, start + len);
            }
        };
        if end > REPLY_LEN_MAX {
            return Err(strange("a reply that is too long"));
        }
        self.buffer.resize(self.buffer.len().max(end), 0);
        while filled < end {
            filled += self.read(filled)?;
        }
        if filled > end {
            return Err(strange("more than one reply to one request"));
        }
        Ok((status, &self.buffer[start..end]))
    }

    fn read(&mut self, filled: usize) -> io::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled + BUFFER_LEN, 0);
        }
        match self.stream.read(&mut self.buffer[filled..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// The status and the `Content-Length` of a reply.
fn status_and_len(head: &[u8]) -> io::Result<(u16, usize)> {
    let head = std::str::from_utf8(head).map_err(|_| strange("a head that is no text"))?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| strange(first))?;
    let len = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let len = len.ok_or_else(|| strange("a reply without Content-Length"))?;
    Ok((status, len))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn strange(what: &str) -> io::Error {
    io::Error::other(format!("the server answered with `{what}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Answers one request of four bytes after another, in these pieces.
    fn serve(replies: &'static [&'static [&'static str]]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            for pieces in replies {
                stream.read_exact(&mut [0; 4]).unwrap();
                for piece in *pieces {
                    stream.write_all(piece.as_bytes()).unwrap();
                }
            }
        });
        address
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let mut connection = Connection::open(serve(&[
            &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\nOK"],
            &[
                "HTTP/1.1 200 OK\r\nContent-Le",
                "ngth:3\r",
                "\n\r\n",
                "a",
                "bc",
            ],
            &["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
        ]))
        .unwrap();
        for expected in ["OK", "abc", ""] {
            assert_eq!(connection.call(b"call").unwrap(), expected.as_bytes());
        }
        assert!(connection.call(b"call").is_err());
    }

    #[test]
    fn other_replies_are_refused() {
        for replies in [
            &[&["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"] as &[&str]] as &[&[&str]],
            &[&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]],
            &[&["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab"]],
        ] {
            assert!(
                Connection::open(serve(replies))
                    .unwrap()
                    .call(b"call")
                    .is_err()
            );
        }
    }
}
