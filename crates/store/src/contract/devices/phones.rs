//! Phones of the suites, and their registrations.

use pushtally_model::{
    Account, AppId, Channel, Device, DeviceFacts, Environment, Number, RegistrationId, Second,
    Secret, Token, TokenKind,
};

use super::APP;
use crate::ports::{Engine, Registered, Registration, SecretHash};

/// As many devices as a suite's app may have.
pub(super) const MANY: u64 = 1000;

pub(in crate::contract) fn rid(name: &str) -> RegistrationId {
    RegistrationId::new(name).unwrap()
}

pub(in crate::contract) fn account(name: &str) -> Account {
    Account::new(name).unwrap()
}

pub(in crate::contract) fn secret(phone: &str) -> SecretHash {
    let mut hash = [0; 32];
    hash[..phone.len()].copy_from_slice(phone.as_bytes());
    SecretHash(hash)
}

pub(in crate::contract) fn token(channel: Channel, kind: TokenKind, value: &str) -> Token {
    Token {
        channel,
        kind,
        value: Secret::new(value),
        cert_id: 11_345,
        environment: Environment::Sandbox,
    }
}

pub(in crate::contract) fn registration(
    phone: &str,
    name: Option<&str>,
    tokens: &[Token],
) -> Registration {
    Registration {
        registration_id: rid(phone),
        account: name.map(account),
        secret: secret(phone),
        facts: DeviceFacts {
            tokens: tokens.to_vec(),
            model: "iPhone17,1".to_owned(),
            ..DeviceFacts::default()
        },
        at: Second(1_700_000_000),
    }
}

pub(in crate::contract) async fn register(
    engine: &Engine,
    app: AppId,
    registration: &Registration,
) -> Registered {
    let devices = &engine.devices;
    devices
        .register_device(app, registration, MANY)
        .await
        .unwrap()
}

/// Registers a device that must be new; answers its number.
pub(in crate::contract) async fn new(
    engine: &Engine,
    app: AppId,
    registration: &Registration,
) -> Number {
    match register(engine, app, registration).await {
        Registered::New { number, .. } => number,
        other => panic!("expected a new device, got {other:?}"),
    }
}

pub(in crate::contract) async fn device(
    engine: &Engine,
    app: AppId,
    number: Number,
) -> Option<Device> {
    engine.devices.find_device(app, number).await.unwrap()
}

pub(in crate::contract) async fn tokens(engine: &Engine, number: Number) -> Vec<Token> {
    device(engine, APP, number).await.unwrap().facts.tokens
}
