//! The webhooks `Push.AllMemberPush` and `Push.OfflinePush`: their URL, their bodies of up to 100 events, the reply.

mod body;
mod event;
mod url;

pub use body::{EventBatch, describe_refused};
pub use event::WebhookEvent;
pub use url::{CallbackParameters, Proof};

use pushtally_model::Kind;

/// The documented reply to a webhook that was taken.
pub const ACCEPTED: &str = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;

/// The two webhook commands there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackCommand {
    /// Results of `push` and `batch`.
    AllMemberPush,
    /// Results of pushes for chat messages.
    OfflinePush,
}

impl CallbackCommand {
    /// The command of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "Push.AllMemberPush" => Some(Self::AllMemberPush),
            "Push.OfflinePush" => Some(Self::OfflinePush),
            _ => None,
        }
    }

    /// The family its events are counted in.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::AllMemberPush => Kind::Push,
            Self::OfflinePush => Kind::Message,
        }
    }
}
