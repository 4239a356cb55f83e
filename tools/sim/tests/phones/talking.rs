//! What a phone without faults says, and what it counts.

use pushtally_sim::{Habits, Identity, Proof, Wish};
use serde_json::json;
use tokio::sync::watch;

use super::fixture::{Server, soon};

#[tokio::test]
async fn hello_says_who_it_is() {
    let server = Server::start().await;
    let phone = Identity::numbered("phone", 1, 1);
    let mut bound = phone.clone().bound("user1".into(), "sig".into());
    bound.proof = Proof::UserSig;
    let behind = Habits {
        foreground: false,
        ..Habits::default()
    };
    for (identity, habits, expected) in [
        (
            phone.clone(),
            Habits::default(),
            json!({"type": "hello", "version": 1, "sdkappid": 1_400_000_000,
                "registration_id": "phone-000001", "secret": &*phone.secret, "foreground": true}),
        ),
        (
            bound,
            behind,
            json!({"type": "hello", "version": 1, "sdkappid": 1_400_000_000,
                "registration_id": "phone-000001", "account": "user1", "usersig": "sig", "foreground": false}),
        ),
    ] {
        let (_wish, wished) = watch::channel(Wish::Connected);
        let playing = tokio::spawn(server.phone_of(identity, habits).play(wished));
        let (_line, hello) = server.greet().await;
        assert_eq!(hello, expected);
        playing.abort();
    }
}

#[tokio::test]
async fn a_push_is_shown_acknowledged_and_clicked_once() {
    let server = Server::start().await;
    let habits = Habits {
        clicks: 1,
        ..Habits::default()
    };
    let (_phone, _wish, mut line) = server.playing(habits).await;
    line.push("a").await;
    // Both are due at once, so they share a frame.
    let report = line.hear().await;
    let stages: Vec<_> = (0..2)
        .map(|at| report["reports"][at]["stage"].clone())
        .collect();
    assert_eq!(stages, ["delivered", "clicked"]);
    let push = server.seen.push("a");
    assert_eq!((push.shown.get(), push.delivered.get()), (1, 0));
    line.recorded(&report).await;
    server.sees(|_| push.clicked.get() == 1).await;
    assert_eq!((push.delivered.get(), push.repeats.get()), (1, 0));
    assert_eq!(server.seen.strange.get(), 0);
}

#[tokio::test]
async fn the_same_push_again_is_acknowledged_but_not_shown() {
    let server = Server::start().await;
    let (_phone, _wish, mut line) = server.playing(Habits::default()).await;
    for _ in 0..2 {
        line.push("a").await;
        let (report, stage, id) = line.reported().await;
        assert_eq!((&*stage, &*id), ("delivered", "a"));
        line.recorded(&report).await;
    }
    server.sees(|seen| seen.confirmed.get() == 2).await;
    let push = server.seen.push("a");
    let counts = [&push.shown, &push.repeats, &push.delivered].map(|count| count.get());
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test]
async fn busy_and_unknown_are_understood() {
    let server = Server::start().await;
    let (_phone, _wish, mut line) = server.playing(Habits::default()).await;
    line.push("a").await;
    let (report, ..) = line.reported().await;
    line.say(&json!({"type": "busy", "seq": report["seq"], "retry": 1}))
        .await;
    let (again, stage, id) = line.reported().await;
    assert_eq!((&*stage, &*id), ("delivered", "a"));
    assert_ne!(again["seq"], report["seq"]);
    line.say(&json!({"type": "recorded", "seq": again["seq"], "unknown": ["a"]}))
        .await;
    server.sees(|seen| seen.unknown.get() == 1).await;
    assert_eq!(server.seen.busy.get(), 1);
    assert_eq!(server.seen.push("a").delivered.get(), 0);
}

#[tokio::test]
async fn a_revoked_push_is_taken_away_and_something_else_shown() {
    let server = Server::start().await;
    let (_phone, _wish, mut line) = server.playing(Habits::default()).await;
    line.push("a").await;
    line.reported().await;
    let instead = json!({"title": "Sorry", "desc": "", "ext": ""});
    line.say(&json!({"type": "revoke", "id": "a", "instead": instead}))
        .await;
    let push = server.seen.push("a");
    server.sees(|_| push.replaced.get() == 1).await;
    line.push("a").await;
    line.reported().await;
    let counts = [&push.shown, &push.revoked, &push.replaced].map(|count| count.get());
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(server.seen.strange.get(), 0);
}

#[tokio::test]
async fn frames_that_it_does_not_know_are_ignored() {
    let server = Server::start().await;
    let (_phone, _wish, mut line) = server.playing(Habits::default()).await;
    line.say(&json!({"type": "later", "x": [1]})).await;
    assert!(line.until_pong().await.is_empty());
    assert_eq!(server.seen.strange.get(), 0);
    line.say(&json!({"no": "type"})).await;
    server.sees(|seen| seen.strange.get() == 1).await;
}

#[tokio::test]
async fn wishes_move_it_to_front_and_behind_away_and_back() {
    let server = Server::start().await;
    let (phone, wish, mut line) = server.playing(soon(Habits::default())).await;
    wish.send(Wish::Behind).unwrap();
    let frame = line.hear().await;
    assert_eq!(frame, json!({"type": "foreground", "on": false}));
    line.say(&frame).await;
    server.sees(|seen| seen.flips.get() == 1).await;
    wish.send(Wish::Away).unwrap();
    server.sees(|seen| seen.connected() == 0).await;
    assert!(line.next().await.is_none(), "it goes without a word");
    wish.send(Wish::Behind).unwrap();
    let (_line, hello) = server.greet().await;
    assert_eq!(hello["foreground"], false);
    wish.send(Wish::Gone).unwrap();
    drop(_line);
    let phone = phone.await.unwrap();
    assert_eq!(&*phone.identity().registration_id, "phone-000001");
}

#[tokio::test]
async fn reports_without_an_answer_are_sent_over_the_next_connection() {
    let server = Server::start().await;
    let (_phone, _wish, mut line) = server.playing(soon(Habits::default())).await;
    line.push("a").await;
    line.reported().await;
    drop(line);
    let mut line = server.welcome().await;
    let (report, stage, id) = line.reported().await;
    assert_eq!((&*stage, &*id), ("delivered", "a"));
    line.recorded(&report).await;
    let push = server.seen.push("a");
    server.sees(|_| push.delivered.get() == 1).await;
    assert_eq!((push.shown.get(), server.seen.breaks.get()), (1, 1));
}

#[tokio::test]
async fn close_codes_say_who_comes_back() {
    for (code, back) in [
        (1001, true),
        (4408, true),
        (4429, true),
        (4401, false),
        (4409, false),
        (4410, false),
    ] {
        let server = Server::start().await;
        let (phone, _wish, line) = server.playing(soon(Habits::default())).await;
        line.close(code).await;
        if back {
            server.welcome().await;
        } else {
            phone.await.unwrap();
        }
        assert_eq!(server.seen.closes(), [(code, 1)].into(), "{code}");
    }
}
