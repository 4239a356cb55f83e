//! The real process, killed while it sends events out: a receiver that drops every second call gets every one, and what a
//! dead one missed is sent after all while the log has it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise; the server has the real clock, and so has this test"
)]

#[path = "shared/server.rs"]
#[allow(dead_code, reason = "each of the tests that share it uses a part")]
mod server;

#[path = "webhooks/letters.rs"]
mod letters;
#[path = "webhooks/past.rs"]
mod past;
#[path = "webhooks/receiver.rs"]
mod receiver;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use receiver::Receiver;
use serde_json::{Value, json};
use server::Server;

const APP: u32 = 1_400_000_000;
const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
const TOKEN: &str = "xxxxyyyy";
const PHONES: usize = 60;
const KILLS: usize = 4;
const PUSHES_EACH: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// Looks until it holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: never");
        sleep(Duration::from_millis(1));
    }
}

fn batch(server: &Server, random: usize, accounts: &[String]) -> String {
    let claims = pushtally_usersig::Claims {
        identifier: "administrator".to_owned(),
        sdkappid: APP,
        time: now_s() as i64,
        expire: 3600,
        userbuf: None,
    };
    let usersig = pushtally_usersig::make(KEY, &claims);
    let body = json!({
        "From_Account": "administrator", "MsgRandom": random, "To_Account": accounts, "DataId": format!("run {random}"),
        "OfflinePushInfo": {"PushFlag": 0, "Title": "Parcel", "Desc": "Arrives today"},
    })
    .to_string();
    let path = format!(
        "/v4/timpush/batch?sdkappid={APP}&identifier=administrator&usersig={usersig}&random=1&contenttype=json"
    );
    let mut stream = TcpStream::connect(&server.public).unwrap();
    let len = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let reply: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(reply["ErrorCode"], 0, "{reply}");
    reply["TaskId"].as_str().unwrap().to_owned()
}

fn secret(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Its configuration, whose end are more settings of the app, and the phones of its accounts.
fn install(dir: &Path, receiver: SocketAddr, more: &str) -> Vec<String> {
    secret(dir, "token", TOKEN);
    secret(dir, "key", KEY);
    let config = format!(
        "[storage]\nurl = \"local:data\"\n[outgoing]\nallow_networks = [\"127.0.0.1\"]\n[listen]\npublic = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n\
         [log]\nformat = \"json\"\n\
         [[app]]\nsdkappid = {APP}\nkey_file = \"key\"\ncallback_token_file = \"token\"\n\
         webhook_url = \"http://{receiver}/events\"\nquotas = {{ batch = 0 }}\n{more}"
    );
    fs::write(dir.join("pushtally.toml"), config).unwrap();
    let (mut rows, mut accounts) = (String::new(), Vec::new());
    for n in 0..PHONES {
        let account = format!("user-{n}");
        let row = json!({"registration_id": format!("phone-{n}"), "account": account});
        writeln!(rows, "{row}").unwrap();
        accounts.push(account);
    }
    fs::write(dir.join("phones.ndjson"), rows).unwrap();
    let imported = Command::new(env!("CARGO_BIN_EXE_pushtally"))
        .current_dir(dir)
        .args(["import", "devices", &APP.to_string(), "phones.ndjson"])
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    accounts
}

#[test]
fn every_event_of_every_accepted_push_arrives_through_kills() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|event| {
        assert_eq!(
            (&event["PushStage"], &event["ErrCode"]),
            (&json!(1), &json!(-2)),
            "{event}"
        );
        assert_eq!(event["ErrInfo"], "token not uploaded");
        assert!(event["DataId"].as_str().unwrap().starts_with("run "));
    });
    let accounts = install(dir.path(), receiver.address, "");
    let mut tasks = Vec::new();
    for kill in 0..KILLS {
        let server = Server::start(dir.path());
        let before = receiver.calls();
        for n in 0..PUSHES_EACH {
            tasks.push(batch(&server, 1 + kill * PUSHES_EACH + n, &accounts));
        }
        // Killed after so many calls, which is in the midst of them.
        until("it calls", || receiver.calls() > before + kill);
        drop(server);
    }
    let _server = Server::start(dir.path());
    let expected = tasks.len() * accounts.len();
    until("all arrive", || receiver.heard().len() >= expected);
    let heard = receiver.heard();
    for task in &tasks {
        for account in &accounts {
            let seqs = heard.get(&(task.clone(), account.clone()));
            let seqs = seqs.unwrap_or_else(|| panic!("`{account}` of `{task}` never arrived"));
            assert_eq!(
                seqs.len(),
                1,
                "an event sent again has the same number: {seqs:?}"
            );
        }
    }
    assert_eq!(heard.len(), expected);
    let numbers: BTreeSet<u64> = heard.values().flatten().copied().collect();
    assert_eq!(
        numbers.len(),
        expected,
        "no two events have the same number"
    );
}
