//! `pushtally sim`: what it writes is what a configuration needs, and steps are done as they are said.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

fn pushtally(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushtally"));
    command.current_dir(dir).env_clear();
    command
}

/// The status that a simulator answers a call with that it cannot make anything of.
fn status(url: &str) -> u16 {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /v2/message/regid HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Whether it answers so after at most some thousand calls, which take a second or more.
fn becomes(url: &str, wanted: u16) -> bool {
    (0..5_000).any(|_| status(url) == wanted)
}

#[test]
fn simulators_are_configured_by_what_they_write_and_do_as_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut sim = pushtally(dir.path())
        .args(["sim", "--dir", ".", "--json", "--script", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = sim.stdin.take().unwrap();
    let mut lines = BufReader::new(sim.stdout.take().unwrap()).lines();
    let mut hear = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let ready = hear();
    assert_eq!(ready["ready"].as_object().unwrap().len(), 9, "{ready}");

    let sections = fs::read_to_string(dir.path().join("channels.toml")).unwrap();
    let config = format!("[[app]]\nsdkappid = 1400000000\nkey = \"declared-key\"\n{sections}");
    fs::write(dir.path().join("pushtally.toml"), config).unwrap();
    let checked = pushtally(dir.path()).args(["config", "check"]).output();
    let checked = checked.unwrap();
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success(), "{told}");

    let url = ready["ready"]["xiaomi"].as_str().unwrap();
    assert_eq!(status(url), 200);
    writeln!(said, "0 xiaomi down").unwrap();
    // Answered after what was said before it.
    writeln!(said, "counts").unwrap();
    assert_eq!(hear()["xiaomi"]["requests"], 1);
    assert!(becomes(url, 503));
    writeln!(said, "0 xiaomi up").unwrap();
    assert!(becomes(url, 200));
    drop(said);
    assert!(sim.wait().unwrap().success());
}

#[test]
fn what_is_no_step_is_a_wrong_command_line() {
    let dir = tempfile::tempdir().unwrap();
    for (step, told) in [
        ("1 xiaomi explode", "1 xiaomi explode"),
        ("1 nokia down", "nokia"),
    ] {
        let output = pushtally(dir.path()).args(["sim", "--at", step]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2), "{step}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(told), "{error}");
    }
}
