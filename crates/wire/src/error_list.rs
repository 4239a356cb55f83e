//! `ErrorList`: the accounts of a call that it did not do what it says for, each with its own code.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::Code;

/// An account that was not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountError<'a> {
    /// Its name, as received.
    #[serde(rename = "To_Account")]
    pub account: &'a str,
    /// Why.
    #[serde(rename = "ErrorCode", serialize_with = "number")]
    pub code: Code,
    /// Why, in words.
    #[serde(rename = "ErrorInfo")]
    pub info: Cow<'static, str>,
}

fn number<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(code.number())
}

impl<'a> AccountError<'a> {
    /// A name that nobody has.
    #[must_use]
    pub fn unknown(account: &'a str) -> Self {
        let code = Code::AccountUnknown;
        Self {
            account,
            code,
            info: code.text().into(),
        }
    }
}
