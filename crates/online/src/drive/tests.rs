//! Whole sessions over sockets in memory, with a clock that stands still until it is moved.

mod fixture;
mod phones;
mod pushes;
mod socket;

use std::sync::Arc;

use pushtally_channel::{Attention, Channel as _, Outcome, Presence as _};
use pushtally_model::{Cell, Channel, Lane, Number, OwnLoss, Route, Source, Stage};
use serde_json::json;

use self::fixture::{APP, NOW_S, World, message, targets};
const ONE: Number = Number(1);

#[tokio::test]
async fn a_phone_is_welcomed_and_present_until_it_goes() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    assert_eq!(
        world.online.connected(APP, 0),
        [(ONE, Attention::Foreground)]
    );
    client.say(json!({"type": "foreground", "on": false}));
    assert_eq!(
        client.hear().await,
        json!({"type": "foreground", "on": false})
    );
    assert_eq!(
        world.online.attention(APP, ONE),
        Some(Attention::Background)
    );
    client.say(json!({"type": "ping", "later": 1}));
    assert_eq!(client.hear().await, json!({"type": "pong"}));
    client.hang_up();
    client.ended().await;
    assert_eq!(world.online.connected(APP, 0), []);
    assert_eq!(
        (
            world.online.health().sockets,
            world.online.health().closes[&0]
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn whoever_is_not_the_phone_learns_nothing() {
    let world = World::new().await;
    let good = fixture::hello("phone-1");
    let mut wrong_secret = good.clone();
    wrong_secret["secret"] = json!("ffffffffffffffffffffffffffffffff");
    let mut unknown_phone = good.clone();
    unknown_phone["registration_id"] = json!("phone-99");
    let mut other_phone = good.clone();
    other_phone["registration_id"] = json!("phone-2");
    let mut other_app = good.clone();
    other_app["sdkappid"] = json!(fixture::OTHER_APP.0);
    let mut no_app = good.clone();
    no_app["sdkappid"] = json!(404);
    let signed = |account: &str, usersig: String| {
        let mut hello = good.clone();
        hello["secret"] = json!(null);
        hello["account"] = json!(account);
        hello["usersig"] = json!(usersig);
        hello
    };
    let other_account = signed("user2", fixture::usersig("user2"));
    let other_key = signed("user1", fixture::usersig("user2"));
    let no_usersig = signed("user1", "x".to_owned());
    for hello in [
        wrong_secret,
        unknown_phone,
        other_phone,
        other_app,
        no_app,
        other_account,
        other_key,
        no_usersig,
    ] {
        let client = world.open();
        client.say(hello.clone());
        let (code, reason) = client.closed().await;
        assert_eq!(
            (code, reason.as_str()),
            (4401, "phone, secret, account or usersig is wrong"),
            "{hello}"
        );
    }
    assert_eq!(world.online.connected(APP, 0), []);
    let client = world.open();
    client.say(signed("user1", fixture::usersig("user1")));
    assert_eq!(client.hear().await["type"], "welcome");
}

#[tokio::test]
async fn phones_without_a_device_and_apps_that_are_off_are_told_so() {
    let world = World::new().await;
    let client = world.open();
    client.say(fixture::hello("phone-unregistered"));
    assert_eq!(client.closed().await.0, 4410);
    let open = world.connect("phone-1").await;
    world.disable();
    world.online.tick();
    assert_eq!(open.closed().await.0, 4403);
    let client = world.open();
    client.say(fixture::hello("phone-1"));
    assert_eq!(client.closed().await.0, 4403);
    // Who cannot prove anything is not told that the app is off.
    let client = world.open();
    client.say(fixture::hello("phone-99"));
    assert_eq!(client.closed().await.0, 4401);
}

#[tokio::test]
async fn who_unregisters_while_coming_in_does_not_stay() {
    let world = World::new().await;
    world.phones.forget_after_looks(1);
    let client = world.open();
    client.say(fixture::hello("phone-1"));
    assert_eq!(client.closed().await.0, 4410);
    assert_eq!(world.online.connected(APP, 0), []);
    let client = world.connect("phone-2").await;
    world.online.disconnect(APP, Number(2));
    assert_eq!(client.closed().await.0, 4410);
}

#[tokio::test]
async fn a_report_is_answered_after_it_is_durable_and_never_before() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    world.ledger.hold();
    client.say(json!({"type": "report", "seq": 5, "reports": [
        {"id": "task-a", "stage": "delivered", "age": 2_000},
        {"id": "task-a", "stage": "clicked", "channel": "apns", "age": 10_000},
        {"id": "task-none", "stage": "clicked"},
        {"id": "task-none", "stage": "delivered"},
        {"id": "task-imported", "stage": "delivered"},
    ]}));
    world.ledger.called(1).await;
    fixture::let_all_run().await;
    assert_eq!(client.heard(), 0);
    world.ledger.release();
    let answer = client.hear().await;
    assert_eq!(
        answer,
        json!({"type": "recorded", "seq": 5, "unknown": ["task-none", "task-imported"]})
    );
    let calls = world.ledger.calls();
    let [(source, events)] = &calls[..] else {
        panic!("{calls:?}");
    };
    assert_eq!(*source, Source::Client);
    let shown: Vec<_> = events
        .iter()
        .map(|event| (event.app, event.number, event.cell, event.at.0))
        .collect();
    let cell = |route, channel, stage| Cell::new(route, channel, Lane::reached(stage));
    assert_eq!(
        shown,
        [
            (
                APP,
                ONE,
                cell(Route::Online, Channel::Online, Stage::Delivered),
                NOW_S as u32 - 2
            ),
            // Ten seconds ago there was no such task.
            (
                APP,
                ONE,
                cell(Route::Offline, Channel::Apns, Stage::Clicked),
                fixture::ACCEPTED_AT.0
            ),
        ]
    );
    let health = world.online.health();
    assert_eq!(
        (
            health.reports_recorded,
            health.reports_unknown,
            health.reports_clamped
        ),
        (2, 3, 1)
    );
}

#[tokio::test]
async fn another_apps_task_is_unknown() {
    let world = World::new().await;
    let client = world.connect_to(fixture::OTHER_APP, "phone-other").await;
    client.say(
        json!({"type": "report", "seq": 0, "reports": [{"id": "task-a", "stage": "delivered"}]}),
    );
    assert_eq!(client.hear().await["unknown"], json!(["task-a"]));
    assert_eq!(world.ledger.calls(), []);
}

#[tokio::test]
async fn a_ledger_that_refuses_is_busy_and_the_session_goes_on() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    let report = |seq: u64| json!({"type": "report", "seq": seq, "reports": [{"id": "task-a", "stage": "delivered"}]});
    world.ledger.refuse(true);
    client.say(report(1));
    assert_eq!(
        client.hear().await,
        json!({"type": "busy", "seq": 1, "retry": 1000})
    );
    world.ledger.refuse(false);
    client.say(report(1));
    assert_eq!(client.hear().await["type"], "recorded");
    assert_eq!(world.online.health().reports_busy, 1);
}

#[tokio::test]
async fn reports_of_many_sockets_share_few_calls() {
    let world = World::new().await;
    let mut clients = Vec::new();
    for at in 1..=50 {
        clients.push(world.connect(&format!("phone-{at}")).await);
    }
    world.ledger.hold();
    for client in &clients {
        client.say(json!({"type": "report", "seq": 1, "reports": [{"id": "task-a", "stage": "delivered"}]}));
    }
    world.ledger.called(1).await;
    fixture::let_all_run().await;
    world.ledger.release();
    for client in &clients {
        assert_eq!(client.hear().await["type"], "recorded");
    }
    let calls = world.ledger.calls();
    assert!(calls.len() <= 2, "{}", calls.len());
    assert_eq!(
        calls.iter().map(|(_, events)| events.len()).sum::<usize>(),
        50
    );
}

#[tokio::test]
async fn reading_stops_while_many_reports_wait_and_all_are_answered() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    world.ledger.hold();
    for seq in 0..60 {
        client.say(json!({"type": "report", "seq": seq, "reports": [{"id": "task-a", "stage": "delivered"}]}));
    }
    world.ledger.called(1).await;
    fixture::let_all_run().await;
    assert_eq!(client.unread(), 60 - crate::limits::REPORTS_WAITING_MAX);
    world.ledger.release();
    let mut answered = Vec::new();
    for _ in 0..60 {
        answered.push(client.hear().await["seq"].as_u64().unwrap());
    }
    answered.sort_unstable();
    assert_eq!(answered, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_newest_socket_of_a_device_wins() {
    let world = World::new().await;
    let old = world.connect("phone-1").await;
    let new = world.connect("phone-1").await;
    assert_eq!(old.closed().await.0, 4409);
    old.hang_up();
    old.ended().await;
    assert_eq!(
        world.online.connected(APP, 0),
        [(ONE, Attention::Foreground)]
    );
    let sent = world
        .online
        .send(&message("task-a"), &targets([1]))
        .await
        .outcomes;
    assert_eq!(sent, [Outcome::Accepted]);
    assert_eq!(new.hear().await["id"], "task-a");
}

#[tokio::test]
async fn stopping_tells_everyone_and_waits_for_them() {
    let world = World::new().await;
    let admitted = world.connect("phone-1").await;
    let waiting = world.open();
    fixture::let_all_run().await;
    let online = Arc::clone(&world.online);
    let stopping = tokio::spawn(async move { online.stop().await });
    for client in [&admitted, &waiting] {
        assert_eq!(client.closed().await.0, 1001);
        assert!(!stopping.is_finished());
    }
    let late = world.open();
    assert_eq!(late.closed().await.0, 1001);
    let sent = world
        .online
        .send(&message("task-a"), &targets([1]))
        .await
        .outcomes;
    assert_eq!(sent, [Outcome::Lost(OwnLoss::Gone)]);
    for client in [&admitted, &waiting, &late] {
        client.hang_up();
    }
    stopping.await.unwrap();
    assert_eq!(world.online.health().sockets, 0);
}

#[tokio::test]
async fn silence_is_noticed_and_a_sign_of_life_is_enough() {
    let world = World::new().await;
    let quiet = world.connect("phone-1").await;
    let lively = world.connect("phone-2").await;
    for minute in 1..=4 {
        world.clock.advance_ms(60_000);
        world.online.tick();
        assert!(lively.pinged().await, "{minute}");
        lively.pong();
        fixture::let_all_run().await;
    }
    assert_eq!(quiet.closed().await.0, 4408);
    let never = world.open();
    fixture::let_all_run().await;
    world.clock.advance_ms(10_000);
    world.online.tick();
    assert_eq!(never.closed().await.0, 4408);
    assert_eq!(
        world.online.connected(APP, 0),
        [(Number(2), Attention::Foreground)]
    );
}

#[tokio::test]
async fn frames_that_are_wrong_close_with_a_reason() {
    let world = World::new().await;
    for (frame, code, reason) in [
        (
            json!({"type": "foreground", "on": 1}),
            4400,
            "`on` must be true or false, not 1",
        ),
        (
            json!({"type": "x"}),
            4400,
            "`type` must be hello, report, foreground or ping, not \"x\"",
        ),
        (
            json!({"type": "ping", "x": "x".repeat(70_000)}),
            4413,
            "a frame has at most 65536 bytes",
        ),
    ] {
        let client = world.connect("phone-1").await;
        client.say(frame);
        assert_eq!(client.closed().await, (code, reason.to_owned()));
        client.hang_up();
        client.ended().await;
    }
    let client = world.open();
    let mut hello = fixture::hello("phone-1");
    hello["version"] = json!(2);
    client.say(hello);
    assert_eq!(client.closed().await, (4406, "1".to_owned()));
}
