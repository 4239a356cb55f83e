//! The replies of `push` and `batch`, fields in the order of the documented sample.

use pushtally_model::TaskId;
use serde::Serialize;

use crate::envelope::to_json;
use crate::{AccountError, Code};

/// The reply: a TaskId, and who is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PushReply<'a> {
    action_status: &'static str,
    error_info: &'a str,
    error_code: u32,
    task_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_list: Vec<AccountError<'a>>,
}

/// The reply of a `message-push`: its PushID, and who is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessagePushReply<'a> {
    action_status: &'static str,
    error_info: &'a str,
    error_code: u32,
    #[serde(rename = "PushID")]
    push: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_list: Vec<AccountError<'a>>,
}

impl<'a> MessagePushReply<'a> {
    /// An accepted push; `unknown` are the accounts that do not exist.
    #[must_use]
    pub fn accepted<S: AsRef<str>>(id: &'a TaskId, unknown: &'a [S]) -> Self {
        Self {
            action_status: "OK",
            error_info: "",
            error_code: Code::Ok.number(),
            push: id.as_str(),
            error_list: error_list(unknown),
        }
    }

    /// A push to accounts none of which exists.
    #[must_use]
    pub fn nobody<S: AsRef<str>>(info: &'a str, unknown: &'a [S]) -> Self {
        Self {
            action_status: "FAIL",
            error_info: info,
            error_code: Code::AccountUnknown.number(),
            push: "",
            error_list: error_list(unknown),
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

fn error_list<S: AsRef<str>>(unknown: &[S]) -> Vec<AccountError<'_>> {
    let names = unknown.iter().map(AsRef::as_ref);
    names.map(AccountError::unknown).collect()
}

impl<'a> PushReply<'a> {
    /// An accepted push; `unknown` are the accounts that do not exist.
    #[must_use]
    pub fn accepted<S: AsRef<str>>(task: &'a TaskId, unknown: &'a [S]) -> Self {
        Self {
            action_status: "OK",
            error_info: "",
            error_code: Code::Ok.number(),
            task_id: task.as_str(),
            error_list: error_list(unknown),
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

/// The reply to a refused `push` or `batch`: its TaskId is empty.
#[must_use]
pub fn failure(code: Code, info: &str) -> Vec<u8> {
    refused(code, info, Vec::new())
}

/// The reply to a `batch` of accounts none of which exists.
#[must_use]
pub fn nobody<S: AsRef<str>>(info: &str, unknown: &[S]) -> Vec<u8> {
    refused(Code::AccountUnknown, info, error_list(unknown))
}

fn refused(code: Code, info: &str, error_list: Vec<AccountError<'_>>) -> Vec<u8> {
    to_json(&PushReply {
        action_status: "FAIL",
        error_info: info,
        error_code: code.number(),
        task_id: "",
        error_list,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: Vec<u8>) -> String {
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn the_documented_failure_is_written_byte_for_byte() {
        let sample = include_str!("../../tests/fixtures/batch.failure.json");
        let json = text(failure(Code::Malformed, "Invalid format of MsgRandom"));
        assert_eq!(json, sample.trim_end());
    }

    #[test]
    fn an_accepted_push_has_its_task_and_no_list() {
        let task = TaskId::new("657bf434_537529d8_2000005e80aa873_2780d131_bc614e").unwrap();
        let json = text(PushReply::accepted::<&str>(&task, &[]).to_json());
        let expected = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"TaskId":"657bf434_537529d8_2000005e80aa873_2780d131_bc614e"}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn unknown_accounts_are_listed_with_or_without_a_task() {
        let list = concat!(
            r#""ErrorList":[{"To_Account":"a\"b","ErrorCode":70107,"ErrorInfo":"the account does not exist"},"#,
            r#"{"To_Account":"c","ErrorCode":70107,"ErrorInfo":"the account does not exist"}]}"#,
        );
        let task = TaskId::new("batch_1").unwrap();
        let json = text(PushReply::accepted(&task, &["a\"b", "c"]).to_json());
        let expected = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"TaskId":"batch_1","#;
        assert_eq!(json, format!("{expected}{list}"));
        let json = text(nobody("none", &["a\"b", "c"]));
        let expected =
            r#"{"ActionStatus":"FAIL","ErrorInfo":"none","ErrorCode":70107,"TaskId":"","#;
        assert_eq!(json, format!("{expected}{list}"));
    }
}
