//! Why a UserSig is refused: the facts, their public codes and their messages.
//!
//! Messages reach clients and logs, so they repeat the account and the app but never a key or a signature, and
//! texts that come from a UserSig are escaped and cut.

use std::fmt;

use thiserror::Error;

use crate::{INFLATED_LEN_MAX, QUOTED_LEN_MAX, USERSIG_LEN_MAX};

/// Why a UserSig is refused. [`UserSigError::code`] gives the public code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UserSigError {
    /// It was made for a lifetime that is over.
    #[error("usersig made at `{time}` for `{expire}` seconds has expired, the time is `{now_s}`")]
    Expired {
        /// When it was made, in Unix seconds.
        time: i64,
        /// How long it lasts, in seconds.
        expire: i64,
        /// The time of the check, in Unix seconds.
        now_s: i64,
    },
    /// There is no UserSig.
    #[error("usersig is empty")]
    Empty,
    /// It cannot be read.
    #[error("usersig cannot be read: {0}")]
    Illegal(Illegality),
    /// No key of the app made it, or it was altered since.
    #[error("signature was not made with a key of this app")]
    Signature,
    /// It was made for another account.
    #[error("request is for account {}, usersig for account {}", Quoted(.request), Quoted(.usersig))]
    OtherAccount {
        /// The account that the request names.
        request: String,
        /// The account in the UserSig.
        usersig: String,
    },
    /// It was made for another app.
    #[error("request is for sdkappid `{request}`, usersig for sdkappid `{usersig}`")]
    OtherApp {
        /// The app that the request names.
        request: u32,
        /// The app in the UserSig.
        usersig: u32,
    },
    /// The app has no key to check with.
    #[error("app has no key")]
    NoKey,
}

impl UserSigError {
    /// The public code, of the 700xx family.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Expired { .. } => 70001,
            Self::Empty => 70002,
            Self::Illegal(_) => 70003,
            Self::Signature => 70009,
            Self::OtherAccount { .. } => 70013,
            Self::OtherApp { .. } => 70014,
            Self::NoKey => 70016,
        }
    }
}

// Not `#[from]`: the message above already contains the illegality's, so it must not also be the error's source.
impl From<Illegality> for UserSigError {
    fn from(illegality: Illegality) -> Self {
        Self::Illegal(illegality)
    }
}

/// What makes a UserSig unreadable, outermost layer first.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Illegality {
    /// More characters than [`USERSIG_LEN_MAX`].
    #[error("`{characters}` characters are more than `{USERSIG_LEN_MAX}`")]
    TooLong {
        /// The length of the text, in bytes.
        characters: usize,
    },
    /// A character outside the alphabet.
    #[error("character at offset `{offset}` is not of the base64 alphabet with `*`, `-` and `_`")]
    Character {
        /// Where, in bytes from the start.
        offset: usize,
    },
    /// The base64 text ends where it cannot end, as when it was cut.
    #[error("base64 of `{characters}` characters is cut or wrongly padded")]
    Cut {
        /// The length of the text, in bytes.
        characters: usize,
    },
    /// The bytes are no zlib stream, or its checksum does not hold.
    #[error("`{bytes}` bytes of base64 content are not a sound zlib stream")]
    Zlib {
        /// The length of the content, in bytes.
        bytes: usize,
    },
    /// The zlib stream does not end.
    #[error("zlib stream of `{bytes}` bytes is truncated")]
    Truncated {
        /// The length of the content, in bytes.
        bytes: usize,
    },
    /// The zlib stream inflates to more than [`INFLATED_LEN_MAX`] bytes.
    #[error("content inflates to more than `{INFLATED_LEN_MAX}` bytes")]
    Bomb,
    /// Something follows the zlib stream.
    #[error("`{bytes}` bytes follow the zlib stream")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The content is not UTF-8.
    #[error("content is not UTF-8 after byte `{offset}`")]
    Utf8 {
        /// How many bytes are.
        offset: usize,
    },
    /// The content is not one JSON object.
    #[error("content is not one JSON object, see line `{line}` column `{column}`")]
    Json {
        /// Line of the first fault, from 1; 0 when unknown.
        line: usize,
        /// Column of the first fault, from 1; 0 when unknown.
        column: usize,
    },
    /// A key occurs twice, so that two readers could disagree on what was signed.
    #[error("JSON key {} occurs twice", Quoted(.key))]
    Duplicate {
        /// The key.
        key: String,
    },
    /// A required key is missing.
    #[error("JSON key `{key}` is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value is not what its key calls for.
    #[error("value of JSON key `{key}` is not {wanted}")]
    Value {
        /// The key.
        key: &'static str,
        /// What was wanted, in words.
        wanted: &'static str,
    },
    /// `TLS.ver` is not the one version there is.
    #[error("version {} is not `2.0`", Quoted(.version))]
    Version {
        /// The version found.
        version: String,
    },
}

/// Writes a text from outside in backticks, escaped and cut to [`QUOTED_LEN_MAX`] characters.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        f.write_str("`")?;
        for character in characters.by_ref().take(QUOTED_LEN_MAX) {
            write!(f, "{}", character.escape_debug())?;
        }
        f.write_str(if characters.next().is_some() {
            "…`"
        } else {
            "`"
        })
    }
}
