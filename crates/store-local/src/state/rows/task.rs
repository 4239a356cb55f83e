//! A task as it was accepted, and how it stands.

use pushtally_model::{
    Account, AppId, Audience, ChatMessage, OnUnknown, Second, TaskDraft, TaskId, TaskKind,
    TaskState, Urgency,
};
use pushtally_store::{StoredTask, TaskSeq};
use serde::{Deserialize, Serialize};

use super::content::ContentV1;
use super::labels::ConditionV1;
use super::{Row, RowError, V1, V2, V3, V4, parse, split, unknown, write_as};

#[derive(Serialize, Deserialize)]
enum AudienceV1<'a> {
    Everyone,
    #[serde(borrow)]
    Accounts(Vec<&'a str>),
    #[serde(borrow)]
    Fitting(ConditionV1<'a>),
}

#[derive(Serialize, Deserialize)]
struct TaskV1<'a> {
    seq: u64,
    app: u32,
    id: &'a str,
    kind: u8,
    urgency: u8,
    sender: &'a str,
    random: u32,
    body_hash: [u8; 32],
    data_id: &'a str,
    #[serde(borrow)]
    audience: AudienceV1<'a>,
    title: &'a str,
    desc: &'a str,
    ext: &'a str,
    online_only: bool,
    accepted_at: u32,
    deadline: u32,
    state: u8,
    done_at: Option<u32>,
}

/// The first version, and what a push shows beyond its common texts.
#[derive(Serialize, Deserialize)]
struct TaskV2<'a> {
    #[serde(borrow)]
    first: TaskV1<'a>,
    #[serde(borrow)]
    content: ContentV1<'a>,
}

/// The second version, and what may be repeated.
#[derive(Serialize, Deserialize)]
struct TaskV3<'a> {
    #[serde(borrow)]
    second: TaskV2<'a>,
    on_unknown: u8,
}

/// The third version, and the message that it is of.
#[derive(Serialize, Deserialize)]
struct TaskV4<'a> {
    #[serde(borrow)]
    third: TaskV3<'a>,
    #[serde(borrow)]
    message: MessageV1<'a>,
}

#[derive(Serialize, Deserialize)]
struct MessageV1<'a> {
    key: &'a str,
    seq: Option<u32>,
    sent_at: Option<u32>,
    group: Option<&'a str>,
}

impl MessageV1<'_> {
    fn read(self) -> ChatMessage {
        ChatMessage {
            key: self.key.to_owned(),
            seq: self.seq,
            sent_at: self.sent_at.map(Second),
            group: self.group.map(str::to_owned),
        }
    }
}

impl<'a> From<TaskV2<'a>> for TaskV3<'a> {
    fn from(second: TaskV2<'a>) -> Self {
        Self {
            second,
            on_unknown: OnUnknown::Repeat as u8,
        }
    }
}

impl<'a> From<TaskV1<'a>> for TaskV2<'a> {
    fn from(first: TaskV1<'a>) -> Self {
        let content = ContentV1::default();
        Self { first, content }
    }
}

impl Row for StoredTask {
    /// In the second version while it says all, then in the third.
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        let draft = &self.draft;
        let first = TaskV1 {
            seq: self.seq.0,
            app: draft.app.0,
            id: draft.id.as_str(),
            kind: draft.kind as u8,
            urgency: draft.urgency as u8,
            sender: &draft.sender,
            random: draft.random,
            body_hash: draft.body_hash,
            data_id: &draft.data_id,
            audience: match &draft.audience {
                Audience::Everyone => AudienceV1::Everyone,
                Audience::Accounts(accounts) => {
                    AudienceV1::Accounts(accounts.iter().map(Account::as_str).collect())
                }
                Audience::Fitting(condition) => AudienceV1::Fitting(ConditionV1::of(condition)),
            },
            title: &draft.notification.title,
            desc: &draft.notification.desc,
            ext: &draft.notification.ext,
            online_only: draft.notification.online_only,
            accepted_at: draft.accepted_at.0,
            deadline: draft.deadline.0,
            state: self.state as u8,
            done_at: self.done_at.map(|at| at.0),
        };
        let content = ContentV1::of(&draft.notification);
        let second = TaskV2 { first, content };
        let on_unknown = draft.on_unknown as u8;
        if let Some(message) = &draft.message {
            let message = MessageV1 {
                key: &message.key,
                seq: message.seq,
                sent_at: message.sent_at.map(|at| at.0),
                group: message.group.as_deref(),
            };
            let third = TaskV3 { second, on_unknown };
            return write_as(V4, &TaskV4 { third, message });
        }
        if draft.on_unknown == OnUnknown::default() {
            return write_as(V2, &second);
        }
        write_as(V3, &TaskV3 { second, on_unknown })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let (row, message): (TaskV3<'_>, _) = match split(bytes)? {
            (V1, row) => (TaskV2::from(parse::<TaskV1<'_>>(row)?).into(), None),
            (V2, row) => (parse::<TaskV2<'_>>(row)?.into(), None),
            (V3, row) => (parse(row)?, None),
            (V4, row) => {
                let TaskV4 { third, message } = parse(row)?;
                (third, Some(Box::new(message.read())))
            }
            (version, _) => return Err(RowError::Version(version)),
        };
        let TaskV3 { second, on_unknown } = row;
        let TaskV2 {
            first: row,
            content,
        } = second;
        Ok(Self {
            seq: TaskSeq(row.seq),
            draft: TaskDraft {
                app: AppId(row.app),
                id: TaskId::new(row.id).map_err(|_| RowError::Bytes)?,
                kind: match row.kind {
                    0 => TaskKind::Broadcast,
                    1 => TaskKind::Batch,
                    2 => TaskKind::Message,
                    value => return Err(unknown("kind", value)),
                },
                urgency: match row.urgency {
                    0 => Urgency::Urgent,
                    1 => Urgency::Bulk,
                    value => return Err(unknown("urgency", value)),
                },
                sender: row.sender.to_owned(),
                random: row.random,
                body_hash: row.body_hash,
                data_id: row.data_id.to_owned(),
                audience: match row.audience {
                    AudienceV1::Everyone => Audience::Everyone,
                    AudienceV1::Accounts(names) => {
                        let accounts = names.into_iter().map(Account::new);
                        let accounts = accounts.collect::<Result<_, _>>();
                        Audience::Accounts(accounts.map_err(|_| RowError::Bytes)?)
                    }
                    AudienceV1::Fitting(condition) => Audience::Fitting(condition.read()?),
                },
                notification: content.read(row.title, row.desc, row.ext, row.online_only)?,
                accepted_at: Second(row.accepted_at),
                deadline: Second(row.deadline),
                on_unknown: match on_unknown {
                    0 => OnUnknown::Repeat,
                    1 => OnUnknown::Skip,
                    value => return Err(unknown("on_unknown", value)),
                },
                message,
            },
            state: match row.state {
                0 => TaskState::Running,
                1 => TaskState::Paused,
                2 => TaskState::Cancelled,
                3 => TaskState::Revoked,
                value => return Err(unknown("state", value)),
            },
            done_at: row.done_at.map(Second),
        })
    }
}
