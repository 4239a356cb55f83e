//! The frames of the socket, as docs/DEVICE-PROTOCOL.md writes them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What the server says. Unknown fields are ignored, and so are unknown types.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Incoming<'a> {
    Welcome {
        version: u32,
        /// Seconds between two pings.
        ping_s: u32,
    },
    Push {
        #[serde(borrow)]
        id: Cow<'a, str>,
    },
    Recorded {
        seq: u64,
        #[serde(borrow, default)]
        unknown: Vec<Cow<'a, str>>,
    },
    Busy {
        seq: u64,
        /// Milliseconds.
        retry: u32,
    },
    Foreground {
        on: bool,
    },
    Revoke {
        #[serde(borrow)]
        id: Cow<'a, str>,
        /// What is shown in its place.
        #[serde(borrow, default)]
        instead: Option<Instead<'a>>,
    },
    #[serde(other)]
    Other,
}

/// What is shown in the place of a push that was taken back; texts that the simulator only counts.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Instead<'a> {
    #[serde(borrow)]
    pub(crate) title: Cow<'a, str>,
}

/// What the phone says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Outgoing<'a> {
    Hello {
        version: u32,
        sdkappid: u32,
        registration_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        secret: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        account: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        usersig: Option<&'a str>,
        foreground: bool,
    },
    Report {
        seq: u64,
        reports: Vec<Report<'a>>,
    },
    Foreground {
        on: bool,
    },
}

impl Outgoing<'_> {
    pub(crate) fn text(&self) -> String {
        // Nothing here can fail: no maps, no foreign `Serialize`.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One report of a frame.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) id: &'a str,
    pub(crate) stage: Stage,
    /// Milliseconds ago.
    pub(crate) age: u64,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    Delivered,
    Clicked,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_documentation_are_read() {
        let read = |text| serde_json::from_str::<Incoming<'_>>(text).unwrap();
        for (text, expected) in [
            (
                r#"{"type": "welcome", "version": 1, "ping_s": 60, "now": 1764136800000}"#,
                Incoming::Welcome {
                    version: 1,
                    ping_s: 60,
                },
            ),
            (
                r#"{"type": "push", "id": "6747f1a0_x", "title": "é", "desc": "", "ext": "", "data_id": "", "accepted": 1, "expires": 2}"#,
                Incoming::Push {
                    id: "6747f1a0_x".into(),
                },
            ),
            (
                r#"{"type": "recorded", "seq": 1, "unknown": ["a\"b"]}"#,
                Incoming::Recorded {
                    seq: 1,
                    unknown: vec!["a\"b".into()],
                },
            ),
            (
                r#"{"type": "busy", "seq": 1, "retry": 1000}"#,
                Incoming::Busy {
                    seq: 1,
                    retry: 1000,
                },
            ),
            (
                r#"{"type": "foreground", "on": false}"#,
                Incoming::Foreground { on: false },
            ),
            (
                r#"{"type": "revoke", "id": "x"}"#,
                Incoming::Revoke {
                    id: "x".into(),
                    instead: None,
                },
            ),
            (
                r#"{"type": "revoke", "id": "x", "instead": {"title": "é", "desc": "", "ext": ""}}"#,
                Incoming::Revoke {
                    id: "x".into(),
                    instead: Some(Instead { title: "é".into() }),
                },
            ),
            (r#"{"type": "later", "x": 1}"#, Incoming::Other),
        ] {
            assert_eq!(read(text), expected);
        }
    }

    #[test]
    fn frames_are_written_as_documented() {
        let hello = Outgoing::Hello {
            version: 1,
            sdkappid: 1_400_000_000,
            registration_id: "a",
            secret: Some("00"),
            account: None,
            usersig: None,
            foreground: true,
        };
        let report = Outgoing::Report {
            seq: 1,
            reports: vec![Report {
                id: "x",
                stage: Stage::Delivered,
                age: 0,
            }],
        };
        for (frame, expected) in [
            (
                hello,
                r#"{"type":"hello","version":1,"sdkappid":1400000000,"registration_id":"a","secret":"00","foreground":true}"#,
            ),
            (
                report,
                r#"{"type":"report","seq":1,"reports":[{"id":"x","stage":"delivered","age":0}]}"#,
            ),
            (
                Outgoing::Foreground { on: false },
                r#"{"type":"foreground","on":false}"#,
            ),
        ] {
            assert_eq!(frame.text(), expected);
        }
    }
}
