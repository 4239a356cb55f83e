//! The requests of `all_member_push_trace` (a task and a user) and of `normal_push_trace` (a push).

use serde::Deserialize;

use crate::WireError;
use crate::field::{self, Raw};

/// What `all_member_push_trace` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskTraceQuery {
    /// `TaskID`.
    pub task: String,
    /// `UserID`.
    pub user: String,
}

/// What `normal_push_trace` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTraceQuery {
    /// `PushID`.
    pub push: String,
}

#[derive(Deserialize)]
struct OfTask<'a> {
    #[serde(borrow, rename = "TaskID")]
    task: Raw<'a>,
    #[serde(borrow, rename = "UserID")]
    user: Raw<'a>,
}

#[derive(Deserialize)]
struct OfPush<'a> {
    #[serde(borrow, rename = "PushID")]
    push: Raw<'a>,
}

impl TaskTraceQuery {
    /// Reads a body. What no task and no user can be called is left to whoever looks them up: they are not there.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let OfTask { task, user } = field::object(body)?;
        Ok(Self {
            task: name("TaskID", task)?,
            user: name("UserID", user)?,
        })
    }
}

impl PushTraceQuery {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let OfPush { push } = field::object(body)?;
        Ok(Self {
            push: name("PushID", push)?,
        })
    }
}

fn name(field: &'static str, raw: Raw<'_>) -> Result<String, WireError> {
    let raw = field::present(field, raw)?;
    let text = field::text(field, raw)?;
    if text.is_empty() {
        return Err(field::refuse(field, "a string that is not empty", raw));
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    #[test]
    fn samples_are_read_and_faults_name_the_field_and_the_value() {
        let body = br#"{"TaskID":"xxx-yyy-zzz","UserID":"u\u0031","X":[]}"#;
        let query = TaskTraceQuery::parse(body).unwrap();
        assert_eq!((&*query.task, &*query.user), ("xxx-yyy-zzz", "u1"));
        let query = PushTraceQuery::parse(br#"{"PushID":"144115233406643804_1"}"#).unwrap();
        assert_eq!(query.push, "144115233406643804_1");
        let check = |body: &str, expected: &str| {
            let error = TaskTraceQuery::parse(body.as_bytes()).unwrap_err();
            assert_eq!(
                (error.code(), &*error.to_string()),
                (Code::BadRequest, expected)
            );
        };
        check("{}", "`TaskID` is missing");
        check(r#"{"TaskID":"a","UserID":null}"#, "`UserID` is missing");
        check(
            r#"{"TaskID":["a"],"UserID":"b"}"#,
            r#"`TaskID` must be a string, not `["a"]`"#,
        );
        check(
            r#"{"TaskID":"a","UserID":""}"#,
            r#"`UserID` must be a string that is not empty, not `""`"#,
        );
        let error = PushTraceQuery::parse(br#"{"PushID":7}"#).unwrap_err();
        assert_eq!(error.to_string(), "`PushID` must be a string, not `7`");
    }
}
