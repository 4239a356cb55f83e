//! The body of `revoke`.

use pushtally_model::Notification;

use super::notification;
use crate::object::Object;
use crate::{Code, WireError};

/// What is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeRequest {
    /// `TaskId`, as received: not every text is one that a task can have.
    pub task: String,
    /// `OfflinePushInfo`: what is shown in place of the push; `None` also when its `PushFlag` is 1, with which nothing is
    /// overwritten.
    pub instead: Option<Notification>,
}

impl RevokeRequest {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            let task = body.require("TaskId")?.text()?.into_owned();
            let instead = body.get("OfflinePushInfo")?.map(notification::parse);
            let instead = instead.transpose()?;
            Ok(Self {
                task,
                instead: instead.filter(|instead| !instead.online_only),
            })
        };
        read().map_err(|error: WireError| error.common(Code::Malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_a_task_and_perhaps_what_is_shown_instead() {
        for (body, instead) in [
            (r#"{"TaskId":"a"}"#, None),
            (r#"{"TaskId":"a","OfflinePushInfo":null,"X":[1]}"#, None),
            (
                r#"{"TaskId":"a","OfflinePushInfo":{"PushFlag":1,"Title":"t"}}"#,
                None,
            ),
            (
                r#"{"TaskId":"a","OfflinePushInfo":{"Title":"t"}}"#,
                Some("t"),
            ),
            (
                r#"{"OfflinePushInfo":{"PushFlag":0},"TaskId":"a"}"#,
                Some(""),
            ),
        ] {
            let request = RevokeRequest::parse(body.as_bytes()).unwrap();
            assert_eq!(request.task, "a", "{body}");
            let title = request.instead.map(|instead| instead.title);
            assert_eq!(title.as_deref(), instead, "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, code, names) in [
            (r#"[]"#, 90001, "object"),
            (r#"{"TaskId":"a","TaskId":"a"}"#, 90001, "TaskId"),
            (r#"{"OfflinePushInfo":{}}"#, 90001, "`TaskId` is missing"),
            (r#"{"TaskId":null}"#, 90001, "`TaskId` is missing"),
            (r#"{"TaskId":["a"]}"#, 90001, "`TaskId`"),
            (
                r#"{"TaskId":"a","OfflinePushInfo":"t"}"#,
                90001,
                "`OfflinePushInfo`",
            ),
            (
                r#"{"TaskId":"a","OfflinePushInfo":{"PushFlag":2}}"#,
                90001,
                "PushFlag",
            ),
            ("", 60003, "empty"),
        ] {
            let error = RevokeRequest::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.code().number(), code, "{body}");
            assert!(error.to_string().contains(names), "{error}");
        }
    }
}
