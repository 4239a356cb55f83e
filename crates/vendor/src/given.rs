//! What the vendors' tests have in common: keys, a push, its targets, and replies to it.

use bytes::Bytes;
use http::HeaderMap;
use pushtally_model::{
    AndroidContent, AppId, Badge, Environment, HarmonyContent, HonorContent, HuaweiContent,
    Importance, Notification, Number, Secret, TaskId, TokenKind,
};

use crate::contract::{Post, Reply, To};

pub(crate) const RSA_PRIVATE: &str = include_str!("../tests/keys/rsa.pem");
pub(crate) const RSA_PUBLIC: &str = include_str!("../tests/keys/rsa.pub.pem");
pub(crate) const EC_PRIVATE: &str = include_str!("../tests/keys/ec.pem");
pub(crate) const EC_PUBLIC: &str = include_str!("../tests/keys/ec.pub.pem");

pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from(body.into()),
    }
}

/// Everything that Huawei, HarmonyOS and HONOR have a place for.
pub(crate) fn everything() -> Notification {
    Notification {
        title: "Parcel".to_owned(),
        desc: "Arrives today".to_owned(),
        ext: r#"{"order":42}"#.to_owned(),
        badge: Some(Badge::Set(500)),
        android: Some(Box::new(AndroidContent {
            sound: "ding".to_owned(),
            big_text: true,
            huawei: HuaweiContent {
                importance: Some(Importance::Normal),
                category: "EXPRESS".to_owned(),
                image: "https://i.example/h.png".to_owned(),
                channel: "orders".to_owned(),
                ext_in_intent: false,
            },
            honor: HonorContent {
                importance: Some(Importance::Low),
                image: "https://i.example/n.png".to_owned(),
            },
            ..AndroidContent::default()
        })),
        harmony: Some(Box::new(HarmonyContent {
            title: "Parcel for you".to_owned(),
            category: "EXPRESS".to_owned(),
            image: "https://i.example/o.png".to_owned(),
            sound: "ding.mp3".to_owned(),
            sound_s: Some(7),
        })),
        ..Notification::default()
    }
}

/// A post of this notification, in the language that it is in.
pub(crate) fn post<'a>(task: &'a TaskId, notification: &'a Notification) -> Post<'a> {
    Post {
        app: AppId(7),
        task,
        notification,
        title: &notification.title,
        text: &notification.desc,
        mark: "m-1",
        receipts_url: "",
        left_s: 86_400,
        now_ms: 1_795_313_700_123,
        access: "access-1",
    }
}

/// Calls `with` with a post of this notification.
pub(crate) fn posted<T>(notification: &Notification, with: impl FnOnce(&Post<'_>) -> T) -> T {
    let task = TaskId::new("task-1").unwrap();
    with(&post(&task, notification))
}

/// A device with this token.
pub(crate) fn to(number: u32, token: &Secret) -> To<'_> {
    To {
        number: Number(number),
        token,
        kind: TokenKind::Alert,
        environment: Environment::Production,
    }
}

/// Calls `with` with devices of these tokens.
pub(crate) fn addressed<T>(tokens: &[&str], with: impl FnOnce(&[To<'_>]) -> T) -> T {
    let tokens: Vec<Secret> = tokens.iter().map(|token| Secret::new(*token)).collect();
    let to = |(number, token)| to(number, token);
    with(&(1..).zip(&tokens).map(to).collect::<Vec<_>>())
}

/// A push and its targets, with texts that are not the notification's own.
pub(crate) struct Given {
    pub(crate) app: AppId,
    pub(crate) task: TaskId,
    pub(crate) notification: Notification,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) receipts_url: String,
    pub(crate) left_s: u32,
    tokens: Vec<Secret>,
}

impl Given {
    pub(crate) fn new(tokens: &[&str]) -> Self {
        Self {
            app: AppId(1_400_000_001),
            task: TaskId::new("t1").unwrap(),
            notification: Notification::default(),
            title: "Parcel".to_owned(),
            text: "Arrives today".to_owned(),
            receipts_url: "https://push.example.com/cb".to_owned(),
            left_s: 3_600,
            tokens: tokens.iter().map(|token| Secret::new(*token)).collect(),
        }
    }

    pub(crate) fn post(&self) -> Post<'_> {
        Post {
            app: self.app,
            title: &self.title,
            text: &self.text,
            mark: "n-1001",
            receipts_url: &self.receipts_url,
            left_s: self.left_s,
            now_ms: 1_795_313_600_000,
            access: "at-0001",
            ..post(&self.task, &self.notification)
        }
    }

    pub(crate) fn targets(&self) -> Vec<To<'_>> {
        let to = |(number, token)| to(number, token);
        (0..).zip(&self.tokens).map(to).collect()
    }
}
