//! The state of tokens, and giving them back, over the in-memory engine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use pushtally_audience::tokens::{LINES_MAX, LineState, SILENT_S, check, restore};
use pushtally_model::{
    AppId, Channel, DeviceFacts, Environment, Number, RegistrationId, Second, Secret, Token,
    TokenKind,
};
use pushtally_store::{DeadToken, Engine, Registered, Registration, Restoring, SecretHash, memory};

const APP: AppId = AppId(7);
const NOW: Second = Second(1_700_000_000);

fn token(channel: Channel, cert_id: u32, value: &str) -> Token {
    Token {
        channel,
        kind: TokenKind::Alert,
        value: Secret::new(value),
        cert_id,
        environment: Environment::Production,
    }
}

async fn register(engine: &Engine, phone: &str, tokens: Vec<Token>, at: Second) -> Number {
    let registration = Registration {
        registration_id: RegistrationId::new(phone).unwrap(),
        account: None,
        secret: SecretHash([1; 32]),
        facts: DeviceFacts {
            tokens,
            ..DeviceFacts::default()
        },
        at,
    };
    let devices = &engine.devices;
    match devices.register_device(APP, &registration, u64::MAX).await {
        Ok(Registered::New { number, .. }) => number,
        other => panic!("{other:?}"),
    }
}

async fn drop_token(engine: &Engine, number: Number, token: Token, at: Second) {
    let dead = DeadToken {
        number,
        token,
        since_ms: None,
    };
    let dropped = engine.devices.drop_tokens(APP, &[dead], at).await;
    assert_eq!(dropped.unwrap(), 1);
}

#[tokio::test]
async fn tokens_are_counted_by_line_and_given_back_by_line() {
    let engine = memory::engine();
    let [month, quarter] = SILENT_S.map(|silent| Second(NOW.0 - silent));
    let apns = |value| token(Channel::Apns, 3, value);
    let fcm = |value| token(Channel::Fcm, 0, value);
    register(&engine, "a", vec![apns("a"), fcm("a")], NOW).await;
    register(&engine, "b", vec![apns("b")], month).await;
    register(&engine, "c", vec![apns("c")], quarter).await;
    register(&engine, "d", Vec::new(), NOW).await;
    let e = register(&engine, "e", vec![apns("e")], quarter).await;
    let f = register(&engine, "f", vec![apns("f"), fcm("f")], NOW).await;
    drop_token(&engine, e, apns("e"), Second(NOW.0 - 100)).await;
    drop_token(&engine, f, apns("f"), Second(NOW.0 - 50)).await;

    let state = check(&engine.devices, APP, None, NOW).await.unwrap();
    assert_eq!((state.devices, state.without, state.dropped), (6, 1, 1));
    let apns_line = (Channel::Apns, TokenKind::Alert, 3);
    let of_apns = LineState {
        tokens: 3,
        silent: [2, 1],
        dropped: 2,
        dropped_last: Second(NOW.0 - 50),
    };
    let of_fcm = LineState {
        tokens: 2,
        ..LineState::default()
    };
    let fcm_line = (Channel::Fcm, TokenKind::Alert, 0);
    assert_eq!(
        state.lines,
        [(apns_line, of_apns), (fcm_line, of_fcm)].into()
    );
    let one = check(&engine.devices, APP, Some(Channel::Fcm), NOW).await;
    assert_eq!(one.unwrap().lines, [(fcm_line, of_fcm)].into());

    let since = async |channel, cert_id, since| {
        let what = Restoring {
            channel,
            cert_id,
            since: Second(since),
        };
        restore(&engine.devices, APP, &what, NOW).await.unwrap()
    };
    assert_eq!(since(Channel::Fcm, None, 0).await, 0);
    assert_eq!(since(Channel::Apns, Some(4), 0).await, 0);
    assert_eq!(since(Channel::Apns, Some(3), NOW.0 - 60).await, 1);
    assert_eq!(since(Channel::Apns, None, 0).await, 1);
    assert_eq!(since(Channel::Apns, None, 0).await, 0);
    let state = check(&engine.devices, APP, None, NOW).await.unwrap();
    assert_eq!((state.lines[&apns_line].tokens, state.dropped), (5, 0));
}

#[tokio::test]
async fn lines_that_phones_make_up_are_bounded() {
    let engine = memory::engine();
    for cert_id in 0..LINES_MAX as u32 + 5 {
        let value = cert_id.to_string();
        let tokens = vec![token(Channel::Vivo, cert_id, &value)];
        register(&engine, &value, tokens, NOW).await;
    }
    let state = check(&engine.devices, APP, None, NOW).await.unwrap();
    assert_eq!((state.lines.len(), state.others.tokens), (LINES_MAX, 5));
}
