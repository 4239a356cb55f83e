//! Many devices, tags or attributes at once, from and to files: what the command line and the acts both know of it.
//!
//! The command line reads a file in chunks, one act for each (`import`), or writes the pages that acts answer (`export`).
//! Whatever the file is written in, a row travels as one JSON object: the line of an NDJSON file.

mod bad;
mod csv;
mod export;
mod import;
mod lines;
mod progress;
mod rows;
mod shown;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use export::Export;
pub(crate) use import::Import;
pub(crate) use rows::Format;

// Bounds.

/// Longest row, as the body of a registration, which it is.
pub(crate) const ROW_LEN_MAX: usize = 64 << 10;

/// How much one act, and one page of an answer, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChunkBounds {
    pub(crate) rows_max: usize,
    /// Bytes of rows after which it takes no further one.
    pub(crate) len_max: usize,
}

impl ChunkBounds {
    /// Of a server that has others to answer: a tenth of a second's work, and their sync costs little beside it. Written
    /// as a text in JSON the rows take at most six times as much, which the control socket carries.
    pub(crate) const SHARED: Self = Self {
        rows_max: 4000,
        len_max: 512 << 10,
    };
    /// Of an engine that nobody else uses.
    pub(crate) const ALONE: Self = Self {
        rows_max: 16_000,
        len_max: 8 << 20,
    };

    pub(crate) const fn is_full(self, rows: usize, len: usize) -> bool {
        rows >= self.rows_max || len >= self.len_max
    }
}

const _: () = {
    let ChunkBounds { rows_max, len_max } = ChunkBounds::SHARED;
    assert!(6 * (len_max + ROW_LEN_MAX) + 64 * rows_max < crate::control::MESSAGE_LEN_MAX);
};

/// What a file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Phones, with who is signed in on them.
    Devices,
    /// Tags of accounts.
    Tags,
    /// Attributes of accounts.
    Attributes,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Tags => "tags",
            Self::Attributes => "attributes",
        }
    }
}

/// A row of a file. It may hold a token and a secret, so it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Where in the file it begins, from 1.
    pub(crate) line: u64,
    /// One JSON object, if it is sound.
    pub(crate) json: String,
}

/// Why a row was not taken in. Never repeats a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) reason: String,
    /// The field at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// What it held, shortened; `None` for what must not be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
}

impl Fault {
    /// Characters of a faulty value that are repeated: enough to recognise it.
    const VALUE_LEN_MAX: usize = 64;

    /// A fault of the whole row.
    pub(crate) fn of_row(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            field: None,
            value: None,
        }
    }

    /// A fault of a field, and what it held.
    pub(crate) fn at(field: impl Into<String>, value: &str, reason: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            value: Some(value.chars().take(Self::VALUE_LEN_MAX).collect()),
            ..Self::of_row(reason)
        }
    }

    /// A fault of a field that holds nothing worth repeating.
    pub(crate) fn of(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::of_row(reason)
        }
    }
}

/// What became of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// They made a device, or an account known.
    pub(crate) new: u64,
    /// They changed one that was known.
    pub(crate) changed: u64,
    /// Everything was so already.
    pub(crate) same: u64,
    /// They were not taken in.
    pub(crate) bad: u64,
}

impl Counts {
    pub(crate) const fn rows(self) -> u64 {
        self.new + self.changed + self.same + self.bad
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.same += more.same;
        self.bad += more.bad;
    }
}

/// Where an export goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// From this device on.
    Device(u32),
    /// After what is labelled so.
    Labelled { phone: bool, name: String },
}

/// A page of an export.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Page {
    /// Each one JSON object.
    pub(crate) rows: Vec<String>,
    /// What the app calls its attributes, when the export is of them.
    pub(crate) attributes: Vec<String>,
    /// Where the next page begins; `None` after the last.
    pub(crate) next: Option<Place>,
}
