//! The commands, as quotas, metrics and logs name them.

use pushtally_model::Quota;
use pushtally_wire::Code;

use crate::limits::{
    BATCH_BODY_LEN_MAX, EVENTS_BODY_LEN_MAX, LABELS_BODY_LEN_MAX, PUSH_BODY_LEN_MAX,
    REVOKE_BODY_LEN_MAX, SMALL_BODY_LEN_MAX,
};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// `/v4/timpush/push`, and `/v4/all_member_push/im_push`.
    Push,
    /// `/v4/timpush/batch`.
    Batch,
    /// `/v1/message-push`.
    MessagePush,
    /// `/v4/timpush/set_attr_name`, as all up to [`Self::ClearAllTags`] also under `/v4/all_member_push/im_…`.
    SetAttrName,
    /// `/v4/timpush/get_attr_name`.
    GetAttrName,
    /// `/v4/timpush/set_attr`.
    SetAttr,
    /// `/v4/timpush/get_attr`.
    GetAttr,
    /// `/v4/timpush/remove_attr`.
    RemoveAttr,
    /// `/v4/timpush/add_tag`.
    AddTag,
    /// `/v4/timpush/get_tag`.
    GetTag,
    /// `/v4/timpush/remove_tag`.
    RemoveTag,
    /// `/v4/timpush/clear_all_tags`, and `/v4/all_member_push/im_remove_all_tags`.
    ClearAllTags,
    /// `/v4/im_open_login_svc/account_import`.
    AccountImport,
    /// `/v4/im_open_login_svc/multiaccount_import`.
    MultiaccountImport,
    /// `/v4/im_open_login_svc/account_check`.
    AccountCheck,
    /// `/v4/im_open_login_svc/account_delete`.
    AccountDelete,
    /// `/v4/timpush/revoke`.
    Revoke,
    /// `/v4/timpush/all_member_push_statistics`.
    AllMemberPushStatistics,
    /// `/v4/timpush/all_member_push_loss`.
    AllMemberPushLoss,
    /// `/v4/timpush/normal_push_statistics`.
    NormalPushStatistics,
    /// `/v4/timpush/normal_push_loss`.
    NormalPushLoss,
    /// `/v4/timpush/all_member_push_trace`.
    AllMemberPushTrace,
    /// `/v4/timpush/normal_push_trace`.
    NormalPushTrace,
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
            Self::MessagePush => "message_push",
            Self::SetAttrName => "set_attr_name",
            Self::GetAttrName => "get_attr_name",
            Self::SetAttr => "set_attr",
            Self::GetAttr => "get_attr",
            Self::RemoveAttr => "remove_attr",
            Self::AddTag => "add_tag",
            Self::GetTag => "get_tag",
            Self::RemoveTag => "remove_tag",
            Self::ClearAllTags => "clear_all_tags",
            Self::AccountImport => "account_import",
            Self::MultiaccountImport => "multiaccount_import",
            Self::AccountCheck => "account_check",
            Self::AccountDelete => "account_delete",
            Self::Revoke => "revoke",
            Self::AllMemberPushStatistics => "all_member_push_statistics",
            Self::AllMemberPushLoss => "all_member_push_loss",
            Self::NormalPushStatistics => "normal_push_statistics",
            Self::NormalPushLoss => "normal_push_loss",
            Self::AllMemberPushTrace => "all_member_push_trace",
            Self::NormalPushTrace => "normal_push_trace",
            Self::Events => "events",
            Self::Unknown => "unknown",
        }
    }

    /// What a caller is told who calls it too often.
    pub(crate) const fn too_frequent(self) -> Code {
        match self {
            Self::Revoke => Code::RevokeTooFrequent,
            _ => Code::TooFrequent,
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
            // Ours: a chat's messages come faster than campaigns, and each is to few.
            Self::MessagePush => Quota { per_second: 200 },
            Self::AccountImport => Quota { per_second: 200 },
            Self::SetAttrName
            | Self::GetAttrName
            | Self::SetAttr
            | Self::GetAttr
            | Self::RemoveAttr
            | Self::AddTag
            | Self::GetTag
            | Self::RemoveTag
            | Self::ClearAllTags
            | Self::MultiaccountImport
            | Self::AccountCheck
            | Self::AccountDelete => Quota { per_second: 100 },
            Self::Revoke
            | Self::AllMemberPushStatistics
            | Self::AllMemberPushLoss
            | Self::NormalPushStatistics
            | Self::NormalPushLoss
            | Self::AllMemberPushTrace
            | Self::NormalPushTrace => Quota { per_second: 1 },
            // The sender's own cap is 1,000 calls a second, and refusing an import only delays it.
            Self::Events | Self::Unknown => Quota { per_second: 0 },
        }
    }

    /// Whether it sends a push.
    pub(crate) const fn sends(self) -> bool {
        matches!(self, Self::Push | Self::Batch | Self::MessagePush)
    }

    /// The longest body, in bytes.
    pub(crate) const fn body_len_max(self) -> usize {
        match self {
            Self::Push => PUSH_BODY_LEN_MAX,
            Self::Batch | Self::MessagePush => BATCH_BODY_LEN_MAX,
            Self::Revoke => REVOKE_BODY_LEN_MAX,
            Self::SetAttr | Self::RemoveAttr | Self::AddTag | Self::RemoveTag => {
                LABELS_BODY_LEN_MAX
            }
            // Only names, and what is ignored beside them.
            Self::SetAttrName
            | Self::GetAttrName
            | Self::GetAttr
            | Self::GetTag
            | Self::ClearAllTags
            | Self::AccountImport
            | Self::AccountCheck
            | Self::AccountDelete
            | Self::AllMemberPushStatistics
            | Self::AllMemberPushLoss
            | Self::NormalPushStatistics
            | Self::NormalPushLoss
            | Self::AllMemberPushTrace
            | Self::NormalPushTrace
            | Self::Unknown => SMALL_BODY_LEN_MAX,
            Self::MultiaccountImport => BATCH_BODY_LEN_MAX,
            Self::Events => EVENTS_BODY_LEN_MAX,
        }
    }
}
