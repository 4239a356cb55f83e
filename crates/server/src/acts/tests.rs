//! Acts over the in-memory engine.

mod sending;

use pushtally_model::{FixedEntropy, ManualClock, Secret};

use super::*;
use crate::config::{Config, Origin};
use crate::engine::Purpose;

const NOW_S: i64 = 1_764_136_800;

async fn acts(declared: Vec<Declared>) -> Acts {
    let mut config = Config::defaults().unwrap();
    config.storage = crate::config::Storage::Memory;
    let opened = crate::engine::open(&config, Purpose::Service).unwrap();
    Acts::new(
        opened,
        Ledger::Closed(pushtally_stats::Options::default()),
        Owned {
            apps: declared,
            ..Owned::default()
        },
        Arc::default(),
        Arc::new(FixedEntropy(0xA5)),
        Arc::new(ManualClock::at_unix(NOW_S)),
    )
    .await
    .unwrap()
}

fn new_app(sdkappid: u32) -> NewApp {
    NewApp {
        sdkappid,
        administrators: Vec::new(),
        key: None,
        callback_token: NewToken::None,
        client_key: NewToken::None,
        relay_to: None,
    }
}

async fn refusal(acts: &Acts, act: Act) -> String {
    match acts.perform(act).await {
        Ok(_) => panic!("it was done"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn an_added_app_can_be_used_at_once_and_its_secrets_are_told_once() {
    let acts = acts(Vec::new()).await;
    let add = Act::AppAdd(NewApp {
        callback_token: NewToken::Generated,
        client_key: NewToken::Generated,
        ..new_app(7)
    });
    let Ok(Done::AppAdded {
        administrators,
        key: Some(key),
        callback_token: Some(token),
        client_key: Some(client_key),
    }) = acts.perform(add).await
    else {
        panic!("not added")
    };
    assert_eq!(
        (key.as_str(), token.as_str()),
        ("a5".repeat(32).as_str(), "a5".repeat(16).as_str())
    );
    assert_eq!(administrators, ["administrator"]);
    let app = acts.directory.get(AppId(7)).unwrap();
    assert_eq!(app.keys, [Secret::new(key.clone())]);
    assert_eq!(app.callback_token, Some(Secret::new(token)));
    assert_eq!(app.client_key, Some(Secret::new(client_key)));
    let Ok(listed) = acts.perform(Act::AppList).await else {
        panic!("not listed")
    };
    assert!(!serde_json::to_string(&listed).unwrap().contains(&key));
}

#[tokio::test]
async fn given_secrets_are_taken_and_not_repeated() {
    let acts = acts(Vec::new()).await;
    let callback_token = NewToken::Given("their token".to_owned());
    let add = Act::AppAdd(NewApp {
        key: Some("their key".to_owned()),
        callback_token,
        ..new_app(7)
    });
    let Ok(Done::AppAdded {
        key: None,
        callback_token: None,
        ..
    }) = acts.perform(add).await
    else {
        panic!("not added")
    };
    assert_eq!(
        acts.directory.get(AppId(7)).unwrap().keys,
        [Secret::new("their key")]
    );
}

#[tokio::test]
async fn rotated_keys_are_newest_first_and_old_ones_stay_until_dropped() {
    let acts = acts(Vec::new()).await;
    let add = Act::AppAdd(NewApp {
        key: Some("old".to_owned()),
        ..new_app(7)
    });
    assert!(acts.perform(add).await.is_ok());
    let Ok(Done::KeyRotated { key, keys: 2 }) =
        acts.perform(Act::AppRotateKey { sdkappid: 7 }).await
    else {
        panic!("not rotated")
    };
    let keys = || acts.directory.get(AppId(7)).unwrap().keys.clone();
    assert_eq!(keys(), [Secret::new(key.clone()), Secret::new("old")]);
    for _ in 2..KEYS_MAX {
        assert!(
            acts.perform(Act::AppRotateKey { sdkappid: 7 })
                .await
                .is_ok()
        );
    }
    assert!(
        refusal(&acts, Act::AppRotateKey { sdkappid: 7 })
            .await
            .contains("--drop-old")
    );
    let Ok(Done::OldKeysDropped { dropped: 3 }) =
        acts.perform(Act::AppDropOldKeys { sdkappid: 7 }).await
    else {
        panic!("not dropped")
    };
    assert_eq!(keys(), [Secret::new(key)]);
}

#[tokio::test]
async fn one_client_key_holds_at_a_time() {
    let acts = acts(Vec::new()).await;
    let add = Act::AppAdd(NewApp {
        client_key: NewToken::Given("in old copies".to_owned()),
        ..new_app(7)
    });
    assert!(matches!(
        acts.perform(add).await,
        Ok(Done::AppAdded {
            client_key: None,
            ..
        })
    ));
    let Ok(Done::ClientKeyRotated {
        client_key,
        replaced: true,
    }) = acts.perform(Act::AppRotateClientKey { sdkappid: 7 }).await
    else {
        panic!("not rotated")
    };
    assert_eq!(
        acts.directory.get(AppId(7)).unwrap().client_key,
        Some(Secret::new(client_key.clone()))
    );
    let Ok(listed) = acts.perform(Act::AppList).await else {
        panic!("not listed")
    };
    let listed = serde_json::to_string(&listed).unwrap();
    assert!(listed.contains(r#""has_client_key":true"#), "{listed}");
    assert!(!listed.contains(&client_key));
}

#[tokio::test]
async fn what_is_declared_is_refused_naming_the_line() {
    let origin = Origin::File {
        path: std::path::Path::new("/etc/p.toml").into(),
        line: 12,
    };
    let app = App::new(AppId(7), Secret::new("k"));
    let acts = acts(vec![Declared { app, origin }]).await;
    for act in [
        Act::AppAdd(new_app(7)),
        Act::AppRotateKey { sdkappid: 7 },
        Act::AppDropOldKeys { sdkappid: 7 },
        Act::AppRotateClientKey { sdkappid: 7 },
    ] {
        assert_eq!(
            refusal(&acts, act).await,
            "app `7` is declared at /etc/p.toml:12, change it there"
        );
    }
    let Ok(Done::Apps { apps }) = acts.perform(Act::AppList).await else {
        panic!("not listed")
    };
    assert_eq!(apps[0].declared_at.as_deref(), Some("/etc/p.toml:12"));
}

#[tokio::test]
async fn a_declared_app_hides_a_stored_one() {
    let first = acts(Vec::new()).await;
    assert!(first.perform(Act::AppAdd(new_app(7))).await.is_ok());
    let app = App::new(AppId(7), Secret::new("declared"));
    let declared = vec![Declared {
        app,
        origin: Origin::Default,
    }];
    let second = Acts::new(
        first.opened.clone(),
        Ledger::Closed(pushtally_stats::Options::default()),
        Owned {
            apps: declared,
            ..Owned::default()
        },
        Arc::default(),
        Arc::new(FixedEntropy(1)),
        Arc::new(ManualClock::at_unix(NOW_S)),
    )
    .await
    .unwrap();
    assert_eq!(
        second.directory.get(AppId(7)).unwrap().keys,
        [Secret::new("declared")]
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let acts = acts(Vec::new()).await;
    let check = async |new: NewApp, expected: &str| {
        let told = refusal(&acts, Act::AppAdd(new)).await;
        assert!(told.contains(expected), "{told}");
    };
    check(new_app(0), "`1` to `4294967295`").await;
    check(
        NewApp {
            administrators: vec![String::new()],
            ..new_app(7)
        },
        "identifier is empty",
    )
    .await;
    check(
        NewApp {
            relay_to: Some("ftp://x".to_owned()),
            ..new_app(7)
        },
        "`http://`",
    )
    .await;
    check(
        NewApp {
            key: Some(String::new()),
            ..new_app(7)
        },
        "the key is empty",
    )
    .await;
    check(
        NewApp {
            client_key: NewToken::Given(String::new()),
            ..new_app(7)
        },
        "the client key is empty",
    )
    .await;
    assert!(acts.perform(Act::AppAdd(new_app(7))).await.is_ok());
    check(new_app(7), "app `7` exists already").await;
    assert_eq!(
        refusal(&acts, Act::AppRotateKey { sdkappid: 8 }).await,
        "there is no app `8`"
    );
    assert!(
        refusal(&acts, Act::Backup { to: "x".into() })
            .await
            .contains("only `local:` storage")
    );
}

#[tokio::test]
async fn a_webhook_is_set_listed_and_taken_away() {
    let acts = acts(Vec::new()).await;
    acts.perform(Act::AppAdd(new_app(7))).await.unwrap();
    let set = |url: &str| Act::WebhookSet {
        sdkappid: 7,
        webhook: Some(NewWebhook {
            url: url.to_owned(),
            push: true,
            message: false,
            calls_per_second: 5,
        }),
    };
    let refused = refusal(&acts, set("ftp://x")).await;
    assert!(
        refused.contains("the webhook's URL is refused"),
        "{refused}"
    );
    acts.perform(set("https://example.com/?token=h00k"))
        .await
        .unwrap();
    let webhook = acts
        .directory
        .get(AppId(7))
        .unwrap()
        .webhook
        .clone()
        .unwrap();
    assert_eq!((webhook.calls_per_second, webhook.message), (5, false));
    let Ok(listed) = acts.perform(Act::WebhookList).await else {
        panic!("not listed")
    };
    assert!(!serde_json::to_string(&listed).unwrap().contains("h00k"));
    let Done::Webhooks { webhooks } = listed else {
        panic!("no webhooks")
    };
    assert_eq!(
        (webhooks[0].sdkappid, webhooks[0].on, webhooks[0].push),
        (7, true, true)
    );
    assert_eq!(webhooks[0].letters, []);
    let replay = Act::WebhookReplay {
        sdkappid: 7,
        id: Some(3),
    };
    let refused = refusal(&acts, replay).await;
    assert_eq!(refused, "app `7` has no dead letter `3`");
    let remove = Act::WebhookSet {
        sdkappid: 7,
        webhook: None,
    };
    acts.perform(remove).await.unwrap();
    assert_eq!(acts.directory.get(AppId(7)).unwrap().webhook, None);
}
