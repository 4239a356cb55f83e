//! A receiver of webhooks that answers every second call with nothing at all, and every one after so many answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{APP, TOKEN};

/// By task and account: the numbers of the events in calls that were answered with 200.
pub(crate) type Heard = BTreeMap<(String, String), BTreeSet<u64>>;

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    ear: Arc<Ear>,
}

struct Ear {
    /// Answers until it is dead.
    left: AtomicUsize,
    /// What each event must be.
    check: fn(&Value),
    heard: Mutex<(usize, Heard)>,
}

impl Receiver {
    pub(crate) fn start(check: fn(&Value)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ear = Arc::new(Ear {
            left: AtomicUsize::new(usize::MAX),
            check,
            heard: Mutex::default(),
        });
        let shared = Arc::clone(&ear);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || while shared.hear(stream.as_ref().unwrap()).is_some() {});
            }
        });
        Self { address, ear }
    }

    /// It is dead after so many answers.
    pub(crate) fn answer(&self, times: usize) {
        self.ear.left.store(times, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.ear.heard.lock().unwrap().0
    }

    pub(crate) fn heard(&self) -> Heard {
        self.ear.heard.lock().unwrap().1.clone()
    }
}

impl Ear {
    /// Hears one call; `None` when the connection is over.
    fn hear(&self, mut stream: &TcpStream) -> Option<()> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let lower = head.to_lowercase();
        let len = lower.split_once("content-length: ").unwrap().1;
        let len = len.split_once("\r\n").unwrap().0.parse().unwrap();
        let mut body = vec![0; len];
        stream.read_exact(&mut body).ok()?;
        check_signature(&head);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let mut heard = self.heard.lock().unwrap();
        heard.0 += 1;
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 || heard.0.is_multiple_of(2) {
            return None;
        }
        self.left.store(left - 1, Ordering::SeqCst);
        let events = body["Events"].as_array().unwrap();
        assert!((1..=100).contains(&events.len()));
        for event in events {
            assert_eq!(event["CallbackCommand"], "Push.AllMemberPush", "{event}");
            (self.check)(event);
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            let key = (text("TaskId"), text("To_Account"));
            let seq = event["EventSeq"].as_u64().unwrap();
            heard.1.entry(key).or_default().insert(seq);
        }
        drop(heard);
        let answer = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all((head + answer).as_bytes()).ok()
    }
}

fn check_signature(head: &str) {
    let target = head.split(' ').nth(1).unwrap();
    let expected =
        format!("/events?SdkAppid={APP}&CallbackCommand=Push.AllMemberPush&contenttype=json&Sign=");
    let (sign, time) = target
        .strip_prefix(&expected)
        .unwrap()
        .split_once("&RequestTime=")
        .unwrap();
    let digest = Sha256::digest(format!("{TOKEN}{time}"));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sign, digest);
}
