//! The real binary and all nine vendors: what the statistics say is what the vendors' services saw.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise; the server has the real clock, and so has this test"
)]

#[path = "vendors/channels.rs"]
mod channels;
#[path = "vendors/restoring.rs"]
mod restoring;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pushtally_sim::vendor::{Fleet, ServiceSettings};
use serde_json::{Value, json};

const APP: u32 = 1_400_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Vendors, with their number on the wire and what their receipts tell.
const VENDORS: [(&str, u64, Tells); 9] = [
    ("apns", 1, Tells::Nothing),
    ("xiaomi", 2, Tells::Clicks),
    ("huawei", 3, Tells::Deliveries),
    ("harmony", 3, Tells::Deliveries),
    ("fcm", 4, Tells::Nothing),
    ("meizu", 5, Tells::Clicks),
    ("oppo", 6, Tells::Deliveries),
    ("vivo", 7, Tells::Deliveries),
    ("honor", 8, Tells::Deliveries),
];

#[derive(Clone, Copy, PartialEq)]
enum Tells {
    Nothing,
    Deliveries,
    Clicks,
}

fn pushtally(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushtally"));
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn done(dir: &Path, arguments: &[&str]) -> String {
    let output = pushtally(dir).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

/// A server that is killed when the test ends.
struct Server {
    child: Child,
    public: String,
    /// What it said before it was ready.
    said: Vec<Value>,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut child = pushtally(dir)
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let ready = lines.find_map(|line| {
            let entry: Value = serde_json::from_str(&line.unwrap()).unwrap();
            said.push(entry.clone());
            (entry["message"] == "ready").then_some(entry)
        });
        let ready = ready.expect("it ended before it was ready");
        let public = ready["public"].as_str().unwrap().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            public,
            said,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(address: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let len = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").expect("no body").1;
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

fn secret(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
}

fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// An installation with an account at each vendor of the fleet.
struct Installation {
    dir: tempfile::TempDir,
    fleet: Fleet,
    runtime: tokio::runtime::Runtime,
    port: u16,
    /// Where vendors send receipts.
    receipts_port: u16,
}

impl Installation {
    fn new() -> Self {
        Self::with_receipts_at(None)
    }

    /// Receipts go to this port; `None` is the server's.
    fn with_receipts_at(receipts_port: Option<u16>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The vendors must know where the server will be: a port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let receipts_port = receipts_port.unwrap_or(port);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let fleet = runtime.block_on(Fleet::start(|name| ServiceSettings {
            delay: Duration::from_millis(20),
            receipts_url: format!(
                "http://127.0.0.1:{receipts_port}/v3/offline_push_report/{name}/{APP}/receipts-key"
            ),
            ..ServiceSettings::default()
        }));
        let installation = Self {
            dir,
            fleet: fleet.unwrap(),
            runtime,
            port,
            receipts_port,
        };
        installation.configure();
        installation
    }

    fn configure(&self) {
        let dir = self.dir.path();
        secret(dir, "key", "declared-key");
        secret(dir, "receipts-key", "receipts-key");
        let mut config = format!(
            "[storage]\nurl = \"local:data\"\n\
             [outgoing]\nallow_private = true\n[listen]\npublic = \"127.0.0.1:{port}\"\noperator = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:{receipts_port}\"\n\
             [log]\nformat = \"json\"\n\
             [[app]]\nsdkappid = {APP}\nkey_file = \"key\"\nreceipts_key_file = \"receipts-key\"\n\
             quotas = {{ all_member_push_statistics = 0 }}\n",
            port = self.port,
            receipts_port = self.receipts_port
        );
        for (name, vendor) in &self.fleet.vendors {
            secret(
                dir,
                &format!("{name}.json"),
                &vendor.credentials.to_string(),
            );
            write!(
                config,
                "[[app.channel]]\nname = \"{name}\"\ncredentials_file = \"{name}.json\"\n"
            )
            .unwrap();
            if let Some(certificate) = vendor.service.certificate() {
                fs::write(dir.join("ca.pem"), certificate).unwrap();
                config.push_str("ca_file = \"ca.pem\"\n");
            }
        }
        fs::write(dir.join("pushtally.toml"), config).unwrap();
    }

    /// Imports phones: `of` each vendor, and tokens of each kind that `also` names.
    fn import(&self, of: usize, also: &[&str]) {
        let mut lines = String::new();
        for (vendor, ..) in VENDORS {
            let ordinary = (0..of).map(|n| format!("{vendor}-{n}"));
            let special = also.iter().map(|prefix| format!("{prefix}{vendor}"));
            for token in ordinary.chain(special) {
                let row = json!({"registration_id": token, "tokens": [{"channel": vendor, "token": token}]});
                writeln!(lines, "{row}").unwrap();
            }
        }
        fs::write(self.dir.path().join("phones.ndjson"), lines).unwrap();
        let app = APP.to_string();
        let said = done(
            self.dir.path(),
            &["import", "devices", &app, "phones.ndjson"],
        );
        assert!(said.contains(" 0 bad"), "{said}");
    }

    fn caller(&self) -> String {
        let app = APP.to_string();
        let arguments = [
            "usersig",
            "make",
            "--sdkappid",
            &app,
            "--identifier",
            "administrator",
            "--key-file",
            "key",
        ];
        let usersig = done(self.dir.path(), &arguments);
        let usersig = usersig.trim();
        format!(
            "sdkappid={APP}&identifier=administrator&usersig={usersig}&random=1&contenttype=json"
        )
    }

    /// Pushes to everyone; answers the `TaskId`.
    fn push(&self, server: &Server, random: u32) -> String {
        let body = json!({
            "From_Account": "administrator", "MsgRandom": random,
            "OfflinePushInfo": {"PushFlag": 0, "Title": "Parcel", "Desc": "Arrives today", "Ext": "{\"a\":1}"},
        });
        let path = format!("/v4/timpush/push?{}", self.caller());
        let mut reply = post(&server.public, &path, &body.to_string());
        if reply["ErrorCode"] == 90024 {
            // More than a second must lie between two broadcasts of an app.
            sleep(Duration::from_millis(1_100));
            reply = post(&server.public, &path, &body.to_string());
        }
        assert_eq!(reply["ErrorCode"], 0, "{reply}");
        reply["TaskId"].as_str().unwrap().to_owned()
    }

    /// Planned, sent, delivered and clicked, by vendor's number.
    fn statistics(&self, server: &Server, task: &str) -> BTreeMap<u64, [u64; 4]> {
        let now = now_s();
        let body = json!({"StartTime": now - 3600, "EndTime": now + 3600, "TaskID": [task]});
        let path = format!("/v4/timpush/all_member_push_statistics?{}", self.caller());
        let reply = post(&server.public, &path, &body.to_string());
        assert_eq!(reply["ErrorCode"], 0, "{reply}");
        let rows = reply["Results"][0]["PlatformStatistics"]
            .as_array()
            .cloned();
        let count = |row: &Value, name: &str| row[name].as_u64().unwrap();
        let rows = rows.unwrap_or_default();
        let row = |row: &Value| {
            let counts = ["TotalCount", "SentCount", "DeliveredCount", "ClickCount"];
            (
                count(row, "PushPlatform"),
                counts.map(|name| count(row, name)),
            )
        };
        rows.iter().map(row).collect()
    }

    /// Waits until the statistics of a task are these.
    fn await_statistics(&self, server: &Server, task: &str, expected: &BTreeMap<u64, [u64; 4]>) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.statistics(server, task);
            if found == *expected {
                return;
            }
            assert!(
                Instant::now() < until,
                "{found:?}, not {expected:?}; the vendors saw {:?}",
                self.seen()
            );
            sleep(Duration::from_millis(50));
        }
    }

    fn seen(&self) -> BTreeMap<&str, pushtally_sim::vendor::ServiceCounts> {
        let vendors = self.fleet.vendors.iter();
        vendors
            .map(|(name, vendor)| (*name, vendor.service.counts()))
            .collect()
    }
}

/// A call of a vendor's, as it is.
fn read_call(from: &mut TcpStream) -> Vec<u8> {
    let mut call = Vec::new();
    let mut byte = [0];
    while !call.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte).unwrap();
        call.push(byte[0]);
    }
    let head = String::from_utf8(call.clone()).unwrap().to_lowercase();
    let len = head.split_once("content-length: ").unwrap().1;
    let len = len.split_once("\r\n").unwrap().0.parse().unwrap();
    let mut body = vec![0; len];
    from.read_exact(&mut body).unwrap();
    // Whoever passes it on reads the answer to its end.
    call.truncate(call.len() - 2);
    call.extend(b"connection: close\r\n\r\n");
    call.extend(body);
    call
}

/// The server's whole answer to it.
fn pass_on(call: &[u8], public: &str) -> Vec<u8> {
    let mut server = TcpStream::connect(public).unwrap();
    server.write_all(call).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    answer
}

/// The server is killed after a receipt was recorded and before the vendor has the answer: it comes again, and counts once.
#[test]
fn a_receipt_whose_answer_was_lost_with_the_server_counts_once() {
    let between = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = between.local_addr().unwrap().port();
    let installation = Installation::with_receipts_at(Some(port));
    installation.import(1, &[]);
    let server = Server::start(installation.dir.path());
    let task = installation.push(&server, 1);
    let (mut vendor, _) = between.accept().unwrap();
    let receipt = read_call(&mut vendor);
    pass_on(&receipt, &server.public);
    drop(server);
    drop(vendor);

    let server = Server::start(installation.dir.path());
    let public = server.public.clone();
    let (told, again) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for vendor in between.incoming() {
            let mut vendor = vendor.unwrap();
            let call = read_call(&mut vendor);
            let answer = pass_on(&call, &public);
            // It may come while the test ends.
            let _ = told.send(call);
            let _ = vendor.write_all(&answer);
        }
    });
    let is_again = |call: Vec<u8>| call == receipt;
    let mut calls = std::iter::from_fn(|| again.recv_timeout(PATIENCE).ok());
    assert!(calls.any(is_again), "the vendor did not repeat it");
    let expected = || {
        let mut expected = BTreeMap::<u64, [u64; 4]>::new();
        for (name, number, tells) in VENDORS {
            let counts = installation.fleet.vendors[name].service.counts();
            let delivered = u64::from(tells != Tells::Nothing);
            let clicked = if tells == Tells::Clicks {
                counts.clicked
            } else {
                0
            };
            let row = expected.entry(number).or_default();
            for (sum, count) in row.iter_mut().zip([1, 1, delivered, clicked]) {
                *sum += count;
            }
        }
        expected
    };
    let until = Instant::now() + PATIENCE;
    while installation.statistics(&server, &task) != expected() {
        assert!(Instant::now() < until, "{:?}", installation.seen());
        sleep(Duration::from_millis(50));
    }
}

/// Both sides count the same, vendor by vendor, with receipts that come late, together and twice.
#[test]
fn the_statistics_are_what_the_vendors_saw() {
    let installation = Installation::new();
    installation.import(40, &["gone-", "bad-", "rate-", "fail-", "mute-"]);
    let server = Server::start(installation.dir.path());
    let task = installation.push(&server, 1);
    let until = Instant::now() + PATIENCE;
    // 43 of each are taken: the ordinary ones, and of the others all but those that are nobody's.
    let all_taken = |seen: &BTreeMap<_, pushtally_sim::vendor::ServiceCounts>| {
        seen.values()
            .all(|counts| counts.taken - counts.repeats == 43)
    };
    while !all_taken(&installation.seen()) {
        assert!(Instant::now() < until, "{:?}", installation.seen());
        sleep(Duration::from_millis(50));
    }
    // What is reported is known when no more is.
    sleep(Duration::from_millis(500));
    let mut expected = BTreeMap::<u64, [u64; 4]>::new();
    for (name, number, tells) in VENDORS {
        let counts = installation.fleet.vendors[name].service.counts();
        let delivered = if tells == Tells::Nothing { 0 } else { 42 };
        let clicked = if tells == Tells::Clicks {
            counts.clicked
        } else {
            0
        };
        let row = expected.entry(number).or_default();
        for (sum, count) in row.iter_mut().zip([45, 43, delivered, clicked]) {
            *sum += count;
        }
        assert_eq!(counts.repeats, 0, "{name} was sent something twice");
    }
    installation.await_statistics(&server, &task, &expected);
    for (name, counts) in installation.seen() {
        assert_eq!(counts.refused_receipts, 0, "{name}");
    }
    let _ = &installation.runtime;
}
