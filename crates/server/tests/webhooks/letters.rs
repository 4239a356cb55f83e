//! A receiver that is dead for longer than events may wait: what it missed is replayed from the log, or is told to be gone
//! from there.

use std::path::Path;

use pushtally_model::Origin;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::server::{Server, pushtally};
use crate::{APP, PHONES, install, past, until};

/// Longer than this is too long: an hour to wait for the receiver, a day to be kept.
const BOUNDS: &str = "traces_days = 1\n[webhook]\nwait_s = 3600\n";
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
/// Tasks of the letter that is kept: six calls are the least that it takes.
const KEPT: [&str; 10] = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"];

/// What `pushtally webhook` says.
fn webhook(dir: &Path, arguments: &[&str]) -> String {
    let ran = pushtally(dir).arg("webhook").args(arguments).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// The dead letters: number, events, why.
fn letters(dir: &Path) -> Vec<Value> {
    let rows = webhook(dir, &["dead", "--json"]);
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let letters = rows[0]["letters"].as_array().cloned().unwrap_or_default();
    let row = |letter: &Value| json!([letter["id"], letter["events"], letter["why"]]);
    letters.iter().map(row).collect()
}

fn segments(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("data/events")).unwrap().count()
}

#[test]
fn a_dead_letter_is_replayed_through_a_kill_while_the_log_has_it_and_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let receiver = Receiver::start(|event| {
        assert_eq!(
            (&event["PushStage"], &event["ErrCode"]),
            (&json!(1), &json!(0)),
            "{event}"
        );
        let task = event["TaskId"].as_str().unwrap();
        assert_eq!(event["DataId"], format!("run {task}"));
    });
    receiver.answer(0);
    let accounts = install(dir, receiver.address, BOUNDS);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let record = |ago_s: u64, origin: Origin, tasks: &[&str]| {
        runtime.block_on(past::record(dir, ago_s, (origin, tasks), &accounts));
    };
    // What is recorded before an app's first start with a receiver is not sent.
    Server::start(dir).kill();

    record(3 * DAY_S, Origin::Own, &["gone 1", "gone 2"]);
    let server = Server::start(dir);
    let late = |id: usize, tasks: usize| {
        json!([id, tasks * PHONES, "the receiver did not take them in time"])
    };
    until("it is given up", || letters(dir) == [late(1, 2)]);
    server.kill();

    // The log drops whole segments before one that is old, too: what was imported is nothing to be sent.
    record(2 * DAY_S, Origin::Imported, &["imported"]);
    let before = segments(dir);
    let server = Server::start(dir);
    until("it is dropped", || segments(dir) < before);
    let told = webhook(dir, &["replay", &APP.to_string()]);
    assert_eq!(
        told,
        format!("1 dead letters of app {APP} are sent after all\n")
    );
    let gone = json!([1, null, "the log no longer had them"]);
    until("it is told to be gone", || letters(dir) == [gone.clone()]);
    server.kill();

    record(2 * HOUR_S, Origin::Own, &KEPT);
    let server = Server::start(dir);
    let both = [gone.clone(), late(2, KEPT.len())];
    until("the other is given up", || letters(dir) == both);
    server.kill();
    assert!(receiver.heard().is_empty());

    // It is back for one answer, and the server is killed after it.
    receiver.answer(1);
    let server = Server::start(dir);
    assert_eq!(letters(dir), both);
    webhook(dir, &["replay", &APP.to_string(), "2"]);
    until("it hears", || !receiver.heard().is_empty());
    server.kill();
    assert_eq!(letters(dir), both);
    receiver.answer(usize::MAX);
    let _server = Server::start(dir);
    until("all is sent", || letters(dir) == [gone.clone()]);
    let heard = receiver.heard();
    for task in KEPT {
        for account in &accounts {
            let seqs = heard.get(&(task.to_owned(), account.clone()));
            assert_eq!(seqs.map(|seqs| seqs.len()), Some(1), "{task} {account}");
        }
    }
    assert_eq!(heard.len(), KEPT.len() * PHONES);
}
