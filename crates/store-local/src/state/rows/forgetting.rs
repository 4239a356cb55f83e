//! What is to be forgotten and what was, and when copies of everything were made.

use pushtally_model::{AppId, Second};
use pushtally_store::{BackupNote, Erased, Forgetting};
use serde::{Deserialize, Serialize};

use super::{Row, RowError, read, write};

/// A forgetting with whom it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotedForgetting {
    pub(crate) forgetting: Forgetting,
    /// Names that are still to be looked for: of accounts and of phones. None once everything was looked through: the row
    /// must not be what keeps them.
    pub(crate) gone: Vec<String>,
    /// The place of the task that was accepted last before it.
    pub(crate) last_task: u64,
}

#[derive(Serialize, Deserialize)]
struct ForgettingV1<'a> {
    place: u64,
    app: u32,
    at: u32,
    named: u64,
    /// In the order of [`Erased::counts`].
    erased: [u64; 10],
    done_at: Option<u32>,
    #[serde(borrow)]
    gone: Vec<&'a str>,
    last_task: u64,
}

impl Row for NotedForgetting {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        let forgetting = &self.forgetting;
        write(&ForgettingV1 {
            place: forgetting.place,
            app: forgetting.app.0,
            at: forgetting.at.0,
            named: forgetting.named,
            erased: forgetting.erased.counts(),
            done_at: forgetting.done_at.map(|at| at.0),
            gone: self.gone.iter().map(String::as_str).collect(),
            last_task: self.last_task,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: ForgettingV1<'_> = read(bytes)?;
        Ok(Self {
            forgetting: Forgetting {
                place: row.place,
                app: AppId(row.app),
                at: Second(row.at),
                named: row.named,
                erased: Erased::of(row.erased),
                done_at: row.done_at.map(Second),
            },
            gone: row.gone.into_iter().map(str::to_owned).collect(),
            last_task: row.last_task,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct BackupV1<'a> {
    at: u32,
    to: &'a str,
}

impl Row for BackupNote {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        let (at, to) = (self.at.0, self.to.as_str());
        write(&BackupV1 { at, to })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: BackupV1<'_> = read(bytes)?;
        Ok(Self {
            at: Second(row.at),
            to: row.to.to_owned(),
        })
    }
}
