//! Acts on accounts over the in-memory engine.

use std::sync::Arc;
use std::time::Duration;

use pushtally_model::{App, Channel, ManualClock, Secret, SystemEntropy};

use super::*;
use crate::acts::{Act, Ledger};
use crate::channels::{Key, STORED_PER_APP_MAX, Vault};
use crate::config::{Config, Declared, DeclaredChannel, Origin, Owned, Storage};
use crate::engine::{Opened, Purpose};

const APP: AppId = AppId(7);

fn settings(cert_id: u32) -> ChannelSettings {
    ChannelSettings {
        proxy: None,
        receipts_relay_to: None,
        channel: Channel::Xiaomi,
        cert_id,
        credentials: Secret::new(r#"{"app_secret":"s3cr3t","package":"com.example.acme"}"#),
        rate: 9,
        calls_max: 8,
        timeout: Duration::from_secs(3),
        authorities: Vec::new(),
    }
}

fn id(cert_id: u32) -> ChannelId {
    ChannelId {
        app: APP,
        channel: Channel::Xiaomi,
        cert_id,
    }
}

fn set(cert_id: u32) -> Act {
    Act::ChannelSet {
        sdkappid: APP.0,
        settings: settings(cert_id),
    }
}

fn vault(keys: &[&str]) -> Vault {
    let key = |digit: &&str| Key::parse(&Secret::new(digit.repeat(64)));
    Vault::new(keys.iter().map(|digit| key(digit).unwrap()).collect())
}

fn open() -> Opened {
    let mut config = Config::defaults().unwrap();
    config.storage = Storage::Memory;
    crate::engine::open(&config, Purpose::Service).unwrap()
}

async fn acts(opened: &Opened, keys: &[&str], declared: &[u32]) -> Acts {
    let origin = |line| Origin::File {
        path: std::path::Path::new("p.toml").into(),
        line,
    };
    let owned = Owned {
        targets: pushtally_dial::Targets::anywhere(),
        apps: vec![Declared {
            app: App::new(APP, Secret::new("k")),
            origin: origin(1),
        }],
        channels: declared
            .iter()
            .map(|cert_id| DeclaredChannel {
                app: APP,
                settings: settings(*cert_id),
                origin: origin(5),
            })
            .collect(),
        vault: vault(keys),
        public_url: String::new(),
        forget_within_s: 3600,
    };
    let ledger = Ledger::Closed(pushtally_stats::Options::default());
    let clock = Arc::new(ManualClock::at_unix(1_764_136_800));
    let entropy = Arc::new(SystemEntropy);
    let acts = Acts::new(
        opened.clone(),
        ledger,
        owned,
        Arc::default(),
        entropy,
        clock,
    );
    acts.await.unwrap()
}

async fn refusal(acts: &Acts, act: Act) -> String {
    match acts.perform(act).await {
        Ok(_) => panic!("it was done"),
        Err(error) => error.to_string(),
    }
}

async fn rows(acts: &Acts) -> Vec<ChannelRow> {
    let list = Act::ChannelList {
        sdkappid: Some(APP.0),
    };
    match acts.perform(list).await {
        Ok(Done::Channels { channels }) => channels,
        _ => panic!("not listed"),
    }
}

#[tokio::test]
async fn an_account_is_set_replaced_listed_without_secrets_and_removed() {
    let opened = open();
    let acts = acts(&opened, &["1"], &[]).await;
    for expected in [false, true] {
        let Ok(Done::ChannelSet { replaced, .. }) = acts.perform(set(2)).await else {
            panic!("not set")
        };
        assert_eq!(replaced, expected);
    }
    let stored = opened.engine.channels.channels().await.unwrap();
    assert!(!stored[0].sealed.windows(6).any(|part| part == b"s3cr3t"));
    let rows = rows(&acts).await;
    let row = ChannelRow {
        id: id(2),
        names: "com.example.acme".to_owned(),
        environment: String::new(),
        rate: 9,
        calls_max: 8,
        timeout_s: 3,
        authorities: 0,
        has_receipts_relay: false,
        declared_at: None,
        closed: None,
    };
    assert_eq!(rows, [row]);
    assert!(acts.perform(Act::ChannelRemove(id(2))).await.is_ok());
    let gone = refusal(&acts, Act::ChannelRemove(id(2))).await;
    assert!(gone.contains("is not in the store"), "{gone}");
    let audit = opened
        .engine
        .audit
        .entries(Some(APP), None, 9)
        .await
        .unwrap();
    let said = audit
        .iter()
        .map(|entry| (entry.what.as_str(), entry.target.as_str()));
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            ("channel remove", "xiaomi 2"),
            ("channel set", "xiaomi 2"),
            ("channel set", "xiaomi 2")
        ]
    );
    assert_eq!(
        (audit[0].body_hash.len(), audit[1].body_hash.len()),
        (0, 64)
    );
}

#[tokio::test]
async fn what_the_configuration_declares_is_changed_there_and_hides_what_is_stored() {
    let opened = open();
    let before = acts(&opened, &["1"], &[]).await;
    for cert_id in [1, 2] {
        assert!(before.perform(set(cert_id)).await.is_ok());
    }
    let acts = acts(&opened, &["1"], &[1]).await;
    for act in [set(1), Act::ChannelRemove(id(1))] {
        let told = refusal(&acts, act).await;
        assert_eq!(
            told,
            "channel `xiaomi` with `cert_id` 1 of app `7` is declared at p.toml:5, change it there"
        );
    }
    let owners: Vec<_> = rows(&acts)
        .await
        .into_iter()
        .map(|row| row.declared_at)
        .collect();
    assert_eq!(owners, [Some("p.toml:5".to_owned()), None]);
    assert!(acts.perform(Act::ChannelRemove(id(2))).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_used_or_kept_is_refused_and_changes_nothing() {
    let opened = open();
    let without_key = acts(&opened, &[], &[]).await;
    let told = refusal(&without_key, set(1)).await;
    assert!(told.contains("pushtally channel new-key"), "{told}");
    let acts = acts(&opened, &["1"], &[]).await;
    let other = Act::ChannelSet {
        sdkappid: 8,
        settings: settings(1),
    };
    assert_eq!(refusal(&acts, other).await, "there is no app `8`");
    let mut wrong = settings(1);
    wrong.credentials = Secret::new(r#"{"app_secret":"s3cr3t"}"#);
    let told = refusal(
        &acts,
        Act::ChannelSet {
            sdkappid: 7,
            settings: wrong,
        },
    )
    .await;
    assert!(told.contains("missing field `package`"), "{told}");
    let mut wrong = settings(1);
    wrong.authorities = vec![vec![1, 2, 3].into()];
    let told = refusal(
        &acts,
        Act::ChannelSet {
            sdkappid: 7,
            settings: wrong,
        },
    )
    .await;
    assert!(told.contains("ca_file"), "{told}");
    assert_eq!(rows(&acts).await, []);

    for cert_id in 1..=STORED_PER_APP_MAX as u32 {
        assert!(acts.perform(set(cert_id)).await.is_ok());
    }
    let told = refusal(&acts, set(1000)).await;
    assert!(told.contains("`100` accounts"), "{told}");
    assert!(acts.perform(set(1)).await.is_ok(), "replacing is no more");
}

#[tokio::test]
async fn a_new_key_takes_over_what_older_ones_sealed_and_says_what_it_cannot() {
    let opened = open();
    for (key, cert_id) in [("1", 1), ("2", 2), ("3", 3)] {
        assert!(
            acts(&opened, &[key], &[])
                .await
                .perform(set(cert_id))
                .await
                .is_ok()
        );
    }
    let acts_both = acts(&opened, &["3", "1"], &[]).await;
    let Ok(Done::ChannelsRekeyed {
        sealed_again: 1,
        newest_already: 1,
        closed,
    }) = acts_both.perform(Act::ChannelRekey).await
    else {
        panic!("not rekeyed")
    };
    assert!(
        closed.len() == 1 && closed[0].contains("`cert_id` 2"),
        "{closed:?}"
    );
    let newest = acts(&opened, &["3"], &[]).await;
    let closed: Vec<_> = rows(&newest)
        .await
        .into_iter()
        .map(|row| row.closed.is_some())
        .collect();
    assert_eq!(closed, [false, true, false]);
    let told = refusal(&acts(&opened, &[], &[]).await, Act::ChannelRekey).await;
    assert!(told.contains("new-key"), "{told}");
}

#[test]
fn an_act_and_what_is_sealed_are_read_back_as_they_were() {
    let mut given = settings(2);
    given.authorities = vec![vec![1, 2, 3].into()];
    let act = Act::ChannelSet {
        sdkappid: 7,
        settings: given.clone(),
    };
    let json = serde_json::to_vec(&act).unwrap();
    let Ok(Act::ChannelSet { settings: read, .. }) = serde_json::from_slice(&json) else {
        panic!("not read")
    };
    assert_eq!(read, given);
    let json = serde_json::to_vec(&Act::ChannelRemove(id(3))).unwrap();
    let Ok(Act::ChannelRemove(read)) = serde_json::from_slice(&json) else {
        panic!("not read")
    };
    assert_eq!(read, id(3));
    let row = ChannelRow {
        id: id(3),
        names: String::new(),
        environment: String::new(),
        rate: 1,
        calls_max: 1,
        timeout_s: 1,
        authorities: 1,
        has_receipts_relay: true,
        declared_at: None,
        closed: None,
    };
    let done = Done::Channels {
        channels: vec![row.clone()],
    };
    let Ok(Done::Channels { channels }) =
        serde_json::from_slice(&serde_json::to_vec(&done).unwrap())
    else {
        panic!("not read")
    };
    assert_eq!(channels, [row]);
}
