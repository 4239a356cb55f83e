//! A push that an operator orders.

use pushtally_audience::Audience;
use pushtally_dispatch::{AcceptError, Dispatch, Push};
use pushtally_model::{App, Audience as Addressed, Entropy, Notification, OnUnknown, TaskKind};
use pushtally_store::StoreError;
use pushtally_wire::{ACCOUNTS_MAX, LIFE_TIME_S_MAX, NOTIFICATION_LEN_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{TaskRow, whole};
use crate::audit::Deed;
use crate::batch::{Sorted, sort};

/// What an operator orders. Unknown fields are errors: a misspelt `to` must not reach everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    description = "What is to be pushed. One of title, desc and ext has a text; together they have 10,240 bytes at most.",
    extend("anyOf" = [
        { "required": ["title"], "properties": { "title": { "minLength": 1 } } },
        { "required": ["desc"], "properties": { "desc": { "minLength": 1 } } },
        { "required": ["ext"], "properties": { "ext": { "minLength": 1 } } },
    ])
)]
pub struct Order {
    /// The title.
    #[serde(default)]
    pub title: String,
    /// The text.
    #[serde(default)]
    pub desc: String,
    /// What is passed through to the app.
    #[serde(default)]
    pub ext: String,
    /// Accounts or RegistrationIDs, 1 to [`ACCOUNTS_MAX`]; `None` is everyone.
    #[serde(default)]
    #[schemars(
        description = "Accounts or RegistrationIDs; absent or null is everyone.",
        length(min = 1, max = ACCOUNTS_MAX)
    )]
    pub to: Option<Vec<String>>,
    /// Only connected devices.
    #[serde(default)]
    pub online_only: bool,
    /// How long it may take, in seconds, 1 to [`LIFE_TIME_S_MAX`]; `None` is the app's setting.
    #[serde(default, deserialize_with = "whole")]
    #[schemars(
        description = "How long it may take, in seconds; absent or null is the app's setting.",
        range(min = 1, max = LIFE_TIME_S_MAX)
    )]
    pub life_time_s: Option<u32>,
    /// What becomes of devices of whom nobody knows whether they were sent to; `None` is the app's setting.
    #[serde(default)]
    pub on_unknown: Option<UnknownRule>,
}

/// [`OnUnknown`] as operators write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownRule {
    /// `repeat`
    Repeat,
    /// `skip`
    Skip,
}

impl From<UnknownRule> for OnUnknown {
    fn from(rule: UnknownRule) -> Self {
        match rule {
            UnknownRule::Repeat => Self::Repeat,
            UnknownRule::Skip => Self::Skip,
        }
    }
}

/// What an order did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ordered {
    /// The task.
    pub task: TaskRow,
    /// The accounts that do not exist.
    pub unknown: Vec<String>,
}

/// Why an order was refused.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A field is not what it must be.
    #[error("`{field}` must be {wanted}, not `{value}`")]
    Field {
        /// Its name.
        field: &'static str,
        /// What was wanted, in words.
        wanted: &'static str,
        /// What was received.
        value: String,
    },
    /// The push is longer than its bound.
    #[error("title, desc and ext have `{len}` bytes, more than `{NOTIFICATION_LEN_MAX}`")]
    TooLong {
        /// Its bytes.
        len: usize,
    },
    /// The app's push service is off.
    #[error("push is not enabled for the app")]
    Disabled,
    /// None of the accounts exists.
    #[error("none of the accounts exists: {}", .0.join(", "))]
    NobodyKnown(Vec<String>),
    /// It was not accepted.
    #[error(transparent)]
    Accept(AcceptError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no randomness.
    #[error("the system has no randomness to give")]
    Entropy(#[source] std::io::Error),
}

impl Order {
    fn check(&self) -> Result<(), OrderError> {
        let refuse = |field, wanted, value: String| {
            Err(OrderError::Field {
                field,
                wanted,
                value,
            })
        };
        if let Some(to) = &self.to
            && !(1..=ACCOUNTS_MAX).contains(&to.len())
        {
            return refuse("to", "absent, or 1 to 500 accounts", to.len().to_string());
        }
        if let Some(seconds) = self.life_time_s
            && !(1..=LIFE_TIME_S_MAX).contains(&seconds)
        {
            return refuse("life_time_s", "1 to 604800", seconds.to_string());
        }
        let len = self.title.len() + self.desc.len() + self.ext.len();
        if len > NOTIFICATION_LEN_MAX {
            return Err(OrderError::TooLong { len });
        }
        if len == 0 {
            return refuse("title", "given, unless desc or ext is", String::new());
        }
        Ok(())
    }

    fn notification(&self) -> Notification {
        Notification {
            title: self.title.clone(),
            desc: self.desc.clone(),
            ext: self.ext.clone(),
            online_only: self.online_only,
            ..Notification::default()
        }
    }

    /// SHA-256 of its JSON: the same over either way.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        // A structure of texts and numbers: writing it cannot fail.
        Sha256::digest(serde_json::to_vec(self).unwrap_or_default()).into()
    }
}

/// Sends what an operator orders, under the same quotas as a backend's.
pub async fn order(
    dispatch: &Dispatch,
    audience: &Audience,
    entropy: &dyn Entropy,
    app: &App,
    order: Order,
) -> Result<Ordered, OrderError> {
    order.check()?;
    if !app.enabled {
        return Err(OrderError::Disabled);
    }
    let mut random = [0; 4];
    entropy.fill(&mut random).map_err(OrderError::Entropy)?;
    let (body_hash, notification) = (order.hash(), order.notification());
    let (kind, addressed, unknown) = match order.to {
        None => (TaskKind::Broadcast, Addressed::Everyone, Vec::new()),
        Some(to) => {
            let Sorted { known, unknown } = sort(audience, app.id, distinct(to)).await?;
            if known.is_empty() {
                return Err(OrderError::NobodyKnown(unknown));
            }
            (TaskKind::Batch, Addressed::Accounts(known), unknown)
        }
    };
    let push = Push {
        kind,
        sender: Deed::OPERATOR.to_owned(),
        random: u32::from_le_bytes(random),
        body_hash,
        data_id: String::new(),
        audience: addressed,
        notification,
        life_time_s: order.life_time_s,
        on_unknown: order.on_unknown.map(OnUnknown::from),
        id: None,
        message: None,
    };
    let task = dispatch
        .accept(app, push)
        .await
        .map_err(OrderError::Accept)?;
    let task = TaskRow::from(&task);
    Ok(Ordered { task, unknown })
}

pub(super) fn distinct(names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    names
        .into_iter()
        .filter(|name| seen.insert(name.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_could_mean_something_else_is_refused() {
        let good = Order {
            title: "t".to_owned(),
            ..Order::default()
        };
        assert!(good.check().is_ok());
        for (order, expected) in [
            (Order::default(), "`title` must be given"),
            (
                Order {
                    to: Some(Vec::new()),
                    ..good.clone()
                },
                "`to` must be absent, or 1 to 500 accounts, not `0`",
            ),
            (
                Order {
                    to: Some(vec![String::new(); 501]),
                    ..good.clone()
                },
                "not `501`",
            ),
            (
                Order {
                    life_time_s: Some(0),
                    ..good.clone()
                },
                "`life_time_s` must be 1 to 604800",
            ),
            (
                Order {
                    ext: "x".repeat(10_240),
                    ..good.clone()
                },
                "have `10241` bytes",
            ),
        ] {
            let told = order.check().unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        }
        assert!(serde_json::from_str::<Order>(r#"{"title":"t","too":["a"]}"#).is_err());
        let life = |text: &str| {
            let order = serde_json::from_str::<Order>(&format!(r#"{{"life_time_s":{text}}}"#));
            order.ok().map(|order| order.life_time_s)
        };
        assert_eq!((life("60"), life("60.0")), (Some(Some(60)), Some(Some(60))));
        assert_eq!(life("null"), Some(None));
        for wrong in ["60.5", "-1", "4294967296", "1e300", "\"60\""] {
            assert_eq!(life(wrong), None, "{wrong}");
        }
    }
}
