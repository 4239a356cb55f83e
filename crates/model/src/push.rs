//! A push of our own: whom it addresses, how long it may take, and the losses that we name.

use crate::{Account, AppId, Condition, Kind, Notification, Second, TaskId};

/// Whom a task addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Every registered device of the app.
    Everyone,
    /// The devices of these accounts, or the devices of these RegistrationIDs. At most 500, each once.
    Accounts(Vec<Account>),
    /// The registered devices that fit.
    Fitting(Box<Condition>),
}

/// Which command made a task; also what its quota is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TaskKind {
    /// `push`.
    Broadcast = 0,
    /// `batch`.
    Batch = 1,
    /// `message-push`: its TaskId is the PushID.
    Message = 2,
}

impl TaskKind {
    /// The family that its counts belong to.
    #[must_use]
    pub const fn family(self) -> Kind {
        match self {
            Self::Broadcast | Self::Batch => Kind::Push,
            Self::Message => Kind::Message,
        }
    }
}

/// The chat message that a message push is of, in its sender's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatMessage {
    /// `MsgKey`; empty when absent.
    pub key: String,
    /// `MsgSeq`.
    pub seq: Option<u32>,
    /// `MsgTime`.
    pub sent_at: Option<Second>,
    /// `GroupId`; `None` is a message between two.
    pub group: Option<String>,
}

/// Who goes first. Urgent work has a share of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Urgency {
    /// `batch` and `message-push`, by default.
    Urgent = 0,
    /// `push`.
    Bulk = 1,
}

/// What becomes of a device when nobody knows whether the channel took its message: no answer came, or we stopped before
/// it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum OnUnknown {
    /// It is sent to again, with the same ids: at least once.
    #[default]
    Repeat = 0,
    /// It ends as [`OwnLoss::UnknownOutcome`]: at most once.
    Skip = 1,
}

/// What is known of a push when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDraft {
    /// The app.
    pub app: AppId,
    /// Its public name.
    pub id: TaskId,
    /// The command.
    pub kind: TaskKind,
    /// Who goes first.
    pub urgency: Urgency,
    /// `From_Account`.
    pub sender: String,
    /// `MsgRandom`.
    pub random: u32,
    /// SHA-256 of the body as received.
    pub body_hash: [u8; 32],
    /// `DataId`; empty when absent.
    pub data_id: String,
    /// Whom it addresses.
    pub audience: Audience,
    /// What it shows.
    pub notification: Notification,
    /// The second it was accepted in: that of all its planned events.
    pub accepted_at: Second,
    /// From this second on nothing more is sent; what has not ended then ends as `expired`.
    pub deadline: Second,
    /// What becomes of those of whom nobody knows whether they were sent to.
    pub on_unknown: OnUnknown,
    /// The message that it is of; only of a message push.
    pub message: Option<Box<ChatMessage>>,
}

/// What an operator wants of a task. Its jobs decide when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum TaskState {
    /// Its jobs run.
    #[default]
    Running = 0,
    /// Its jobs wait; the deadline still holds.
    Paused = 1,
    /// Nothing more is sent; what was planned ends as `cancelled`.
    Cancelled = 2,
    /// Its sender took it back: nothing more is sent, what was planned ends as `revoked`, and phones that show it are told.
    Revoked = 3,
}

impl TaskState {
    /// Whether nothing more is sent, for good.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Running | Self::Paused => false,
            Self::Cancelled | Self::Revoked => true,
        }
    }
}

/// The taking back of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The second it was ordered in.
    pub at: Second,
    /// What phones show in place of the push; `None` is nothing.
    pub instead: Option<Notification>,
}

/// A loss that we name ourselves, all of them before sending. The first two codes are the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnLoss {
    /// The app has no credentials for the token's CertId.
    NoCredentials,
    /// The device has no token.
    NoToken,
    /// The deadline passed.
    Expired,
    /// The task was cancelled.
    Cancelled,
    /// The device was unregistered.
    Unregistered,
    /// The channel could not be reached until the deadline.
    Unavailable,
    /// The socket took frames too slowly.
    Slow,
    /// The socket was gone when its turn came.
    Gone,
    /// The sender took the push back.
    Revoked,
    /// Nobody knows whether the channel took it, and the push must not be repeated.
    UnknownOutcome,
    /// The channel said that the token reaches nobody: to another push since this one was accepted, or to this one before its
    /// words were recorded.
    TokenGone,
}

impl OwnLoss {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::NoCredentials,
        Self::NoToken,
        Self::Expired,
        Self::Cancelled,
        Self::Unregistered,
        Self::Unavailable,
        Self::Slow,
        Self::Gone,
        Self::Revoked,
        Self::UnknownOutcome,
        Self::TokenGone,
    ];

    /// The code, as loss queries show it. Never changes.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::NoCredentials => -1,
            Self::NoToken => -2,
            Self::Expired => -3,
            Self::Cancelled => -4,
            Self::Unregistered => -5,
            Self::Unavailable => -6,
            Self::Slow => -7,
            Self::Gone => -8,
            Self::Revoked => -9,
            Self::UnknownOutcome => -10,
            Self::TokenGone => -11,
        }
    }

    /// The text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoCredentials => "certificate id not set",
            Self::NoToken => "token not uploaded",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Unregistered => "unregistered",
            Self::Unavailable => "unavailable",
            Self::Slow => "slow",
            Self::Gone => "gone",
            Self::Revoked => "revoked",
            Self::UnknownOutcome => "unknown_outcome",
            Self::TokenGone => "token gone",
        }
    }
}
