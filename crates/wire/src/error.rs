//! Why outside bytes are refused: the facts, their public codes and their messages.
//!
//! Messages reach clients, so they repeat received values, escaped and cut, but never a UserSig or a signature.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::{ACCOUNTS_MAX, Code, EVENTS_MAX, QUOTED_LEN_MAX, TASK_IDS_MAX};

/// Why a URL or a body is refused. [`WireError::code`] gives the public code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// A URL parameter that must be there is not, or is empty.
    #[error("URL parameter `{name}` is missing or empty")]
    ParameterMissing {
        /// Its name.
        name: &'static str,
    },
    /// A URL parameter is there twice, so that two readers could disagree.
    #[error("URL parameter `{name}` is given more than once")]
    ParameterRepeated {
        /// Its name.
        name: &'static str,
    },
    /// A URL parameter's value is not what its name calls for.
    #[error("URL parameter `{name}` must be {wanted}, not {}", Quoted(.value))]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What was wanted, in words.
        wanted: &'static str,
        /// What was received.
        value: String,
    },
    /// A webhook URL with no proof of who calls.
    #[error("neither `Sign` and `RequestTime` nor `identifier` and `usersig` are given")]
    NoProof,
    /// A command that nobody knows.
    #[error("there is no command {}", Quoted(.command))]
    UnknownCommand {
        /// The command received.
        command: String,
    },
    /// Nothing where a JSON object should be.
    #[error("body is empty, send at least `{{}}`")]
    BodyEmpty,
    /// The body is not JSON.
    #[error("body is not JSON, see line `{line}` column `{column}`")]
    NotJson {
        /// Line of the first fault, from 1; 0 when the body is not UTF-8.
        line: usize,
        /// Column of the first fault.
        column: usize,
    },
    /// The body is JSON but no object.
    #[error("body must be a JSON object, not {}", Quoted(.value))]
    NotObject {
        /// What was received.
        value: String,
    },
    /// A known field is there twice, so that two readers could disagree.
    #[error("a field is given more than once: {what}")]
    FieldRepeated {
        /// Which, in the parser's words.
        what: String,
    },
    /// A field that must be there is not, or is null.
    #[error("`{name}` is missing")]
    FieldMissing {
        /// Its name.
        name: Cow<'static, str>,
    },
    /// A field's value is not what its name calls for.
    #[error("`{name}` must be {wanted}, not {}", Quoted(.value))]
    Field {
        /// Its name.
        name: Cow<'static, str>,
        /// What was wanted, in words.
        wanted: Cow<'static, str>,
        /// What was received, as JSON.
        value: String,
    },
    /// A text is longer than its bound.
    #[error("`{name}` has `{len}` bytes, more than `{len_max}`")]
    FieldTooLong {
        /// Its name.
        name: Cow<'static, str>,
        /// Its bytes.
        len: usize,
        /// The bound.
        len_max: usize,
    },
    /// A time that can only be meant in milliseconds.
    #[error("`{name}` must be in seconds, `{value}` looks like milliseconds")]
    Milliseconds {
        /// The field's name.
        name: Cow<'static, str>,
        /// What was received.
        value: i64,
    },
    /// A window that is empty or reversed.
    #[error("`StartTime` `{start}` must be before `EndTime` `{end}`")]
    WindowEmpty {
        /// `StartTime`.
        start: u32,
        /// `EndTime`.
        end: u32,
    },
    /// A window longer than the app may ask for.
    #[error("`StartTime` `{start}` and `EndTime` `{end}` are `{}` seconds apart, more than `{span_s_max}`", end - start)]
    WindowTooLong {
        /// `StartTime`.
        start: u32,
        /// `EndTime`.
        end: u32,
        /// The app's bound.
        span_s_max: u32,
    },
    /// More tasks than one query may name.
    #[error("`TaskID` has `{count}` ids, more than `{TASK_IDS_MAX}`")]
    TooManyTasks {
        /// How many.
        count: usize,
    },
    /// More accounts than one batch may address.
    #[error("`To_Account` has `{count}` accounts, more than `{ACCOUNTS_MAX}`")]
    TooManyAccounts {
        /// How many.
        count: usize,
    },
    /// More entries than a list or an object may have.
    #[error("`{name}` has `{count}` entries, more than `{count_max}`")]
    TooMany {
        /// Its name.
        name: Cow<'static, str>,
        /// How many, repetitions included.
        count: usize,
        /// The bound.
        count_max: usize,
    },
    /// A tag that two parts of a condition name.
    #[error("`Condition.TagsOr` and `Condition.TagsAnd` both name {}", Quoted(.tag))]
    SameTag {
        /// The tag.
        tag: String,
    },
    /// A condition on tags and on attributes.
    #[error("`Condition` has tags and attributes, it must have one of them")]
    TagsAndAttributes,
    /// An attribute that the app has not named.
    #[error("the app has no attribute {}", Quoted(.name))]
    AttributeUnknown {
        /// What it was called.
        name: String,
    },
    /// Two attributes of the same name.
    #[error("`AttrNames` gives the name {} twice", Quoted(.name))]
    AttributeRepeated {
        /// The name.
        name: String,
    },
    /// A fault that has another code in this field or command than elsewhere.
    #[error("{fault}")]
    Coded {
        /// The code.
        code: Code,
        /// The fault.
        fault: Box<WireError>,
    },
    /// No events, or more than one body may carry. Nothing of it counts.
    #[error("`Events` has `{count}` events, it must have 1 to `{EVENTS_MAX}`")]
    EventsCount {
        /// How many.
        count: usize,
    },
    /// An imported event's time that cannot be.
    #[error("`EventTime` `{value}` is outside `{from}` to `{to}`")]
    EventTime {
        /// What was received.
        value: i64,
        /// The earliest that is accepted.
        from: i64,
        /// The latest that is accepted now.
        to: i64,
    },
}

impl WireError {
    /// The same fault under another code.
    #[must_use]
    pub(crate) fn coded(self, code: Code) -> Self {
        let fault = Box::new(self);
        Self::Coded { code, fault }
    }

    /// The faults that have no code of their own have another common one in this family of commands than in queries.
    #[must_use]
    pub(crate) fn common(self, code: Code) -> Self {
        match self.code() {
            Code::BadRequest => self.coded(code),
            _ => self,
        }
    }

    /// The public code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::ParameterMissing { name } if name.eq_ignore_ascii_case("sdkappid") => {
                Code::AppIdMissing
            }
            Self::ParameterMissing { .. }
            | Self::ParameterRepeated { .. }
            | Self::Parameter { .. }
            | Self::NoProof => Code::BadParameter,
            Self::UnknownCommand { .. } => Code::UnknownCommand,
            Self::BodyEmpty | Self::NotJson { .. } => Code::NotJson,
            Self::TooManyAccounts { .. } => Code::TooManyAccounts,
            Self::Coded { code, .. } => *code,
            Self::SameTag { .. } => Code::SameTag,
            Self::TagsAndAttributes => Code::TagsAndAttributes,
            Self::AttributeUnknown { .. } | Self::AttributeRepeated { .. } => Code::AttributeBad,
            Self::TooMany { .. }
            | Self::NotObject { .. }
            | Self::FieldRepeated { .. }
            | Self::FieldMissing { .. }
            | Self::Field { .. }
            | Self::FieldTooLong { .. }
            | Self::Milliseconds { .. }
            | Self::WindowEmpty { .. }
            | Self::WindowTooLong { .. }
            | Self::TooManyTasks { .. }
            | Self::EventsCount { .. }
            | Self::EventTime { .. } => Code::BadRequest,
        }
    }
}

/// Writes a received text in backticks, control characters escaped, cut to [`QUOTED_LEN_MAX`] characters.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        f.write_str("`")?;
        for character in characters.by_ref().take(QUOTED_LEN_MAX) {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        f.write_str(if characters.next().is_some() {
            "…`"
        } else {
            "`"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_are_escaped_and_cut() {
        let check = |value: &str, expected: &str| assert_eq!(Quoted(value).to_string(), expected);
        check("\"17\"", "`\"17\"`");
        check("a\r\nb", "`a\\r\\nb`");
        check(&"é".repeat(65), &format!("`{}…`", "é".repeat(64)));
    }

    #[test]
    fn only_a_missing_sdkappid_has_its_own_code() {
        assert_eq!(
            WireError::ParameterMissing { name: "sdkappid" }.code(),
            Code::AppIdMissing
        );
        assert_eq!(
            WireError::ParameterMissing { name: "SdkAppid" }.code(),
            Code::AppIdMissing
        );
        assert_eq!(
            WireError::ParameterMissing { name: "usersig" }.code(),
            Code::BadParameter
        );
        assert_eq!(
            WireError::ParameterRepeated { name: "sdkappid" }.code(),
            Code::BadParameter
        );
    }
}
