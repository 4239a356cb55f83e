//! Acts on tasks, the audit, the index and tokens.

use pushtally_http::operations::{Order, Ordered, TaskStatus};

use super::*;

async fn with_device() -> Acts {
    let acts = acts(Vec::new()).await;
    assert!(acts.perform(Act::AppAdd(new_app(7))).await.is_ok());
    let registration = pushtally_store::Registration {
        registration_id: pushtally_model::RegistrationId::new("phone").unwrap(),
        account: Some(pushtally_model::Account::new("a").unwrap()),
        secret: pushtally_store::SecretHash([1; 32]),
        facts: pushtally_model::DeviceFacts::default(),
        at: pushtally_model::Second(1),
    };
    let devices = &acts.opened.engine.devices;
    devices
        .register_device(AppId(7), &registration, 10)
        .await
        .unwrap();
    acts
}

async fn pushed(acts: &Acts, to: Option<Vec<String>>) -> Ordered {
    let order = Order {
        title: "t".to_owned(),
        to,
        ..Order::default()
    };
    match acts.perform(Act::Push { sdkappid: 7, order }).await {
        Ok(Done::Pushed {
            ordered,
            waits: true,
        }) => ordered,
        Ok(_) => panic!("not pushed, or no server was missed"),
        Err(error) => panic!("{error}"),
    }
}

fn set(id: &str, wanted: Wanted) -> Act {
    Act::TaskSet {
        sdkappid: 7,
        id: id.to_owned(),
        wanted,
    }
}

async fn status(acts: &Acts, act: Act) -> TaskStatus {
    let done = match acts.perform(act).await {
        Ok(done) => serde_json::to_vec(&done).unwrap(),
        Err(error) => panic!("{error}"),
    };
    // As it comes over the control socket.
    match serde_json::from_slice(&done) {
        Ok(Done::TaskSet { row }) => row.status,
        Ok(_) => panic!("another act was done"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_a_push_is_stored_and_its_task_can_be_steered() {
    let acts = with_device().await;
    let ordered = pushed(&acts, Some(vec!["a".to_owned(), "nobody".to_owned()])).await;
    assert_eq!(ordered.unknown, ["nobody"]);
    let id = ordered.task.id.as_str();
    let show = Act::TaskShow {
        sdkappid: 7,
        id: id.to_owned(),
    };
    let Ok(Done::Task { report }) = acts.perform(show).await else {
        panic!("not shown")
    };
    assert_eq!((report.jobs_left, report.total.planned), (1, 0));
    assert_eq!(
        status(&acts, set(id, Wanted::Paused)).await,
        TaskStatus::Paused
    );
    assert_eq!(
        status(&acts, set(id, Wanted::Running)).await,
        TaskStatus::Running
    );
    assert_eq!(
        status(&acts, set(id, Wanted::Cancelled)).await,
        TaskStatus::Cancelled
    );
    assert_eq!(
        refusal(&acts, set(id, Wanted::Running)).await,
        format!("task `{id}` is cancelled")
    );
    assert_eq!(
        refusal(&acts, set("none", Wanted::Paused)).await,
        "app `7` has no task `none`"
    );
    let listing = Listing {
        sdkappid: Some(8),
        before: None,
        limit: 10,
    };
    assert_eq!(
        refusal(&acts, Act::TaskList(listing)).await,
        "there is no app `8`"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_hold_for_an_operator_too() {
    let acts = with_device().await;
    pushed(&acts, None).await;
    // Another one: the entropy of this test makes the same order the same push.
    let order = Order {
        title: "u".to_owned(),
        ..Order::default()
    };
    let told = refusal(&acts, Act::Push { sdkappid: 7, order }).await;
    assert!(told.contains("last broadcast"), "{told}");
    let nobody = Order {
        title: "t".to_owned(),
        to: Some(vec!["x".to_owned()]),
        ..Order::default()
    };
    let told = refusal(
        &acts,
        Act::Push {
            sdkappid: 7,
            order: nobody,
        },
    )
    .await;
    assert_eq!(told, "none of the accounts exists: x");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_something_is_in_the_audit_without_secrets() {
    let acts = with_device().await;
    let ordered = pushed(&acts, None).await;
    let id = ordered.task.id.as_str();
    status(&acts, set(id, Wanted::Paused)).await;
    for act in [
        Act::AppPause {
            sdkappid: 7,
            paused: true,
        },
        Act::AppPause {
            sdkappid: 7,
            paused: false,
        },
        Act::AppDropOldKeys { sdkappid: 7 },
    ] {
        assert!(acts.perform(act).await.is_ok());
    }
    let Ok(Done::KeyRotated { key, .. }) = acts.perform(Act::AppRotateKey { sdkappid: 7 }).await
    else {
        panic!("not rotated")
    };
    let listing = Listing {
        sdkappid: None,
        before: None,
        limit: 100,
    };
    let Ok(Done::Audited(page)) = acts.perform(Act::Audit(listing)).await else {
        panic!("not listed")
    };
    let told: Vec<(&str, &str)> = page
        .entries
        .iter()
        .rev()
        .map(|entry| (entry.what.as_str(), entry.target.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("app add", ""),
            ("push", id),
            ("task pause", id),
            ("app pause", ""),
            ("app resume", ""),
            ("app drop-old-keys", ""),
            ("app rotate-key", ""),
        ]
    );
    for entry in &page.entries {
        assert_eq!(
            (entry.who.as_str(), entry.from.as_str()),
            ("operator", "command line")
        );
        assert_eq!((entry.app, entry.when), (Some(7), 1_764_136_800));
    }
    assert!(!serde_json::to_string(&page).unwrap().contains(&key));
}

#[tokio::test]
async fn the_index_of_one_app_or_of_all_is_compared_with_the_records() {
    let acts = acts(Vec::new()).await;
    for (app, phones) in [(7, 2), (8, 1)] {
        for n in 0..phones {
            let registration = pushtally_store::Registration {
                registration_id: pushtally_model::RegistrationId::new(format!("p{n}")).unwrap(),
                account: None,
                secret: pushtally_store::SecretHash([1; 32]),
                facts: pushtally_model::DeviceFacts::default(),
                at: pushtally_model::Second(1),
            };
            let devices = &acts.opened.engine.devices;
            devices
                .register_device(AppId(app), &registration, 10)
                .await
                .unwrap();
        }
    }
    for (asked, expected) in [
        (None, vec![(7, 2), (8, 1)]),
        (Some(8), vec![(8, 1)]),
        (Some(9), vec![(9, 0)]),
    ] {
        let act = Act::AudienceVerify { sdkappid: asked };
        let Ok(Done::AudienceVerified { apps }) = acts.perform(act).await else {
            panic!("not compared")
        };
        assert!(apps.iter().all(|app| app.differences.is_empty()));
        let found: Vec<(u32, u64)> = apps.iter().map(|app| (app.sdkappid, app.devices)).collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn dropped_tokens_are_given_back_to_whom_they_were_dropped() {
    use pushtally_model::{
        Channel, DeviceFacts, Environment, RegistrationId, Second, Token, TokenKind,
    };
    use pushtally_store::{DeadToken, Registered, Registration, SecretHash};

    let acts = acts(Vec::new()).await;
    assert!(acts.perform(Act::AppAdd(new_app(7))).await.is_ok());
    let devices = &acts.opened.engine.devices;
    let token = |n: u32| Token {
        channel: Channel::Oppo,
        kind: TokenKind::Alert,
        value: Secret::new(n.to_string()),
        cert_id: 3,
        environment: Environment::Production,
    };
    let mut dead = Vec::new();
    for n in 0..3 {
        let registration = Registration {
            registration_id: RegistrationId::new(format!("p{n}")).unwrap(),
            account: None,
            secret: SecretHash([1; 32]),
            facts: DeviceFacts {
                tokens: vec![token(n)],
                ..DeviceFacts::default()
            },
            at: Second(1),
        };
        let answer = devices.register_device(AppId(7), &registration, 10).await;
        let Ok(Registered::New { number, .. }) = answer else {
            panic!("{answer:?}")
        };
        dead.push(DeadToken {
            number,
            token: token(n),
            since_ms: None,
        });
    }
    let dropped_at = NOW_S as u32 - 100;
    let early = devices.drop_tokens(AppId(7), &dead[..1], Second(dropped_at - 1));
    assert_eq!(early.await.unwrap(), 1);
    let dropped = devices.drop_tokens(AppId(7), &dead, Second(dropped_at));
    assert_eq!(dropped.await.unwrap(), 2);

    let state = async || {
        let check = Act::DevicesCheck {
            sdkappid: 7,
            channel: None,
        };
        match acts.perform(check).await {
            Ok(Done::DevicesChecked(state)) => *state,
            _ => panic!("not checked"),
        }
    };
    let before = state().await;
    assert_eq!(
        (before.devices, before.dropped, before.lines.len()),
        (3, 3, 1)
    );
    assert_eq!(before.lines[0].counted.dropped_last, dropped_at);
    let restore = async |cert_id| {
        let meant = Meant {
            sdkappid: 7,
            channel: Channel::Oppo as u8,
            cert_id,
        };
        let since = dropped_at;
        match acts.perform(Act::DevicesRestore { meant, since }).await {
            Ok(Done::TokensRestored { tokens }) => tokens,
            _ => panic!("not restored"),
        }
    };
    assert_eq!(restore(Some(4)).await, 0);
    assert_eq!(restore(Some(3)).await, 2);
    assert_eq!(restore(None).await, 0);
    let after = state().await;
    assert_eq!((after.dropped, after.lines[0].counted.tokens), (1, 2));
    assert_eq!(after.brakes, None);
    let kept = devices.find_device(AppId(7), dead[0].number).await.unwrap();
    assert!(kept.unwrap().is_dropped());
    let meant = Meant {
        sdkappid: 8,
        channel: 99,
        cert_id: None,
    };
    let told = refusal(&acts, Act::DevicesRestore { meant, since: 0 }).await;
    assert_eq!(told, "`99` is the number of no channel");
}
