//! What the vendors' tests have in common: a push, its targets, and replies to it.

use bytes::Bytes;
use http::HeaderMap;
use pushtally_model::{AppId, Environment, Notification, Number, Secret, TaskId, TokenKind};

use crate::{Post, Reply, To};

pub(crate) fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// A push and its targets.
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
            task: &self.task,
            notification: &self.notification,
            title: &self.title,
            text: &self.text,
            mark: "n-1001",
            receipts_url: &self.receipts_url,
            left_s: self.left_s,
            now_ms: 1_795_313_600_000,
            access: "at-0001",
        }
    }

    pub(crate) fn targets(&self) -> Vec<To<'_>> {
        let target = |(number, token)| To {
            number: Number(number),
            token,
            kind: TokenKind::Alert,
            environment: Environment::Production,
        };
        (0..).zip(&self.tokens).map(target).collect()
    }
}
