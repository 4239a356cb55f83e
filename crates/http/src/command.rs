//! The commands, as quotas, metrics and logs name them.

use pushtally_model::Quota;
use pushtally_wire::Code;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// `/v4/timpush/push`, and `/v4/all_member_push/im_push`.
    Push,
    /// `/v4/timpush/batch`.
    Batch,
    /// `/v4/timpush/revoke`.
    Revoke,
    /// `/v4/timpush/all_member_push_statistics`.
    AllMemberPushStatistics,
    /// `/v1/events`.
    Events,
    /// Anything else.
    Unknown,
}

impl Command {
    /// The name: the last part of the path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Batch => "batch",
            Self::Revoke => "revoke",
            Self::AllMemberPushStatistics => "all_member_push_statistics",
            Self::Events => "events",
            Self::Unknown => "unknown",
        }
    }

    /// What a caller is told who calls it too often.
    pub(crate) const fn too_frequent(self) -> Code {
        match self {
            Self::Revoke => Code::RevokeTooFrequent,
            Self::Push
            | Self::Batch
            | Self::AllMemberPushStatistics
            | Self::Events
            | Self::Unknown => Code::TooFrequent,
        }
    }

    /// The documented quota of each app.
    #[must_use]
    pub const fn default_quota(self) -> Quota {
        match self {
            // Its quotas are of another kind: so many a day, and so far apart.
            Self::Push => Quota { per_second: 0 },
            // The standard edition's.
            Self::Batch => Quota { per_second: 30 },
            Self::Revoke | Self::AllMemberPushStatistics => Quota { per_second: 1 },
            // The sender's own cap is 1,000 calls a second, and refusing an import only delays it.
            Self::Events | Self::Unknown => Quota { per_second: 0 },
        }
    }
}
