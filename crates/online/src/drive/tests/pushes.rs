//! What a send is answered: taken, slow or gone, and what is sent again.

use std::sync::Arc;

use pushtally_channel::{
    Channel as _, Missed as Again, Outcome, Presence as _, Redeliver, Revoked,
};
use pushtally_model::{AppId, Notification, Number, OwnLoss, TaskId, Translation};
use serde_json::json;

use super::fixture::{self, APP, NOW_S, World, message, targets};
use crate::limits::{FRAME_LEN_MAX, QUEUE_LEN_MAX, REDELIVERED_MAX, REVOCATIONS_WAITING_MAX};

#[tokio::test]
async fn a_push_is_accepted_by_those_who_took_it_and_gone_for_the_others() {
    let world = World::new().await;
    let one = world.connect("phone-1").await;
    let two = world.connect("phone-2").await;
    let sent = world
        .online
        .send(&message("task-a"), &targets([2, 3, 1, 70_000]))
        .await
        .outcomes;
    let gone = Outcome::Lost(OwnLoss::Gone);
    assert_eq!(
        sent,
        [Outcome::Accepted, gone.clone(), Outcome::Accepted, gone]
    );
    let push = one.hear().await;
    assert_eq!(
        push,
        json!({
            "type": "push", "id": "task-a", "title": "Title", "desc": "Text", "ext": "{}", "data_id": "d",
            "accepted": i64::from(fixture::ACCEPTED_AT.0) * 1000, "expires": (NOW_S + 3600) * 1000,
        })
    );
    assert_eq!(two.hear().await, push);
    assert_eq!(
        world.online.send(&message("task-a"), &[]).await.outcomes,
        []
    );
    assert_eq!(world.online.health().pushes, 2);
}

#[tokio::test]
async fn everyone_reads_a_push_in_their_language() {
    let world = World::new().await;
    let phones = ["phone-1", "phone-2"];
    let (one, two) = (
        world.connect(phones[0]).await,
        world.connect(phones[1]).await,
    );
    let mut translated = message("task-a");
    let translation = |language: &str, title: &str| Translation {
        language: language.to_owned(),
        title: title.to_owned(),
        desc: String::new(),
    };
    let too_long = "x".repeat(FRAME_LEN_MAX);
    translated.notification.translations =
        vec![translation("zh-hant", "標題"), translation("de", &too_long)];
    let mut targets = targets([1, 2]);
    for (languages, titles) in [
        (["zh-TW", "en"], ["標題", "Title"]),
        (["de", "zh_Hant"], ["Title", "標題"]),
    ] {
        for (target, language) in targets.iter_mut().zip(languages) {
            language.clone_into(&mut target.language);
        }
        let sent = world.online.send(&translated, &targets).await.outcomes;
        assert_eq!(sent, [Outcome::Accepted, Outcome::Accepted]);
        for (client, title) in [&one, &two].into_iter().zip(titles) {
            let push = client.hear().await;
            assert_eq!(
                (&push["title"], &push["desc"]),
                (&json!(title), &json!("Text"))
            );
        }
    }
}

#[tokio::test]
async fn a_push_is_not_accepted_before_the_socket_took_it() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    client.stick(true);
    let online = Arc::clone(&world.online);
    let sending = tokio::spawn(async move {
        online
            .send(&message("task-a"), &targets([1]))
            .await
            .outcomes
    });
    fixture::let_all_run().await;
    assert!(!sending.is_finished());
    client.stick(false);
    assert_eq!(sending.await.unwrap(), [Outcome::Accepted]);
}

#[tokio::test]
async fn a_socket_that_takes_nothing_loses_what_waits_as_slow() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    client.stick(true);
    let send = || {
        let online = Arc::clone(&world.online);
        tokio::spawn(async move {
            online
                .send(&message("task-a"), &targets([1]))
                .await
                .outcomes
        })
    };
    // One is in the socket's buffer, the others wait.
    let mut sending = Vec::new();
    for _ in 0..=QUEUE_LEN_MAX {
        sending.push(send());
        fixture::let_all_run().await;
    }
    assert!(sending.iter().all(|sending| !sending.is_finished()));
    let slow = [Outcome::Lost(OwnLoss::Slow)];
    assert_eq!(send().await.unwrap(), slow, "one too many");
    world.clock.advance_ms(9_999);
    world.online.tick();
    fixture::let_all_run().await;
    assert!(sending.iter().all(|sending| !sending.is_finished()));
    world.clock.advance_ms(1);
    world.online.tick();
    for sending in sending {
        assert_eq!(sending.await.unwrap(), slow);
    }
    client.ended().await;
    assert_eq!(world.online.connected(APP, 0), []);
    assert_eq!(world.online.health().closes[&4429], 1);
}

#[tokio::test]
async fn what_waits_for_a_socket_that_ends_is_gone() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    client.stick(true);
    let online = Arc::clone(&world.online);
    let sending = tokio::spawn(async move {
        online
            .send(&message("task-a"), &targets([1, 1]))
            .await
            .outcomes
    });
    fixture::let_all_run().await;
    client.hang_up();
    let gone = || Outcome::Lost(OwnLoss::Gone);
    assert_eq!(sending.await.unwrap(), [gone(), gone()]);
}

struct Missed(usize);

#[async_trait::async_trait]
impl Redeliver for Missed {
    async fn missed(&self, app: AppId, number: Number) -> Vec<Again> {
        assert_eq!((app, number), (APP, Number(1)));
        let missed = |at| match at % 3 {
            0 => Again::Revoked(revoked(&format!("missed-{at}"), None)),
            _ => Again::Push(message(&format!("missed-{at}"))),
        };
        (0..self.0).map(missed).collect()
    }
}

#[tokio::test]
async fn what_was_missed_comes_again_the_newest_of_it_and_writes_nothing() {
    let world = World::new().await;
    let count = REDELIVERED_MAX + 9;
    world.online.set_redeliver(Arc::new(Missed(count)));
    let client = world.connect("phone-1").await;
    for at in 9..count {
        let heard = client.hear().await;
        assert_eq!(heard["id"], format!("missed-{at}"));
        let expected = if at % 3 == 0 { "revoke" } else { "push" };
        assert_eq!(heard["type"], expected);
    }
    let health = world.online.health();
    let revocations = health.revocations;
    assert_eq!(
        (health.redelivered, revocations, health.pushes),
        (42, 22, 0)
    );
    assert_eq!(world.ledger.calls(), []);
}

fn revoked(id: &str, instead: Option<&str>) -> Revoked {
    Revoked {
        app: APP,
        id: TaskId::new(id).unwrap(),
        instead: instead.map(|title| Notification {
            title: title.to_owned(),
            ext: "{}".to_owned(),
            ..Notification::default()
        }),
    }
}

#[tokio::test]
async fn a_revocation_reaches_the_connected_and_says_what_to_show_instead() {
    let world = World::new().await;
    let one = world.connect("phone-1").await;
    let two = world.connect("phone-2").await;
    let online = &world.online;
    online
        .revoke(&revoked("task-a", None), &targets([1, 3]))
        .await;
    online
        .revoke(&revoked("task-b", Some("Sorry")), &targets([1, 2]))
        .await;
    let plain = json!({"type": "revoke", "id": "task-a"});
    assert_eq!(one.hear().await, plain);
    let instead = json!({
        "type": "revoke", "id": "task-b", "instead": {"title": "Sorry", "desc": "", "ext": "{}"},
    });
    for client in [&one, &two] {
        assert_eq!(client.hear().await, instead);
    }
    let health = online.health();
    assert_eq!((health.revocations, health.pushes), (3, 0));
    assert_eq!(world.ledger.calls(), []);
}

#[tokio::test]
async fn a_revocation_comes_after_its_push_also_when_the_socket_is_full() {
    let world = World::new().await;
    let client = world.connect("phone-1").await;
    client.stick(true);
    let mut sending = Vec::new();
    for _ in 0..=QUEUE_LEN_MAX {
        let online = Arc::clone(&world.online);
        sending.push(tokio::spawn(async move {
            online
                .send(&message("task-a"), &targets([1]))
                .await
                .outcomes
        }));
        fixture::let_all_run().await;
    }
    // It waits for nobody, and has room of its own, with an end.
    for _ in 0..=REVOCATIONS_WAITING_MAX {
        let told = revoked("task-a", None);
        world.online.revoke(&told, &targets([1])).await;
    }
    let told = REVOCATIONS_WAITING_MAX as u64;
    assert_eq!(world.online.health().revocations, told);
    client.stick(false);
    for sending in sending {
        assert_eq!(sending.await.unwrap(), [Outcome::Accepted]);
    }
    for _ in 0..=QUEUE_LEN_MAX {
        assert_eq!(client.hear().await["type"], "push");
    }
    for _ in 0..told {
        assert_eq!(client.hear().await["type"], "revoke");
    }
    assert_eq!(world.online.health().pushes, QUEUE_LEN_MAX as u64 + 1);
}
