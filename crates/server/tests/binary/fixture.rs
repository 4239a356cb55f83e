//! What every test of the binary does: a folder, a command in it, a call to a server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use crate::server::{Server, pushtally};

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = pushtally(dir).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        code: status.code().expect("killed"),
        out: text(stdout),
        err: text(stderr),
    }
}

pub(crate) fn done(dir: &Path, arguments: &[&str]) -> String {
    let Ran { code, out, err } = run(dir, arguments);
    assert_eq!(code, 0, "{arguments:?}: {out}{err}");
    out
}

pub(crate) fn signal(server: &Server, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), server.child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

pub(crate) const CONFIG: &str = r#"
[storage]
url = "local:data"
[listen]
public = "127.0.0.1:0"
operator = "127.0.0.1:0"
[log]
format = "json"

[[app]]
sdkappid = 1400000000
key = "declared-key"
callback_token = "declared-token"
"#;

pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pushtally.toml"), CONFIG).unwrap();
    folder
}

pub(crate) fn post(address: &str, path: &str, body: &str) -> serde_json::Value {
    let answer = exchange(address, &format!("POST {path}"), body);
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
}

pub(crate) fn exchange(address: &str, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let len = body.len();
    write!(stream, "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").expect("no body").1.to_owned()
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}
