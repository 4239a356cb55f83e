//! Why an act was not done, in words for the operator.

use pushtally_http::operations::{KeptError, OrderError, TaskStatus};
use pushtally_model::{AppId, AttributeIndex, AttributeName};
use pushtally_store::StoreError;

use super::KEYS_MAX;
use crate::channels::{ChannelId, MakeError, PutError};

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    #[error("app `{app}` is declared at {at}, change it there")]
    Declared { app: AppId, at: String },
    #[error("{id} is declared at {at}, change it there")]
    ChannelDeclared { id: ChannelId, at: String },
    #[error("{id} is not in the store")]
    NoChannel { id: ChannelId },
    #[error("the account is refused: {0}")]
    Make(#[from] MakeError),
    #[error(transparent)]
    Put(#[from] PutError),
    #[error("app `{app}` exists already")]
    Exists { app: AppId },
    #[error("there is no app `{app}`")]
    Missing { app: AppId },
    #[error("an SDKAppID is `1` to `4294967295`, not `0`")]
    ZeroId,
    #[error("`{name}` is no administrator: {source}")]
    Administrator {
        name: String,
        source: pushtally_usersig::IdentifierError,
    },
    #[error("the webhook's URL is refused: {0}")]
    WebhookUrl(pushtally_webhook::TargetError),
    #[error("app `{app}` has no dead letter{}", id.map(|id| format!(" `{id}`")).unwrap_or_default())]
    NoLetter { app: AppId, id: Option<u64> },
    #[error("relay_to is refused: {0}")]
    Relay(#[from] pushtally_webhook::TargetError),
    #[error("the {what} is empty")]
    Empty { what: &'static str },
    #[error("app `{app}` has `{KEYS_MAX}` keys already, drop the old ones first (`--drop-old`)")]
    TooManyKeys { app: AppId },
    #[error("the system has no randomness to give")]
    Entropy(#[source] std::io::Error),
    #[error("`{name}` is no account: it has 1 to 128 bytes and no control characters")]
    NoAccount { name: String },
    #[error("`{text}` is no place in a history")]
    NoPlace { text: String },
    #[error("app `{app}` has no task `{id}`")]
    NoTask { app: AppId, id: String },
    #[error("task `{id}` is {}", status.name())]
    TaskOver { id: String, status: TaskStatus },
    #[error("{0}")]
    Order(#[from] OrderError),
    #[error("`{number}` is the number of no channel")]
    Channel { number: u8 },
    #[error("no server runs: brakes are in its memory, and none is on")]
    NoServer,
    #[error("the server is starting, try again")]
    Starting,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error("`{as_of_ms}` is in the future: now it is Unix millisecond `{now_ms}`")]
    Future { as_of_ms: i64, now_ms: i64 },
    #[error(
        "app `{app}` has `{devices_max}` devices, as many as it may: raise `devices_max` and import again, which goes on"
    )]
    Full { app: AppId, devices_max: u64 },
    #[error(
        "`{index}={name}` names no attribute: an index is `0` to `{}`, a name has 1 to {} bytes",
        AttributeIndex::COUNT - 1,
        AttributeName::LEN_MAX
    )]
    AttributeName { index: u8, name: String },
    #[error("attribute `{by}` is called `{name}` already")]
    AttributeTaken { name: String, by: u8 },
    #[error("backup failed: {0:#}")]
    Backup(anyhow::Error),
}
