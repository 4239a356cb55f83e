//! What the server says over a socket, as JSON texts.

use bytes::Bytes;
use pushtally_channel::{Attention, Message, Revoked};
use pushtally_model::{Second, TaskId};
use serde::{Serialize, Serializer};

use crate::limits::{BUSY_RETRY_MS, PING_S};
use crate::parse::VERSION;

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Reply {
    Welcome {
        version: u64,
        ping_s: u32,
        now: i64,
    },
    Recorded {
        seq: u64,
        #[serde(serialize_with = "names")]
        unknown: Vec<TaskId>,
    },
    Busy {
        seq: u64,
        retry: u32,
    },
    Foreground {
        on: bool,
    },
    Pong,
}

impl Reply {
    pub(crate) fn welcome(now_ms: i64) -> Self {
        Self::Welcome {
            version: VERSION,
            ping_s: PING_S,
            now: now_ms,
        }
    }

    pub(crate) fn busy(seq: u64) -> Self {
        Self::Busy {
            seq,
            retry: BUSY_RETRY_MS,
        }
    }

    pub(crate) fn foreground(attention: Attention) -> Self {
        Self::Foreground {
            on: attention == Attention::Foreground,
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        encode(self)
    }
}

fn names<S: Serializer>(ids: &[TaskId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(TaskId::as_str))
}

#[derive(Serialize)]
struct Push<'a> {
    r#type: &'static str,
    id: &'a str,
    title: &'a str,
    desc: &'a str,
    ext: &'a str,
    data_id: &'a str,
    accepted: u64,
    expires: u64,
}

/// A push as a frame, for devices of one language.
pub(crate) fn push(message: &Message, language: &str) -> Bytes {
    let (title, desc) = message.notification.texts(language);
    let ms = |second: Second| u64::from(second.0) * 1000;
    encode(&Push {
        r#type: "push",
        id: message.id.as_str(),
        title,
        desc,
        ext: &message.notification.ext,
        data_id: &message.data_id,
        accepted: ms(message.accepted_at),
        expires: ms(message.deadline),
    })
}

#[derive(Serialize)]
struct Revoke<'a> {
    r#type: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<Instead<'a>>,
}

#[derive(Serialize)]
struct Instead<'a> {
    title: &'a str,
    desc: &'a str,
    ext: &'a str,
}

/// The taking back of a push as a frame, for devices of one language.
pub(crate) fn revoke(revoked: &Revoked, language: &str) -> Bytes {
    let instead = revoked.instead.as_ref().map(|instead| {
        let (title, desc) = instead.texts(language);
        let ext = &instead.ext;
        Instead { title, desc, ext }
    });
    encode(&Revoke {
        r#type: "revoke",
        id: revoked.id.as_str(),
        instead,
    })
}

fn encode(frame: &impl Serialize) -> Bytes {
    // Texts and numbers into memory: nothing of it can fail.
    serde_json::to_vec(frame).unwrap_or_default().into()
}
