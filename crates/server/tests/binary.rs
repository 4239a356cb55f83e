//! The real binary: what it prints, how it ends, and a server on free ports.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "shared/server.rs"]
#[allow(dead_code, reason = "each of the tests that share it uses a part")]
mod server;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use server::{Server, pushtally};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(dir: &Path, arguments: &[&str]) -> Ran {
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

fn done(dir: &Path, arguments: &[&str]) -> String {
    let Ran { code, out, err } = run(dir, arguments);
    assert_eq!(code, 0, "{arguments:?}: {out}{err}");
    out
}

fn signal(server: &Server, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), server.child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

const CONFIG: &str = r#"
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

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pushtally.toml"), CONFIG).unwrap();
    folder
}

fn post(address: &str, path: &str, body: &str) -> serde_json::Value {
    let answer = exchange(address, &format!("POST {path}"), body);
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
}

fn exchange(address: &str, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let len = body.len();
    write!(stream, "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").expect("no body").1.to_owned()
}

#[test]
fn configuration_is_printed_checked_and_refused() {
    let folder = folder();
    let dir = folder.path();
    let default = done(dir, &["config", "print", "--default"]);
    assert!(default.starts_with("# Pushtally's configuration"));
    let effective = done(dir, &["config", "print"]);
    assert!(
        effective.contains("key = \"(hidden)\"") && !effective.contains("declared-key"),
        "{effective}"
    );
    assert!(
        effective.contains("format = \"json\"  # pushtally.toml:8"),
        "{effective}"
    );
    let checked = done(dir, &["config", "check"]);
    assert!(
        checked.contains("declared apps  1400000000") && checked.ends_with("ok\n"),
        "{checked}"
    );

    fs::write(dir.join("bad.toml"), "[stop]\ngrace = 1\n").unwrap();
    for command in [["config", "check"], ["ledger", "stat"], ["app", "list"]] {
        let ran = run(
            dir,
            &[&["--config", "bad.toml"], command.as_slice()].concat(),
        );
        assert_eq!(ran.code, 2);
        assert!(
            ran.err.contains("bad.toml:2: unknown key `stop.grace`"),
            "{}",
            ran.err
        );
    }
    assert_eq!(run(dir, &["no-such-command"]).code, 2);
    assert_eq!(run(dir, &["--config", "missing.toml", "serve"]).code, 2);
}

#[test]
fn usersigs_are_made_checked_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("key"), "secret-key\n").unwrap();
    fs::set_permissions(dir.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let caller = ["--sdkappid", "7", "--identifier", "admin"];
    let with = |act: &str, rest: &[&str]| {
        let arguments: Vec<&str> = ["usersig", act]
            .iter()
            .chain(&caller)
            .chain(rest)
            .copied()
            .collect();
        run(dir, &arguments)
    };
    let made = with(
        "make",
        &[
            "--key-file",
            "key",
            "--expire-days",
            "1",
            "--userbuf",
            "abc",
        ],
    );
    let usersig = made.out.trim();
    assert_eq!((made.code, usersig.is_empty()), (0, false));
    let checked = with("check", &["--key", "secret-key", usersig]);
    assert!(
        checked.code == 0 && checked.out.starts_with("ok, 86"),
        "{}",
        checked.out
    );
    let wrong = with("check", &["--key", "another-key", usersig]);
    assert!(
        wrong.code == 1 && wrong.out.starts_with("70009 "),
        "{}",
        wrong.out
    );
    let explained = run(dir, &["usersig", "explain", usersig]);
    assert!(
        explained.code == 0 && explained.out.contains("TLS.identifier  `admin`"),
        "{}",
        explained.out
    );
    let cut = run(dir, &["usersig", "explain", &usersig[..20]]);
    assert!(cut.code == 1 && cut.out.contains("70003"), "{}", cut.out);
    assert_eq!(with("make", &[]).code, 2);
    assert_eq!(
        run(
            dir,
            &[
                "usersig",
                "make",
                "--sdkappid",
                "7",
                "--identifier",
                "",
                "--key",
                "k"
            ]
        )
        .code,
        2
    );
}

#[test]
fn completions_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = done(folder.path(), &["completions", shell]);
        assert!(script.contains("rotate-key"), "{shell}");
    }
}

#[test]
fn apps_and_ledger_without_a_server() {
    let folder = folder();
    let dir = folder.path();
    let added = done(
        dir,
        &["app", "add", "7", "--admin", "root", "--callback-token"],
    );
    let key = added
        .lines()
        .find_map(|line| line.strip_prefix("key: "))
        .unwrap();
    assert_eq!(key.len(), 64);
    assert!(added.contains("callback token: "));
    let listed = done(dir, &["app", "list"]);
    assert!(
        !listed.contains(key) && listed.contains("pushtally.toml:10"),
        "{listed}"
    );
    let apps: serde_json::Value =
        serde_json::from_str(&done(dir, &["app", "list", "--json"])).unwrap();
    assert_eq!(apps[0]["sdkappid"], 7);
    let refused = run(dir, &["app", "rotate-key", "1400000000"]);
    assert!(
        refused.code == 1 && refused.err.contains("is declared at"),
        "{}",
        refused.err
    );
    assert!(done(dir, &["app", "rotate-key", "7"]).contains("has 2 keys"));
    assert!(done(dir, &["app", "rotate-key", "7", "--drop-old"]).contains("1 old keys"));
    let rotated = done(dir, &["app", "rotate-client-key", "7"]);
    assert!(rotated.contains("client key: "), "{rotated}");
    assert!(done(dir, &["ledger", "verify"]).ends_with("ok\n"));
    assert!(done(dir, &["audience", "verify"]).ends_with("ok\n"));
    assert!(done(dir, &["ledger", "stat", "--json"]).contains("\"log_next\""));
    done(dir, &["ledger", "digest"]);
}

#[test]
fn a_server_serves_obeys_the_command_line_and_stops_gracefully() {
    let folder = folder();
    let dir = folder.path();
    let mut server = Server::start(dir);
    assert_eq!(
        exchange(&server.public, "GET /health/ready", ""),
        r#"{"ready":true}"#
    );
    assert!(exchange(&server.operator, "GET /metrics", "").contains("pushtally_"));

    let added = done(dir, &["app", "add", "8"]);
    fs::write(
        dir.join("key"),
        added
            .lines()
            .find_map(|line| line.strip_prefix("key: "))
            .unwrap(),
    )
    .unwrap();
    let make = [
        "usersig",
        "make",
        "--sdkappid",
        "8",
        "--identifier",
        "administrator",
        "--key-file",
        "key",
    ];
    let usersig = done(dir, &make);
    let call = format!(
        "identifier=administrator&usersig={}&random=1&contenttype=json",
        usersig.trim()
    );
    let events = r#"{"Events":[{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"t","TaskTime":1700000000,
        "EventTime":1700000001,"To_Account":"a","PushPlatform":1,"PushStage":1,"ErrCode":0,"ErrInfo":"OK"}]}"#;
    for _ in 0..2 {
        let taken = post(
            &server.public,
            &format!("/v1/events?SdkAppid=8&{call}"),
            events,
        );
        assert_eq!(taken["ErrorCode"], 0, "{taken}");
    }
    let query = r#"{"StartTime":1700000000,"EndTime":1700000100,"TaskID":["t"]}"#;
    let path = format!("/v4/timpush/all_member_push_statistics?sdkappid=8&{call}");
    let answer = post(&server.public, &path, query);
    assert_eq!(answer["Results"][0]["SentCount"], 1, "{answer}");

    let second = run(dir, &["serve"]);
    assert_eq!(second.code, 1, "{}", second.err);
    let backup = done(dir, &["backup", "copy"]);
    assert!(backup.contains("bytes copied"), "{backup}");
    let compared = done(dir, &["audience", "verify", "--app", "8"]);
    assert!(
        compared.starts_with("8 ") && compared.ends_with("ok\n"),
        "{compared}"
    );
    let digest = done(dir, &["ledger", "digest"]);

    signal(&server, "TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(!dir.join("data/control.sock").exists());
    assert_eq!(done(dir, &["ledger", "digest"]), digest);

    fs::rename(dir.join("data"), dir.join("lost")).unwrap();
    assert!(done(dir, &["restore", "copy"]).contains("restored and checked"));
    assert_eq!(done(dir, &["ledger", "digest"]), digest);
    let server = Server::start(dir);
    assert_eq!(
        post(&server.public, &path, query)["Results"],
        answer["Results"]
    );
}

/// Reads one request from a connection and answers it with status 200.
fn hear(listener: &std::net::TcpListener) -> (String, String) {
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "cut: {head}");
    }
    let len = head
        .to_lowercase()
        .split_once("content-length: ")
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; len];
    stream.read_exact(&mut body).unwrap();
    stream
        .get_mut()
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        .unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn accepted_calls_are_relayed_byte_for_byte() {
    let folder = folder();
    let dir = folder.path();
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/im?mine=1", receiver.local_addr().unwrap());
    fs::write(
        dir.join("pushtally.toml"),
        format!("[outgoing]\nallow_networks = [\"127.0.0.0/8\"]\n{CONFIG}relay_to = \"{url}\"\n"),
    )
    .unwrap();
    let server = Server::start(dir);
    let make = [
        "usersig",
        "make",
        "--sdkappid",
        "1400000000",
        "--identifier",
        "administrator",
        "--key",
    ];
    let usersig = done(dir, &[make.as_slice(), &["declared-key"]].concat());
    let query = format!(
        "SdkAppid=1400000000&CallbackCommand=Push.AllMemberPush&contenttype=json&identifier=administrator&usersig={}&x=%2f+",
        usersig.trim()
    );
    let body = "{ \"Events\":\t[{\"CallbackCommand\":\"Push.AllMemberPush\",\"EventType\":1,\"TaskId\":\"t\",\
                \"TaskTime\":1700000000,\"EventTime\":1700000001,\"To_Account\":\"a\",\"PushPlatform\":1,\
                \"PushStage\":1,\"ErrCode\":0,\"ErrInfo\":\"\u{e9}\"}]}\n";
    let taken = post(&server.public, &format!("/v1/events?{query}"), body);
    assert_eq!(taken["ErrorCode"], 0, "{taken}");
    let (head, heard) = hear(&receiver);
    assert!(
        head.starts_with(&format!("POST /im?mine=1&{query} HTTP/1.1\r\n")),
        "{head}"
    );
    assert_eq!(heard, body);
}

#[test]
fn receipts_of_another_system_outlive_a_kill_and_reach_its_address() {
    let folder = folder();
    let dir = folder.path();
    let configure = |url: &str| {
        let credentials = r#"credentials = { app_id = "1", client_id = "2", client_secret = "s" }"#;
        fs::write(
            dir.join("pushtally.toml"),
            format!(
                "[outgoing]\nallow_networks = [\"127.0.0.0/8\"]\n{CONFIG}receipts_key = \"r3ceipts\"\n\
                 [[app.channel]]\nname = \"honor\"\n{credentials}\nreceipts_relay_to = \"{url}\"\n"
            ),
        )
        .unwrap();
    };
    // Nobody listens any more where it says at first, so the body is still there after the kill.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    configure(&format!("http://{}/", gone.local_addr().unwrap()));
    drop(gone);
    let server = Server::start(dir);
    let body = "{ \"statuses\":\t[{\"biTag\":\"theirs\",\"token\":\"t\",\"status\":40000002,\"timestamp\":1}]}\n";
    let path = "/v3/offline_push_report/honor/1400000000/r3ceipts";
    let answer = post(&server.public, &format!("{path}?x=%2f"), body);
    assert_eq!(answer["code"], "0", "{answer}");
    drop(server);

    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    configure(&format!("http://{address}/old?mine=1"));
    let printed = done(dir, &["config", "print"]);
    assert!(!printed.contains("mine=1"), "{printed}");
    let _server = Server::start(dir);
    let (head, heard) = hear(&receiver);
    assert!(
        head.starts_with("POST /old?mine=1&x=%2f HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(heard, body);
}

/// What a demo's folder counted before its webhooks were played. A phone that is behind counts on two routes, so that how
/// many that are depends on the crowd.
fn counted_before(said: &str) -> u64 {
    let (_, rest) = said
        .split_once("Overall TotalCount of this folder: ")
        .unwrap();
    let (count, _) = rest.split_once(" before").unwrap();
    count.replace(',', "").parse().unwrap()
}

#[test]
fn a_demo_agrees_with_itself_and_continues_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // Two pushes and a batch to 100 phones, then the webhooks of a push to 3,000 devices.
    let small = ["demo", "--once", "--phones", "100", "--devices", "3000"];
    let first = done(dir, &small);
    assert!(
        !first.contains("DIFFER")
            && first.contains("no count differs")
            && (300..=600).contains(&counted_before(&first)),
        "{first}"
    );

    // Killed while it plays: at the first line of the funnel that shows webhooks.
    let mut child = pushtally(dir)
        .args(["demo", "--keep", "--phones", "100", "--devices", "200000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(" events/s")));
    child.kill().unwrap();
    child.wait().unwrap();

    let again = done(
        dir,
        &[small.as_slice(), &["--keep", "--seed", "7"]].concat(),
    );
    assert!(again.contains("no count differs"), "{again}");
    assert!(
        counted_before(&again) > counted_before(&first) + 3_000,
        "{again}"
    );
    let fresh = done(dir, &small);
    assert_eq!(counted_before(&fresh), counted_before(&first), "{fresh}");

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("thesis.txt"), "").unwrap();
    let refused = run(other.path(), &["demo", "--once", "--dir", "."]);
    assert!(
        refused.code == 1 && refused.err.contains("no demo has made"),
        "{}",
        refused.err
    );
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn pushes_are_stored_without_a_server_and_steered_with_and_without_one() {
    let folder = folder();
    let dir = folder.path();
    done(dir, &["app", "add", "7"]);
    let pushed = done(
        dir,
        &["push", "7", "--title", "Hello", "--life-time", "600"],
    );
    assert!(pushed.contains("goes out when one starts"), "{pushed}");
    let listed = json(&done(dir, &["task", "list", "--app", "7", "--json"]));
    let id = listed["tasks"][0]["id"].as_str().unwrap().to_owned();
    assert!(pushed.contains(&id));
    let shown = json(&done(dir, &["task", "show", "7", &id, "--json"]));
    assert_eq!(shown["title"], "Hello");
    let refused = run(dir, &["push", "7", "--title", "x", "--to", "nobody"]);
    assert!(
        refused.code == 1 && refused.err.contains("none of the accounts exists: nobody"),
        "{}",
        refused.err
    );
    assert_eq!(run(dir, &["push", "7"]).code, 1);
    assert_eq!(run(dir, &["task", "list", "--limit", "0"]).code, 2);

    let server = Server::start(dir);
    assert_eq!(done(dir, &["app", "pause", "7"]), "app 7 is paused\n");
    let shown = json(&done(dir, &["task", "show", "7", &id, "--json"]));
    assert_eq!(shown["app_paused"], true);
    let tasks = json(&done(dir, &["tasks", "--app", "7", "--json"]));
    assert_eq!(tasks["tasks"][0]["id"], id.as_str());
    let trace = json(&done(dir, &["trace", "7", &id, "u1", "--json"]));
    assert_eq!(
        (&trace["user"], &trace["ways"]),
        (&"u1".into(), &serde_json::json!([]))
    );
    assert!(done(dir, &["trace", "7", &id, "u1"]).contains("nothing is known of u1"));
    assert_eq!(run(dir, &["trace", "7", "nothing", "u1"]).code, 1);
    let stats = json(&done(
        dir,
        &["stats", "7", "--task", &id, "--from", "2h", "--json"],
    ));
    assert_eq!(stats["scopes"][0]["total"]["planned"], 0);
    let stats = done(dir, &["stats", "7"]);
    assert!(
        stats.contains("all pushes\n") && stats.contains("all message pushes\n"),
        "{stats}"
    );
    assert_eq!(
        run(dir, &["stats", "7", "--from", "9", "--to", "3"]).code,
        2
    );
    assert_eq!(done(dir, &["app", "resume", "7"]), "app 7 goes on\n");
    let path = format!("/v1/apps/7/tasks/{id}");
    let shown = json(&exchange(&server.operator, &format!("GET {path}"), ""));
    assert_eq!(shown["id"], id.as_str());

    let table = done(dir, &["audit", "--app", "7"]);
    let audit = json(&done(dir, &["audit", "--app", "7", "--json"]));
    let told: Vec<(&str, &str)> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            (
                entry["what"].as_str().unwrap(),
                entry["from"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("app add", "command line"),
            ("push", "command line"),
            ("app pause", "control socket"),
            ("app resume", "control socket"),
        ]
    );
    assert!(
        table.contains("control socket") && table.contains(&id),
        "{table}"
    );
}

#[test]
fn files_are_imported_and_exported_with_and_without_a_server() {
    let folder = folder();
    let dir = folder.path();
    done(dir, &["app", "add", "7"]);
    let device = |n: u32| format!("{{\"registration_id\":\"p{n:05}\",\"account\":\"用户{n}\"}}\n");
    let half = |from: u32| (from..from + 5000).map(device).collect::<String>();
    fs::write(dir.join("first"), half(0)).unwrap();
    fs::write(dir.join("second"), half(5000)).unwrap();
    let told = done(dir, &["import", "devices", "7", "first"]);
    assert_eq!(told, "5000 rows: 5000 new, 0 changed, 0 same, 0 bad\n");

    let server = Server::start(dir);
    let told = done(dir, &["import", "devices", "7", "second"]);
    assert_eq!(told, "5000 rows: 5000 new, 0 changed, 0 same, 0 bad\n");
    let all = half(0) + &half(5000);
    assert_eq!(done(dir, &["export", "devices", "7"]), all);
    fs::write(
        dir.join("tags.csv"),
        "account,tag\n用户1,vip\n用户1,\"a,b\"\nnew,vip\n",
    )
    .unwrap();
    let told = done(dir, &["import", "tags", "7", "tags.csv"]);
    assert_eq!(told, "2 rows: 1 new, 1 changed, 0 same, 0 bad\n");
    fs::write(
        dir.join("bad.csv"),
        "account,city\n用户1,\nnew,x,y\nnew,深圳\n",
    )
    .unwrap();
    let named = ["import", "attributes", "7", "bad.csv", "--name", "0=city"];
    let Ran { code, out, err } = run(dir, &named);
    assert_eq!(code, 1, "{err}");
    assert_eq!(
        out,
        "3 rows: 0 new, 1 changed, 1 same, 1 bad\nbad rows are in bad.csv.bad\n"
    );
    let report = fs::read_to_string(dir.join("bad.csv.bad")).unwrap();
    assert_eq!(
        report,
        "{\"line\":3,\"reason\":\"the line has 3 cells, the first one has 2\"}\n"
    );
    let refused = run(dir, &["import", "tags", "9", "tags.csv"]);
    assert!(
        refused.err.contains("there is no app `9`"),
        "{}",
        refused.err
    );

    drop(server);
    assert_eq!(done(dir, &["export", "devices", "7"]), all);
    done(dir, &["export", "tags", "7", "out.csv"]);
    assert_eq!(
        fs::read_to_string(dir.join("out.csv")).unwrap(),
        "account,kind,tag\nnew,,vip\n用户1,,\"a,b\"\n用户1,,vip\n"
    );
    assert_eq!(
        run(dir, &["export", "tags", "7", "out.csv"]).code,
        1,
        "it exists"
    );
    assert_eq!(
        done(dir, &["export", "attributes", "7"]),
        "{\"account\":\"new\",\"attributes\":{\"city\":\"深圳\"}}\n"
    );
    assert!(done(dir, &["audience", "verify"]).ends_with("ok\n"));
    assert_eq!(
        run(dir, &["import", "devices", "7", "first", "--replace"]).code,
        2
    );
    let audit = done(dir, &["audit", "--app", "7"]);
    let noted = audit.matches("import devices end").count();
    assert_eq!(noted, 2, "{audit}");
}

#[test]
fn tokens_are_checked_and_given_back_with_and_without_a_server() {
    let folder = folder();
    let dir = folder.path();
    done(dir, &["app", "add", "7"]);
    let token = "{\"channel\":\"apns\",\"token\":\"ab01\",\"cert_id\":3}";
    let row = format!("{{\"registration_id\":\"p1\",\"tokens\":[{token}]}}\n");
    fs::write(dir.join("phones"), row + "{\"registration_id\":\"p2\"}\n").unwrap();
    done(dir, &["import", "devices", "7", "phones"]);
    let check = ["devices", "check", "7", "--json"];
    let restore = ["devices", "restore", "7", "apns", "--since", "2h"];
    let release = ["devices", "release", "7", "apns", "--cert-id", "3"];

    let state = json(&done(dir, &check));
    assert_eq!(
        (&state["devices"], &state["without_token"]),
        (&2.into(), &1.into())
    );
    let line = &state["lines"][0];
    assert_eq!(
        (&line["channel"], &line["cert_id"]),
        (&"apns".into(), &3.into())
    );
    assert_eq!((&line["tokens"], &line["dropped"]), (&1.into(), &0.into()));
    assert!(
        state["brakes"].is_null() && line["has_account"].is_null(),
        "{state}"
    );
    assert!(done(dir, &restore).starts_with("0 tokens given back, of those dropped since 2"));
    let refused = run(dir, &release);
    assert!(
        refused.code == 1 && refused.err.contains("no server runs"),
        "{}",
        refused.err
    );

    let server = Server::start(dir);
    let state = json(&done(dir, &check));
    assert_eq!(state["brakes"], serde_json::json!([]));
    assert_eq!(state["lines"][0]["has_account"], false);
    assert_eq!(done(dir, &release), "0 brakes released\n");
    done(dir, &restore);
    let table = done(dir, &["devices", "check", "7", "--channel", "apns"]);
    assert!(
        table.contains("devices            2\n") && table.contains("no brake is on"),
        "{table}"
    );
    let audit = done(dir, &["audit", "--app", "7"]);
    assert_eq!(audit.matches("devices restore").count(), 2, "{audit}");
    assert_eq!(audit.matches("devices release").count(), 1, "{audit}");
    drop(server);

    for (wrong, code, told) in [
        (&["devices", "check", "9"][..], 1, "there is no app `9`"),
        (
            &["devices", "restore", "7", "online", "--since", "0"],
            2,
            "must be one of apns",
        ),
        (
            &["devices", "restore", "7", "apns", "--since", "soon"],
            2,
            "not `soon`",
        ),
    ] {
        let ran = run(dir, wrong);
        assert!(ran.code == code && ran.err.contains(told), "{}", ran.err);
    }
}
