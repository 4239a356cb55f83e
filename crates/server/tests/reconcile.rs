//! `pushtally reconcile` of the real binary, with a running server on one side and a simulated app on the other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise; the server has the real clock, and so has this test"
)]

#[path = "shared/server.rs"]
#[allow(dead_code, reason = "each of the tests that share it uses a part")]
mod server;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use pushtally_sim::chat::{BadDay, Chat, ChatRow, ChatSettings};
use serde_json::{Value, json};
use server::{Server, pushtally};

const APP: u32 = 1_400_000_000;
const THEIR_APP: u32 = 1_400_000_001;
const OUR_KEY: &str = "declared-key";
const THEIR_KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";

fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs().try_into().unwrap()
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs it with the key on standard input.
fn reconcile(dir: &Path, chat: &Chat, key: &str, more: &[&str]) -> Ran {
    let their_app = THEIR_APP.to_string();
    let mut child = pushtally(dir)
        .args(["reconcile", &APP.to_string(), "--sdkappid", &their_app])
        .args(["--key-file", "-", "--host", &chat.url()])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its command line does not read.
    let _ = writeln!(child.stdin.take().unwrap(), "{key}");
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(
        !out.contains(THEIR_KEY) && !err.contains(THEIR_KEY),
        "{out}{err}"
    );
    Ran {
        code: output.status.code().unwrap(),
        out,
        err,
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[storage]\nurl = \"local:data\"\n[outgoing]\nallow_networks = [\"127.0.0.1\"]\n\
         [listen]\npublic = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [[app]]\nsdkappid = {APP}\nkey = \"{OUR_KEY}\"\n"
    );
    fs::write(folder.path().join("pushtally.toml"), config).unwrap();
    folder
}

/// One callback's event.
fn event(task: &str, account: usize, platform: u8, stage: u8, at: i64) -> Value {
    json!({
        "CallbackCommand": "Push.AllMemberPush", "EventType": 1, "TaskId": task, "TaskTime": at, "EventTime": at,
        "To_Account": format!("user{account}"), "PushPlatform": platform, "PushStage": stage, "ErrCode": 0, "ErrInfo": "",
    })
}

fn import(server: &Server, events: &[Value]) {
    let claims = pushtally_usersig::Claims {
        identifier: "administrator".to_owned(),
        sdkappid: APP,
        time: now_s(),
        expire: 3600,
        userbuf: None,
    };
    let usersig = pushtally_usersig::make(OUR_KEY, &claims);
    let path = format!(
        "/v1/events?SdkAppid={APP}&contenttype=json&identifier=administrator&usersig={usersig}"
    );
    for some in events.chunks(100) {
        let body = json!({"Events": some}).to_string();
        let mut stream = TcpStream::connect(&server.public).unwrap();
        let len = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"ErrorCode\":0"), "{answer}");
    }
}

/// Their counts of a task: so many sent to on APNs, so many of them delivered.
fn counted(task: &str, at: i64, platform: u64, counts: [u64; 4]) -> ChatRow {
    ChatRow {
        task: task.to_owned(),
        at,
        event_type: 1,
        platform,
        counts,
    }
}

/// Seven tasks of two days ago: each sent to 3 on APNs, of whom 2 got it.
fn tasks() -> (Vec<Value>, Vec<ChatRow>) {
    let at = now_s() - 2 * 86_400;
    let (mut events, mut rows) = (Vec::new(), Vec::new());
    for n in 0..7 {
        let task = format!("task-{n}");
        events.extend((0..3).map(|user| event(&task, user, 1, 1, at)));
        events.extend((0..2).map(|user| event(&task, user, 1, 2, at + 5)));
        rows.push(counted(&task, at, 1, [3, 3, 2, 0]));
    }
    (events, rows)
}

fn chat(runtime: &tokio::runtime::Runtime, rows: Vec<ChatRow>, tls: bool) -> Chat {
    let mut settings = ChatSettings::new(THEIR_APP, THEIR_KEY);
    (settings.rows, settings.tls) = (rows, tls);
    runtime.block_on(Chat::start(settings)).unwrap()
}

#[test]
fn both_sides_are_compared_by_the_real_binary() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = folder();
    let dir = folder.path();
    let (events, rows) = tasks();
    let chat = chat(&runtime, rows, false);
    let server = Server::start(dir);
    import(&server, &events);

    // Equal, with one call refused as too frequent on the way.
    chat.change(|settings| settings.bad_days = [None, Some(BadDay::Code(60007))].into());
    let equal = reconcile(dir, &chat, THEIR_KEY, &[]);
    assert_eq!(equal.code, 0, "{}{}", equal.out, equal.err);
    assert!(
        equal
            .out
            .ends_with("7 tasks, 0 differ; all together are equal\n"),
        "{}",
        equal.out
    );
    assert!(
        equal.err.contains("60007") && equal.err.contains("again in 2s"),
        "{}",
        equal.err
    );
    let calls = chat.calls();
    let made: Vec<_> = calls
        .iter()
        .map(|call| (call.tasks.len(), call.code))
        .collect();
    let expected = [(5, Some(0)), (2, Some(60007)), (2, Some(0)), (0, Some(0))];
    assert_eq!(made, expected, "the second between calls is kept");
    let line = "POST /v4/timpush/all_member_push_statistics";
    assert!(calls.iter().all(|call| call.line == line), "{calls:?}");

    // Different, each for a reason of its own. The server is gone: the folder is opened instead.
    drop(server);
    let at = now_s() - 2 * 86_400;
    chat.change(|settings| {
        settings.rows[0].counts = [4, 4, 2, 0];
        settings.rows[1].counts = [4, 3, 2, 0];
        settings.rows[2].counts = [3, 3, 2, 1];
        settings.rows.remove(3);
        settings.rows.push(counted("task-4", at, 9, [5, 5, 0, 0]));
        settings
            .rows
            .push(counted("elsewhere", at, 2, [6, 6, 0, 0]));
    });
    let different = reconcile(dir, &chat, THEIR_KEY, &["--json"]);
    assert_eq!(different.code, 1, "{}{}", different.out, different.err);
    let told: Value = serde_json::from_str(&different.out).unwrap();
    let reasons = |task: usize, row: usize| told["tasks"][task]["rows"][row]["reasons"].clone();
    // What came two days ago is also the first that ever came.
    assert_eq!(reasons(0, 0), json!(["began_before_us"]));
    assert_eq!(reasons(1, 0), json!(["began_before_us", "never_sent_to"]));
    assert_eq!(
        reasons(2, 0),
        json!(["began_before_us", "stage_never_comes"])
    );
    assert_eq!(reasons(3, 0), json!(["not_known_there"]));
    assert_eq!(reasons(4, 1), json!(["unknown_platform"]));
    assert_eq!(told["tasks"][5]["equal"], true);
    assert_eq!(
        told["tasks"][0]["rows"][0]["sent"],
        json!({"ours": 3, "theirs": 4})
    );
    assert_eq!(told["tasks"].as_array().unwrap().len(), 7);
    let overall = &told["overall"][0];
    assert_eq!(overall["total"]["sent"], json!({"ours": 21, "theirs": 30}));
    assert_eq!(told["equal"], false);

    // One that we never heard of.
    let one = reconcile(dir, &chat, THEIR_KEY, &["--task", "elsewhere"]);
    assert_eq!(one.code, 1, "{}{}", one.out, one.err);
    for expected in [
        "task elsewhere, unknown here",
        "6 fewer planned here, 6 fewer sent here",
        "began_before_us",
    ] {
        assert!(one.out.contains(expected), "{}", one.out);
    }
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named_and_no_other() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = folder();
    let dir = folder.path();
    let (events, rows) = tasks();
    let (chat, other) = (chat(&runtime, rows, true), chat(&runtime, Vec::new(), true));
    fs::write(dir.join("ca.pem"), chat.authority().unwrap()).unwrap();
    fs::write(dir.join("other.pem"), other.authority().unwrap()).unwrap();
    fs::write(dir.join("empty.pem"), "").unwrap();
    let server = Server::start(dir);
    import(&server, &events);

    // Every simulated authority has the same name, so another one is found and has not signed.
    for (more, why) in [
        (&[][..], "UnknownIssuer"),
        (&["--ca-file", "other.pem"], "BadSignature"),
    ] {
        let refused = reconcile(dir, &chat, THEIR_KEY, more);
        assert_eq!(refused.code, 2, "{}{}", refused.out, refused.err);
        let said = ["is not trusted: ", why, "`--ca-file`"];
        assert!(
            said.iter().all(|said| refused.err.contains(said)),
            "{}",
            refused.err
        );
        assert!(!refused.err.contains("again in"), "{}", refused.err);
    }
    assert!(chat.calls().is_empty(), "nothing was signed for a stranger");
    for wrong in ["none.pem", "empty.pem"] {
        let refused = reconcile(dir, &chat, THEIR_KEY, &["--ca-file", wrong]);
        assert_eq!(refused.code, 2, "{}{}", refused.out, refused.err);
        assert!(
            refused.err.contains("`--ca-file` must be") && refused.err.contains(wrong),
            "{}",
            refused.err
        );
    }

    let named = ["--ca-file", "ca.pem", "--task", "task-0"];
    let equal = reconcile(dir, &chat, THEIR_KEY, &named);
    assert_eq!(equal.code, 0, "{}{}", equal.out, equal.err);
    assert_eq!(chat.calls().len(), 1);
}

#[test]
fn what_cannot_be_compared_is_an_error_of_its_own() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = folder();
    let dir = folder.path();
    let chat = chat(&runtime, Vec::new(), false);
    for (key, more, expected) in [
        ("", &[][..], "the key of their app is empty"),
        ("another", &["--task", "t"][..], "70009"),
        (
            THEIR_KEY,
            &["--task", "t", "--identifier", "somebody"],
            "90009",
        ),
        (THEIR_KEY, &["--task", "t", "--identifier", "a b"], "90009"),
        (THEIR_KEY, &["--identifier", ""], "identifier"),
        (THEIR_KEY, &["--from", "soon"], "`--from` must be"),
        (THEIR_KEY, &["--from", "31d"], "seconds apart"),
        (THEIR_KEY, &["--task", ""], "`--task` is empty"),
        (THEIR_KEY, &["--config", "none.toml"], "none.toml"),
    ] {
        let ran = reconcile(dir, &chat, key, more);
        assert_eq!(ran.code, 2, "{more:?}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains(expected) && ran.out.is_empty(),
            "{more:?}: {}",
            ran.err
        );
    }
    let run = |arguments: &[&str]| {
        let output = pushtally(dir).arg("reconcile").args(arguments).output();
        let output = output.unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), err)
    };
    fs::write(dir.join("key"), THEIR_KEY).unwrap();
    fs::set_permissions(dir.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    for (arguments, expected) in [
        (&["1400000000"][..], "TENCENT_CHAT_KEY"),
        (&["7", "--key-file", "key"], "there is no app `7`"),
        (&["1400000000", "--key-file", "none"], "none"),
        (
            &[
                "1400000000",
                "--key-file",
                "key",
                "--host",
                "http://a.example.com",
            ],
            "without TLS",
        ),
        (
            &["1400000000", "--key-file", "key", "--host", "a b"],
            "is no host name",
        ),
        (&["1400000000", "--key", "k"], "--key"),
    ] {
        let (code, err) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}
