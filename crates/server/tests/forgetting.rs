//! The real binary forgets an account: its id, tokens and texts are in no byte of the folder, of the log or of an export,
//! and every count is as before. Through a kill, too.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "shared/server.rs"]
#[allow(dead_code, reason = "each of the tests that share it uses a part")]
mod server;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use server::{Server, pushtally};

const CONFIG: &str = r#"
[storage]
url = "local:data"
[listen]
public = "127.0.0.1:0"
operator = "127.0.0.1:0"
[log]
format = "json"

[[app]]
sdkappid = 7
key = "declared-key"
callback_token = "declared-token"
"#;
const ACCOUNT: &str = "kx7Qw2mZp9LfTb4v";
/// The account, its phone, its token, its tag, and the texts of a push to it alone.
const SECRETS: [&str; 6] = [
    ACCOUNT,
    "rid-H3uYc8nWq5Jd",
    "tok-Bz5RtPw8YhN2",
    "tag-Ga8WvBx2NrT5",
    "title-Ld7AuJk3SnX6",
    "desc-Me5BwKm9TlY1",
];

fn done(dir: &Path, arguments: &[&str]) -> String {
    let ran = pushtally(dir).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(ran.stdout), text(ran.stderr));
    assert!(ran.status.success(), "{arguments:?}: {out}{err}");
    out
}

fn exchange(address: &str, line: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let len = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {len}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").expect("no body").1;
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

/// Which of these texts the files of a folder hold, as they are.
fn held<'a>(dir: &Path, texts: &[&'a str]) -> Vec<&'a str> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                dirs.push(entry.path());
            } else if kind.is_file() {
                files.push(fs::read(entry.path()).unwrap());
            }
        }
    }
    let is_held = |text: &&str| {
        let text = text.as_bytes();
        let mut files = files.iter();
        files.any(|file| file.windows(text.len()).any(|window| window == text))
    };
    texts.iter().copied().filter(|text| is_held(text)).collect()
}

/// Everything that is planted: a phone with a token and a tag, a push to it alone, one to two, imported events.
fn plant(dir: &Path, server: &Server) -> Vec<String> {
    let device = |id: &str, account: &str, token: &str| {
        json!({
            "registration_id": id,
            "account": account,
            "tokens": [{"channel": "fcm", "token": token}],
        })
        .to_string()
    };
    let devices = [
        device(SECRETS[1], ACCOUNT, SECRETS[2]),
        device("other-phone", "other", "other-token"),
    ];
    fs::write(dir.join("devices"), devices.join("\n")).unwrap();
    done(dir, &["import", "devices", "7", "devices"]);
    fs::write(
        dir.join("tags.csv"),
        format!("account,tag\n{ACCOUNT},{}\n", SECRETS[3]),
    )
    .unwrap();
    done(dir, &["import", "tags", "7", "tags.csv"]);
    for file in ["devices", "tags.csv"] {
        fs::remove_file(dir.join(file)).unwrap();
    }
    let mut tasks = Vec::new();
    for (to, title, desc) in [
        (json!([ACCOUNT]), SECRETS[4], SECRETS[5]),
        (json!([ACCOUNT, "other"]), "to both", "to both"),
    ] {
        let order = json!({"title": title, "desc": desc, "to": to}).to_string();
        let sent = exchange(&server.operator, "POST /v1/apps/7/push", &order);
        tasks.push(sent["task"]["id"].as_str().unwrap().to_owned());
    }
    let event = |account: &str| {
        json!({"CallbackCommand": "Push.AllMemberPush", "EventType": 1, "TaskId": "imported",
            "TaskTime": 1_700_000_000, "EventTime": 1_700_000_001, "To_Account": account,
            "PushPlatform": 1, "PushStage": 1, "ErrCode": 0, "ErrInfo": "OK"})
    };
    let events = json!({"Events": [event(ACCOUNT), event("other")]}).to_string();
    fs::write(dir.join("key"), "declared-key").unwrap();
    let make = "usersig make --sdkappid 7 --identifier administrator --key-file key";
    let usersig = done(dir, &make.split(' ').collect::<Vec<_>>());
    let call = format!(
        "identifier=administrator&usersig={}&random=1&contenttype=json",
        usersig.trim()
    );
    let taken = exchange(
        &server.public,
        &format!("POST /v1/events?SdkAppid=7&{call}"),
        &events,
    );
    assert_eq!(taken["ErrorCode"], 0, "{taken}");
    tasks.push("imported".to_owned());
    tasks
}

/// Everything that is counted.
fn counts(dir: &Path, tasks: &[String]) -> String {
    let mut said = String::new();
    for task in tasks {
        said += &done(dir, &["stats", "7", "--task", task, "--json"]);
    }
    said + &done(dir, &["stats", "7", "--json"])
}

#[test]
fn a_forgotten_account_is_in_no_byte_and_every_count_stays() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("pushtally.toml"), CONFIG).unwrap();
    let server = Server::start(dir);
    let tasks = plant(dir, &server);
    // The tasks end: there are no credentials to send with.
    let is_done = |task: &String| {
        let shown = exchange(
            &server.operator,
            &format!("GET /v1/apps/7/tasks/{task}"),
            "",
        );
        shown["status"] == "done"
    };
    while !tasks.iter().take(2).all(is_done) {
        std::thread::yield_now();
    }
    let before = counts(dir, &tasks);
    assert_eq!(held(&dir.join("data"), &SECRETS), SECRETS);
    done(dir, &["backup", "copy"]);

    // Asked for, and killed before it is erased.
    let told = done(dir, &["forget", "7", ACCOUNT, "--json"]);
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(report["forgettings"][0]["done"], Value::Null);
    server.kill();
    let server = Server::start(dir);
    assert_eq!(counts(dir, &tasks), before);
    let told = done(dir, &["forget", "7", ACCOUNT, "--now"]);
    assert!(
        told.contains("still holds it") && told.contains("copy"),
        "{told}"
    );
    assert_eq!(held(&dir.join("data"), &SECRETS), [""; 0]);
    assert_eq!(counts(dir, &tasks), before);
    let exported = done(dir, &["export", "devices", "7", "--with-tokens"]);
    assert!(
        exported.contains("other-token") && !exported.contains(SECRETS[1]),
        "{exported}"
    );
    assert!(!done(dir, &["export", "tags", "7"]).contains(ACCOUNT));
    let traced = done(dir, &["trace", "7", &tasks[0], ACCOUNT]);
    assert!(traced.starts_with("nothing is known of"), "{traced}");
    let audit = done(dir, &["audit"]);
    assert!(
        audit.contains("forget") && !audit.contains(ACCOUNT),
        "{audit}"
    );
    for check in [["ledger", "verify"], ["audience", "verify"]] {
        assert!(done(dir, &check).ends_with("ok\n"));
    }
    let listed = done(dir, &["forgotten"]);
    assert!(
        listed.contains("1 tokens") && listed.contains("1 tasks' texts"),
        "{listed}"
    );
    server.kill();
    assert_eq!(held(&dir.join("data"), &SECRETS), [""; 0]);
    assert_eq!(
        counts(dir, &tasks),
        before,
        "without a server, from the files alone"
    );
    assert_eq!(
        held(&dir.join("copy"), &SECRETS),
        SECRETS,
        "a backup from before holds it"
    );
}
