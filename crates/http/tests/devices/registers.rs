//! What a registration does.

use pushtally_http::operations::read_device_row;
use pushtally_model::{Account, Channel, Number, Permission, RegistrationId, Secret, TokenKind};
use pushtally_online::{OnlineError, Proof};
use serde_json::{Value, json};

use super::fixture::{
    APP, CLIENT_KEY, OTHER_APP, OTHER_SECRET, SECRET, Server, app, registration, usersig, with,
};

#[tokio::test]
async fn a_registration_says_everything_and_is_kept() {
    let server = Server::open().await;
    let answer = server.register(&registration("phone", "user1")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(
        answer.body,
        json!({"registration_id": "phone", "new": true})
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let [(APP, device)] = &server.everything().await[..] else {
        panic!("not one device")
    };
    assert_eq!(device.registration_id.as_str(), "phone");
    assert_eq!(device.account.as_ref().map(Account::as_str), Some("user1"));
    let facts = &device.facts;
    let tokens: Vec<_> = facts
        .tokens
        .iter()
        .map(|token| {
            (
                token.channel,
                token.kind,
                token.value.expose(),
                token.cert_id,
            )
        })
        .collect();
    assert_eq!(
        tokens,
        [
            (Channel::Apns, TokenKind::Alert, "apns of phone", 11345),
            (Channel::Fcm, TokenKind::Alert, "fcm of phone", 0),
        ]
    );
    assert_eq!(facts.vendor, Some(Channel::Apns));
    assert_eq!(facts.notifications, Permission::Granted);
    assert_eq!(
        [
            &facts.model,
            &facts.system,
            &facts.system_version,
            &facts.app_version,
            &facts.sdk_version,
            &facts.language
        ],
        ["iPhone17,1", "iOS", "26.1", "3.2.0", "1.0.0", "zh-Hans"]
    );
    let less = json!({"client_key": CLIENT_KEY, "registration_id": "phone", "secret": SECRET, "account": "user1", "usersig": usersig(APP, "user1")});
    assert_eq!(server.register(&less).await.status, 200);
    let now = server.everything().await;
    assert_eq!(
        now[0].1.facts,
        Default::default(),
        "what is left out is forgotten"
    );
    assert_eq!(now[0].1.number, device.number);
}

#[tokio::test]
async fn repeating_a_registration_changes_nothing_and_writes_nothing() {
    let server = Server::open().await;
    let body = registration("phone", "user1");
    assert_eq!(server.register(&body).await.status, 201);
    let before = server.everything().await;
    let turned = with(
        body.clone(),
        "tokens",
        Some(Value::Array(
            body["tokens"]
                .as_array()
                .unwrap()
                .iter()
                .rev()
                .cloned()
                .collect(),
        )),
    );
    let capitals = with(body.clone(), "secret", Some(json!(SECRET.to_uppercase())));
    for same in [&body, &turned, &capitals] {
        let answer = server.register(same).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.body,
            json!({"registration_id": "phone", "new": false})
        );
    }
    assert_eq!(server.everything().await, before);
    let count = async |result: &str| {
        let name = format!(r#"pushtally_device_calls_total{{call="register",result="{result}"}}"#);
        server.metric(&name).await
    };
    assert_eq!(count("new").await.as_deref(), Some("1"));
    assert_eq!(count("same").await.as_deref(), Some("3"));
    assert_eq!(count("changed").await, None);
    let devices = server
        .metric(r#"pushtally_app_devices{app="1400000000"}"#)
        .await;
    assert_eq!(devices.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_new_phone_gets_what_it_does_not_bring_once() {
    let server = Server::open().await;
    let bare = json!({"client_key": CLIENT_KEY});
    let answer = server.register(&bare).await;
    assert_eq!(answer.status, 201);
    let phone = answer.body["registration_id"].as_str().unwrap();
    let secret = answer.body["secret"].as_str().unwrap();
    assert_eq!((phone.len(), secret.len()), (36, 32));
    let again = with(bare.clone(), "registration_id", Some(json!(phone)));
    let refused = server.register(&again).await;
    assert_eq!((refused.status, refused.code()), (401, "unauthorized"));
    let shown = with(again, "secret", Some(json!(secret)));
    let known = server.register(&shown).await;
    assert_eq!(known.body, json!({"registration_id": phone, "new": false}));
    let other = server.register(&bare).await;
    assert_ne!(other.body["registration_id"], phone);
    assert_ne!(other.body["secret"], secret);
}

#[tokio::test]
async fn another_account_is_another_device_and_a_token_moves_with_its_phone() {
    let server = Server::open().await;
    assert_eq!(
        server
            .register(&registration("phone", "user1"))
            .await
            .status,
        201
    );
    assert_eq!(
        server
            .register(&registration("phone", "user2"))
            .await
            .status,
        201
    );
    let numbers = async || -> Vec<(Number, usize)> {
        let all = server.everything().await;
        all.iter()
            .map(|(_, device)| (device.number, device.facts.tokens.len()))
            .collect()
    };
    let [(second, 2)] = numbers().await[..] else {
        panic!("the one before is still there")
    };
    assert_eq!(
        server
            .register(&registration("phone", "user1"))
            .await
            .status,
        201
    );
    let [(third, 2)] = numbers().await[..] else {
        panic!("the one before is still there")
    };
    assert!(third.0 > second.0, "numbers are never given again");
    let moved = with(
        with(
            registration("new phone", "user1"),
            "secret",
            Some(json!(OTHER_SECRET)),
        ),
        "tokens",
        Some(json!([{"channel": "fcm", "token": "fcm of phone"}])),
    );
    assert_eq!(server.register(&moved).await.status, 201);
    assert_eq!(numbers().await, [(third, 1), (Number(third.0 + 1), 1)]);
}

#[tokio::test]
async fn the_same_phone_of_two_apps_is_two_phones() {
    let server = Server::open().await;
    assert_eq!(
        server
            .register(&registration("phone", "user1"))
            .await
            .status,
        201
    );
    let theirs = with(
        with(
            registration("phone", "user1"),
            "secret",
            Some(json!(OTHER_SECRET)),
        ),
        "usersig",
        Some(json!(usersig(OTHER_APP, "user1"))),
    );
    assert_eq!(server.register_in(OTHER_APP, &theirs).await.status, 201);
    assert_eq!(server.everything().await.len(), 2);
}

#[tokio::test]
async fn before_an_imported_phone_is_claimed_its_accounts_usersig_opens_it_and_no_secret_does() {
    let server = Server::open().await;
    let row = read_device_row(r#"{"registration_id":"phone","account":"user1"}"#).unwrap();
    let registrar = &server.state.registrar;
    registrar.import(&app(APP), vec![row]).await.unwrap();
    let [(APP, device)] = &server.everything().await[..] else {
        panic!("not one device")
    };
    let phone = RegistrationId::new("phone").unwrap();
    let admit = async |proof: Proof| server.state.online.admit(APP, &phone, &proof).await;
    let signed = |account: &str| Proof::UserSig {
        account: Account::new(account).unwrap(),
        usersig: Secret::new(usersig(APP, account)),
    };
    assert_eq!(admit(signed("user1")).await.unwrap(), device.number);
    let zeros = "0".repeat(32);
    for stranger in [
        signed("user2"),
        Proof::Secret(Secret::new(SECRET)),
        Proof::Secret(Secret::new(zeros)),
    ] {
        let refused = admit(stranger).await;
        assert!(matches!(refused, Err(OnlineError::Unauthorized)));
    }
}
