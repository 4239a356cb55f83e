//! Habits that a server must bear.

use pushtally_sim::{Behaviour, Habits};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::fixture::{Server, soon};

#[tokio::test]
async fn a_silent_phone_never_acknowledges() {
    let server = Server::start().await;
    let silent = Behaviour {
        silent_percent: 100,
        ..Behaviour::default()
    };
    let (_phone, _wish, mut line) = server.playing(silent.habits(1)).await;
    line.push("a").await;
    assert!(line.until_pong().await.is_empty());
    assert_eq!(server.seen.push("a").shown.get(), 1);
}

#[tokio::test]
async fn acknowledging_and_clicking_twice_counts_once_here_too() {
    let server = Server::start().await;
    let twice = Behaviour {
        ack_twice_percent: 100,
        click_percent: 100,
        click_twice_percent: 100,
        ..Behaviour::default()
    };
    let (_phone, _wish, mut line) = server.playing(twice.habits(1)).await;
    line.push("a").await;
    for _ in 0..2 {
        let report = line.hear().await;
        assert_eq!(report["reports"].as_array().unwrap().len(), 2);
        line.recorded(&report).await;
    }
    server.sees(|seen| seen.confirmed.get() == 4).await;
    let push = server.seen.push("a");
    assert_eq!((push.delivered.get(), push.clicked.get()), (1, 1));
}

#[tokio::test]
async fn a_phone_that_leaves_comes_back_and_acknowledges_then() {
    let server = Server::start().await;
    let leaves = Habits {
        leaves: true,
        ..soon(Habits::default())
    };
    let (_phone, _wish, mut line) = server.playing(leaves).await;
    line.push("a").await;
    assert!(matches!(line.next().await, Some(Message::Close(Some(_)))));
    let mut line = server.welcome().await;
    let (report, stage, id) = line.reported().await;
    assert_eq!((&*stage, &*id), ("delivered", "a"));
    line.recorded(&report).await;
    // Shown already: it stays.
    line.push("a").await;
    line.reported().await;
    assert!(line.until_pong().await.is_empty());
    assert_eq!(server.seen.push("a").repeats.get(), 1);
}

#[tokio::test]
async fn a_slow_phone_reads_nothing_for_a_while() {
    let server = Server::start().await;
    let slow = Behaviour {
        slow_percent: 100,
        pause_ms: 200,
        ..Behaviour::default()
    };
    let (_phone, _wish, mut line) = server.playing(slow.habits(1)).await;
    line.push("a").await;
    line.push("b").await;
    let before = server.seen.now();
    let (_, _, first) = line.reported().await;
    // The pause began when `a` was read, after `before` at the earliest; its report waits for the end of it.
    let (a, b) = (server.seen.push("a"), server.seen.push("b"));
    let waited = server.seen.now() - a.shown.last().min(before);
    assert!(first == "a" && waited.as_millis() >= 190, "{waited:?}");
    server.sees(|_| b.shown.get() == 1).await;
    assert!((b.shown.last() - a.shown.last()).as_millis() >= 190);
}

#[tokio::test]
async fn a_restless_phone_flips_after_each_push() {
    let server = Server::start().await;
    let restless = Behaviour {
        flip_percent: 100,
        silent_percent: 100,
        ..Behaviour::default()
    };
    let (_phone, _wish, mut line) = server.playing(restless.habits(1)).await;
    for (id, on) in [("a", false), ("b", true)] {
        line.push(id).await;
        let frame = line.hear().await;
        assert_eq!(frame, json!({"type": "foreground", "on": on}));
        line.say(&frame).await;
    }
    server.sees(|seen| seen.flips.get() == 2).await;
}
