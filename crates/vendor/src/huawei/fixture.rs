//! What the tests of Huawei, HarmonyOS and HONOR push.

use bytes::Bytes;
use http::HeaderMap;
use pushtally_model::{
    AndroidContent, AppId, Badge, Environment, HarmonyContent, HonorContent, HuaweiContent,
    Importance, Notification, Number, Secret, TaskId, TokenKind,
};

use crate::contract::{Post, Reply, To};

pub(crate) const PRIVATE_KEY: &str = include_str!("../../tests/keys/huawei-rsa.pem");
pub(crate) const PUBLIC_KEY: &str = include_str!("../../tests/keys/huawei-rsa.pub.pem");

/// Everything that the three vendors have a place for.
pub(crate) fn notification() -> Notification {
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

/// Calls `with` with a post of this notification.
pub(crate) fn posted<T>(notification: &Notification, with: impl FnOnce(&Post<'_>) -> T) -> T {
    let task = TaskId::new("task-1").unwrap();
    with(&Post {
        app: AppId(7),
        task: &task,
        notification,
        title: &notification.title,
        text: &notification.desc,
        mark: "mark-1",
        receipts_url: "",
        left_s: 86400,
        now_ms: 1_795_313_700_123,
        access: "access-1",
    })
}

/// Calls `with` with devices of these tokens.
pub(crate) fn addressed<T>(tokens: &[&str], with: impl FnOnce(&[To<'_>]) -> T) -> T {
    let tokens: Vec<Secret> = tokens.iter().map(|token| Secret::new(*token)).collect();
    let to = |(number, token)| To {
        number: Number(number),
        token,
        kind: TokenKind::Alert,
        environment: Environment::Production,
    };
    with(&(1..).zip(&tokens).map(to).collect::<Vec<_>>())
}

pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from(body.into()),
    }
}
