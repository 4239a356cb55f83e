//! The real process under load, killed with SIGKILL at random moments: nothing acknowledged is missing, nothing
//! counts twice, and the log counted anew equals what is stored.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "shared/server.rs"]
#[allow(dead_code, reason = "each of the tests that share it uses a part")]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use server::Server;

/// Kills in the gate; `PUSHTALLY_KILLS` asks for more.
const KILLS: u64 = 12;
const SENDERS: u64 = 4;
const TASKS: u64 = 5;
const APP: u32 = 1_400_000_000;
const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";

/// SplitMix64: the same kills for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

fn now_s() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the process under test reads the real clock"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// One call on a connection of its own; `None` when the server died before it answered.
fn call(address: &str, path: &str, body: &str) -> Option<serde_json::Value> {
    let claims = pushtally_usersig::Claims {
        identifier: "administrator".to_owned(),
        sdkappid: APP,
        time: now_s() as i64,
        expire: 3600,
        userbuf: None,
    };
    let usersig = pushtally_usersig::make(KEY, &claims);
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!(
        "POST {path}?sdkappid={APP}&identifier=administrator&usersig={usersig}&random=1&contenttype=json HTTP/1.1\r\n\
         host: localhost\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// (task, device, stage): what may count once.
type Mark = (u64, u64, u64);

/// A body of up to 100 events and what it may count, some of it sent before.
fn random_body(dice: &mut Dice) -> (String, Vec<Mark>) {
    let mut marks = Vec::new();
    let events: Vec<String> = (0..1 + dice.below(100))
        .map(|_| {
            let (task, device, stage) = (dice.below(TASKS), dice.below(4000), 1 + dice.below(3));
            marks.push((task, device, stage));
            let at = now_s() - dice.below(5000);
            format!(
                r#"{{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"task-{task}","TaskTime":{at},"EventTime":{at},"To_Account":"user{device}","PushPlatform":{},"PushStage":{stage},"ErrCode":0,"ErrInfo":""}}"#,
                1 + device % 8
            )
        })
        .collect();
    (format!(r#"{{"Events":[{}]}}"#, events.join(",")), marks)
}

/// Distinct marks by (task, stage).
fn counts(marks: &BTreeSet<Mark>) -> BTreeMap<(u64, u64), u64> {
    let mut counts = BTreeMap::new();
    for (task, _, stage) in marks {
        *counts.entry((*task, *stage)).or_default() += 1;
    }
    counts
}

fn answered(address: &str) -> BTreeMap<(u64, u64), u64> {
    let tasks: Vec<String> = (0..TASKS).map(|task| format!("\"task-{task}\"")).collect();
    let (start, end) = (now_s() - 86_400, now_s() + 60);
    let body = format!(
        r#"{{"StartTime":{start},"EndTime":{end},"TaskID":[{}]}}"#,
        tasks.join(",")
    );
    let reply = call(address, "/v4/timpush/all_member_push_statistics", &body)
        .expect("the endpoint answers");
    assert_eq!(reply["ErrorCode"], 0, "{reply}");
    let mut counts = BTreeMap::new();
    for (task, result) in (0..).zip(reply["Results"].as_array().unwrap()) {
        assert_eq!(
            result["TotalCount"], result["SentCount"],
            "stage 1 without an error is planned and sent"
        );
        for (stage, field) in [(1, "SentCount"), (2, "DeliveredCount"), (3, "ClickCount")] {
            let count = result[field].as_u64().unwrap();
            if count > 0 {
                counts.insert((task, stage), count);
            }
        }
    }
    counts
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_counts_twice_through_kills() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "[storage]\nurl = \"local:./data\"\n[listen]\npublic = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n\
         [snapshot]\nevents = 10000\n[log]\nformat = \"json\"\n\
         [[app]]\nsdkappid = {APP}\nkey = \"{KEY}\"\nquotas = {{ all_member_push_statistics = 0 }}\n"
    );
    std::fs::write(dir.path().join("pushtally.toml"), config).unwrap();
    let kills = std::env::var("PUSHTALLY_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(KILLS);
    let mut dice = Dice(20_261_122);
    let mut bodies = Vec::new();
    let (mut sent, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
    for kill in 0..kills {
        let server = Server::start(dir.path());
        let answers_before_kill = 3 + dice.below(60) as usize;
        println!("kill {kill} after {answers_before_kill} answers");
        let tried = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(AtomicUsize::new(0));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (tried, answers) = (Arc::clone(&tried), Arc::clone(&answers));
                let (address, mut dice) = (server.public.clone(), Dice(kill * SENDERS + sender));
                std::thread::spawn(move || {
                    loop {
                        let (body, marks) = random_body(&mut dice);
                        let reply = call(&address, "/v1/events", &body);
                        let is_ok = reply.as_ref().is_some_and(|reply| reply["ErrorCode"] == 0);
                        tried.lock().unwrap().push((body, marks, is_ok));
                        if !is_ok {
                            return reply;
                        }
                        answers.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        while answers.load(Ordering::SeqCst) < answers_before_kill {
            std::thread::yield_now();
        }
        server.kill();
        for sender in senders {
            assert_eq!(sender.join().unwrap(), None, "only the kill ends a sender");
        }
        for (body, marks, is_ok) in Arc::into_inner(tried).unwrap().into_inner().unwrap() {
            sent.extend(marks.iter().copied());
            if is_ok {
                acknowledged.extend(marks);
            }
            bodies.push(body);
        }
        let server = Server::start(dir.path());
        let found = answered(&server.public);
        for (cell, count) in counts(&acknowledged) {
            assert!(
                found[&cell] >= count,
                "{cell:?}: {} of {count} acknowledged",
                found[&cell]
            );
        }
        for (cell, count) in &found {
            assert!(
                *count <= counts(&sent)[cell],
                "{cell:?}: {count} of {}",
                counts(&sent)[cell]
            );
        }
        server.kill();
    }
    let server = Server::start(dir.path());
    for body in &bodies {
        assert_eq!(
            call(&server.public, "/v1/events", body).unwrap()["ErrorCode"],
            0
        );
    }
    assert_eq!(
        answered(&server.public),
        counts(&sent),
        "everything sent again counts once"
    );
    server.kill();
    let verified = Command::new(env!("CARGO_BIN_EXE_pushtally"))
        .current_dir(dir.path())
        .args(["ledger", "verify"])
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}
