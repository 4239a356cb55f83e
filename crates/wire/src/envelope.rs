//! The reply that every command shares: `ActionStatus`, `ErrorCode`, `ErrorInfo`, in the order of the samples.

use serde::Serialize;

use crate::Code;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Base<'a> {
    action_status: &'static str,
    error_code: u32,
    error_info: &'a str,
}

/// The reply to a command that has done what it was asked, and has nothing else to say.
#[must_use]
pub fn done() -> Vec<u8> {
    to_json(&Base {
        action_status: "OK",
        error_code: Code::Ok.number(),
        error_info: "",
    })
}

/// The reply to a refused request.
#[must_use]
pub fn failure(code: Code, info: &str) -> Vec<u8> {
    let reply = Base {
        action_status: "FAIL",
        error_code: code.number(),
        error_info: info,
    };
    to_json(&reply)
}

/// The reply to a request that did what it says, with what it asks for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Success<T> {
    action_status: &'static str,
    error_info: &'static str,
    error_code: u32,
    #[serde(flatten)]
    content: T,
}

impl<T> Success<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self {
            action_status: "OK",
            error_info: "",
            error_code: 0,
            content,
        }
    }
}

/// Writes a reply. Ours are trees of structures, numbers and texts, none of which can fail to be written.
pub(crate) fn to_json<T: Serialize>(reply: &T) -> Vec<u8> {
    serde_json::to_vec(reply).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_says_so_and_nothing_else() {
        let expected = r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#;
        assert_eq!(String::from_utf8(done()).unwrap(), expected);
    }

    #[test]
    fn failures_have_the_documented_fields_in_order() {
        let json = failure(Code::UnknownCommand, "no command `a\"b`");
        let expected =
            r#"{"ActionStatus":"FAIL","ErrorCode":60009,"ErrorInfo":"no command `a\"b`"}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
