//! The webhooks `Push.AllMemberPush` and `Push.OfflinePush`: their URL, their bodies of up to 100 events, the reply.

mod body;
mod event;
mod outgoing;
mod url;

pub use body::{EventBatch, describe_refused};
pub use event::WebhookEvent;
pub use outgoing::{LOST_WITHOUT_CODE, Outgoing, body};
pub use url::{CallbackParameters, Proof, query};

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
        let all = [Self::AllMemberPush, Self::OfflinePush];
        all.into_iter().find(|command| command.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllMemberPush => "Push.AllMemberPush",
            Self::OfflinePush => "Push.OfflinePush",
        }
    }

    /// The command that tells of a family's events.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Push => Self::AllMemberPush,
            Kind::Message => Self::OfflinePush,
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
