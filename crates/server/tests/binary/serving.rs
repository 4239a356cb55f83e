//! Apps and the ledger without a server, and a server from its start to its end.

use std::fs;

use crate::fixture::{done, exchange, folder, post, run, signal};
use crate::server::Server;

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
