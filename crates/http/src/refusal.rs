//! Why a request is refused: the fact, its public code, and the text that reaches the client.
//!
//! Texts help the client and reveal nothing else: what storage says of itself is for the log only.

use std::time::Duration;

use http::Method;
use pushtally_dispatch::AcceptError;
use pushtally_model::{AccountKind, AppId, AttributeIndex, AttributeName};
use pushtally_store::StoreError;
use pushtally_usersig::UserSigError;
use pushtally_wire::{Code, WireError};
use thiserror::Error;

use crate::Command;

/// Why a request is refused.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    UserSig(#[from] UserSigError),
    #[error("method must be POST, not `{method}`")]
    Method { method: Method },
    #[error("there is no command `{path}`")]
    UnknownCommand { path: String },
    #[error("app `{app}` does not exist")]
    AppUnknown { app: AppId },
    #[error("app `{app}` may not be called under host `{host}`")]
    WrongHost { app: AppId, host: String },
    #[error("account `{identifier}` is no administrator of app `{app}`")]
    NotAdministrator { app: AppId, identifier: String },
    #[error("push is not enabled for app `{app}`")]
    Disabled { app: AppId },
    #[error("`{}` may be called `{per_second}` times a second", .command.name())]
    TooFrequent { command: Command, per_second: u32 },
    #[error("body is longer than `{len_max}` bytes")]
    BodyTooLong { len_max: usize },
    #[error("push is longer than `{len_max}` bytes")]
    PushTooLong { len_max: usize },
    #[error("none of the accounts exists")]
    NobodyKnown { names: Vec<String> },
    #[error("{}", pushtally_wire::label::taken(.name, *.by))]
    AttributeTaken {
        name: AttributeName,
        by: AttributeIndex,
    },
    #[error("attribute `{}` has type `{}` for ever", .index.get(), *.kind as u8)]
    AttributeKind {
        index: AttributeIndex,
        kind: AccountKind,
    },
    #[error("app `{app}` has sent its `{max}` pushes of the day")]
    DayFull { app: AppId, max: u32 },
    #[error("pushes of app `{app}` must be more than `{gap_ms}` milliseconds apart")]
    TooSoon { app: AppId, gap_ms: u32 },
    #[error("another push of app `{app}` has this PushID, or had it with another body")]
    PushIdTaken { app: AppId },
    #[error("`{max}` pushes of app `{app}` are not done yet, try again later")]
    TasksOpen { app: AppId, max: usize },
    #[error("the server cannot make a TaskId, its log tells why")]
    NoTaskId,
    #[error("app `{app}` has no such task")]
    TaskUnknown { app: AppId },
    #[error("the task is revoked already")]
    RevokedBefore,
    #[error("the task was accepted more than 24 hours ago")]
    TaskTooOld,
    #[error("body did not arrive completely")]
    BodyIncomplete,
    #[error("body did not arrive within `{}` seconds", .within.as_secs())]
    BodySlow { within: Duration },
    #[error("app `{app}` has no callback token")]
    NoCallbackToken { app: AppId },
    #[error("`RequestTime` `{request_time_s}` is more than `{tolerance_s}` seconds from `{now_s}`")]
    RequestTime {
        request_time_s: i64,
        tolerance_s: u32,
        now_s: i64,
    },
    #[error("`Sign` does not fit `RequestTime` and the app's callback token")]
    Sign,
    #[error("{what}")]
    Events { what: String },
    #[error("{}", public_text(.0))]
    Store(StoreError),
}

fn public_text(error: &StoreError) -> &'static str {
    match error {
        StoreError::Busy { .. } => "too many requests are waiting, try again later",
        StoreError::Full { .. } => "the disk is full, try again later",
        StoreError::Failed { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Io { .. }
        | StoreError::Missing { .. } => "storage has failed, the server's log tells why",
    }
}

// Not `#[from]`: the error's own text must not become a source that somebody prints to a client.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refusal {
    /// Why a push of an app was not accepted.
    pub(crate) fn of_push(app: AppId, error: AcceptError) -> Self {
        match error {
            AcceptError::DayFull { max } => Self::DayFull { app, max },
            AcceptError::TooSoon { gap_ms } => Self::TooSoon { app, gap_ms },
            AcceptError::IdTaken => Self::PushIdTaken { app },
            AcceptError::Busy { max } => Self::TasksOpen { app, max },
            AcceptError::Store(error) => Self::Store(error),
            AcceptError::Entropy(error) => {
                tracing::error!(%error, "a push was refused for want of randomness");
                Self::NoTaskId
            }
            AcceptError::Id(error) => {
                tracing::error!(%error, "a push was refused for want of a TaskId");
                Self::NoTaskId
            }
        }
    }

    /// The public code.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Wire(error) => error.code(),
            Self::UserSig(error) => Code::from_number(error.code()).unwrap_or(Code::UserSigIllegal),
            Self::Method { .. } => Code::HttpParse,
            Self::UnknownCommand { .. } => Code::UnknownCommand,
            Self::AppUnknown { .. } => Code::AppUnknown,
            Self::WrongHost { .. } => Code::WrongHost,
            Self::NotAdministrator { .. } => Code::NotAdministrator,
            Self::Disabled { .. } => Code::PushDisabled,
            Self::TooFrequent { command, .. } => command.too_frequent(),
            Self::BodyTooLong { .. } => Code::NotJson,
            Self::PushTooLong { .. } => Code::PushTooLong,
            Self::NobodyKnown { .. } => Code::AccountUnknown,
            Self::AttributeTaken { .. } | Self::AttributeKind { .. } => Code::AttributeBad,
            Self::DayFull { .. } => Code::DayFull,
            Self::TooSoon { .. } => Code::TooSoon,
            Self::PushIdTaken { .. } => Code::Malformed,
            Self::TasksOpen { .. } => Code::Overloaded,
            Self::NoTaskId => Code::Internal,
            Self::TaskUnknown { .. } => Code::TaskUnknown,
            Self::RevokedBefore => Code::RevokedBefore,
            Self::TaskTooOld => Code::TaskTooOld,
            Self::BodyIncomplete | Self::BodySlow { .. } => Code::RequestIncomplete,
            Self::NoCallbackToken { .. } => Code::NoKey,
            Self::RequestTime { .. } => Code::UserSigExpired,
            Self::Sign => Code::SignatureWrong,
            Self::Events { .. } => Code::BadRequest,
            Self::Store(StoreError::Busy { .. }) => Code::Overloaded,
            Self::Store(StoreError::Full { .. }) => Code::DiskFull,
            Self::Store(
                StoreError::Failed { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Io { .. }
                | StoreError::Missing { .. },
            ) => Code::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_errors_have_codes_and_reveal_no_paths() {
        let what = || "/var/lib/pushtally/ledger".to_owned();
        for (error, code) in [
            (StoreError::Busy { what: what() }, Code::Overloaded),
            (StoreError::Full { what: what() }, Code::DiskFull),
            (StoreError::Failed { what: what() }, Code::Internal),
            (StoreError::Corrupt { what: what() }, Code::Internal),
            (StoreError::Io { what: what() }, Code::Internal),
            (StoreError::Missing { what: what() }, Code::Internal),
        ] {
            let refusal = Refusal::from(error);
            assert_eq!(refusal.code(), code);
            assert!(!refusal.to_string().contains('/'), "{refusal}");
        }
    }

    #[test]
    fn every_usersig_error_has_its_row_in_the_table() {
        for error in [
            UserSigError::Empty,
            UserSigError::Signature,
            UserSigError::NoKey,
        ] {
            let number = error.code();
            assert_eq!(Refusal::from(error).code().number(), number);
        }
    }
}
