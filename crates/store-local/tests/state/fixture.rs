//! Phones, tasks and directories that the tests share.

use std::path::Path;

use pushtally_model::{
    Account, AppId, Audience, Channel, DeviceFacts, Environment, FixedEntropy, Notification,
    OnUnknown, RegistrationId, Second, Secret, TaskDraft, TaskId, TaskKind, Token, TokenKind,
    Urgency,
};
use pushtally_store::{Engine, Registered, Registration, SecretHash};
use pushtally_store_local::{LocalEngine, LocalError, LocalOptions, restore};

pub(crate) const APP: AppId = AppId(1_400_000_000);
pub(crate) const APPS: [AppId; 2] = [APP, AppId(7)];
pub(crate) const START: u32 = 1_700_000_000;

pub(crate) fn rid(n: u32) -> RegistrationId {
    RegistrationId::new(format!("phone-{n}")).unwrap()
}

pub(crate) fn secret(n: u32) -> SecretHash {
    SecretHash([n as u8; 32])
}

pub(crate) fn account(n: u8) -> Account {
    Account::new(format!("user-{n}")).unwrap()
}

pub(crate) fn token(n: u8) -> Token {
    Token {
        channel: if n.is_multiple_of(2) {
            Channel::Fcm
        } else {
            Channel::Apns
        },
        kind: TokenKind::Alert,
        value: Secret::new(format!("token-{n}")),
        cert_id: 1,
        environment: Environment::Production,
    }
}

pub(crate) fn registration(n: u32, name: Option<&str>) -> Registration {
    Registration {
        registration_id: rid(n),
        account: name.map(|name| Account::new(name).unwrap()),
        secret: secret(n),
        facts: DeviceFacts::default(),
        at: Second(START),
    }
}

pub(crate) async fn register(ports: &Engine, n: u32, name: Option<&str>) -> Registered {
    let devices = &ports.devices;
    let registration = registration(n, name);
    devices
        .register_device(APP, &registration, u64::MAX)
        .await
        .unwrap()
}

pub(crate) fn draft(n: u32) -> TaskDraft {
    TaskDraft {
        app: APP,
        id: TaskId::new(format!("task-{n}")).unwrap(),
        kind: TaskKind::Broadcast,
        urgency: Urgency::Bulk,
        sender: "administrator".to_owned(),
        random: n,
        body_hash: [1; 32],
        data_id: String::new(),
        audience: Audience::Everyone,
        notification: Notification::default(),
        accepted_at: Second(START + n),
        deadline: Second(START + n + 1000),
        on_unknown: if n.is_multiple_of(2) {
            OnUnknown::Repeat
        } else {
            OnUnknown::Skip
        },
        message: None,
    }
}
/// A test beside this one may be starting a process: until that runs its program it holds what is open here, and with it the
/// lock of a directory that was closed meanwhile. The lock is free when the program runs.
pub(crate) fn open_free(dir: &Path, options: LocalOptions) -> LocalEngine {
    loop {
        match LocalEngine::open(dir, options, &FixedEntropy(5)) {
            Err(LocalError::Locked { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// What a backup restores.
pub(crate) fn restored(backup: &Path, to: &Path) -> LocalEngine {
    restore(backup, to, LocalOptions::default(), &FixedEntropy(5)).unwrap();
    open_free(to, LocalOptions::default())
}
