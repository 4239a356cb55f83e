//! What Xiaomi's answers mean: HTTP 200 in both cases, the code decides.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use crate::contract::{Failure, Read, Reply, Said, To, Verdict};
use crate::json::{integer, list, object, text};
use crate::text::{tokens, without};

/// What the reply says of these targets.
pub(super) fn read(targets: &[To<'_>], reply: &Reply) -> Read {
    let body = match object(reply) {
        Ok(body) => body,
        Err(failure) => return Read::All(failure),
    };
    match integer(&body["code"]) {
        Some(0) if reply.status == 200 => taken(targets, &body),
        Some(code) if code != 0 => {
            let said = Said::new(code, without(explanation(&body), tokens(targets)));
            Read::All(failure(said, reply.retry_after()))
        }
        _ => {
            let status = i64::from(reply.status);
            let said = Said::new(status, "the reply has no code that fits");
            Read::All(Failure::Unknown(said))
        }
    }
}

/// `bad_regids` reach nobody, the others are sent.
fn taken(targets: &[To<'_>], body: &Value) -> Read {
    let data = &body["data"];
    let bad: HashSet<&str> = list(&data["bad_regids"]).into_iter().collect();
    let verdict = |to: &To<'_>| {
        if bad.contains(to.token.expose().trim()) {
            Verdict::Gone(Said::new(0, "bad_regids"))
        } else {
            Verdict::Sent
        }
    };
    let ids = [text(&data["id"]), text(&body["trace_id"])];
    let id = ids.into_iter().find(|id| !id.is_empty());
    Read::Each {
        verdicts: targets.iter().map(verdict).collect(),
        request_id: id.unwrap_or_default().to_owned(),
    }
}

/// The English reason goes first; the others say what kind of call failed.
fn explanation(body: &Value) -> &str {
    let mut texts = ["reason", "info", "description"]
        .map(|name| text(&body[name]))
        .into_iter();
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

fn failure(said: Said, after: Option<Duration>) -> Failure {
    match said.code {
        // Busy, a service behind it, too frequent, expired on the way.
        10002 | 10003 | 10027 | 10037 => Failure::Busy { said, after },
        // No valid target, or a bad device: with several it is not said which.
        20301 | 10029 | 65003 => Failure::Targets(said),
        // More than a day's amount.
        10034 | 200_001 => Failure::Spent(said),
        // Black list, forbidden, restricted, illegal app; secret; package, notifications of the app, channel.
        10031 | 10036 | 21303 | 22000 | 21301 | 21302 | 22006 | 22007 | 22022 | 22102 | 27001 => {
            Failure::Misconfigured(said)
        }
        // Parameters; frequency of broadcasts, review; lengths, extras, callback.
        10008
        | 10012
        | 10016
        | 10017
        | 21305
        | 26003
        | 26004
        | 26006
        | 65009
        | 65014
        | 65015
        | 65036..=65038 => Failure::Rejected(said),
        // -1, 1 and 10001 are errors of its own; others are not in its table.
        _ => Failure::Unknown(said),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::given::{addressed, reply};

    const PARTIAL: &str = r#"{"result":"ok","trace_id":"Xcm0001","code":0,"description":"成功","info":"Received push messages for 2 REGID","data":{"id":"scm0001_abc","day_quota":"100000","day_acked":"120","bad_regids":"rB+2"}}"#;
    const REFUSED: &str = r#"{"result":"error","code":20301,"reason":"No valid targets!","trace_id":"Xcm0002","description":"发送消息失败"}"#;

    fn read_of(status: u16, body: &[u8]) -> Read {
        addressed(&["rA+1", "rB+2"], |to| read(to, &reply(status, body)))
    }

    #[test]
    fn bad_regids_are_gone_and_the_others_sent() {
        let gone = Verdict::Gone(Said::new(0, "bad_regids"));
        let expected = Read::Each {
            verdicts: vec![Verdict::Sent, gone],
            request_id: "scm0001_abc".to_owned(),
        };
        assert_eq!(read_of(200, PARTIAL.as_bytes()), expected);
        let expected = Read::Each {
            verdicts: vec![Verdict::Sent, Verdict::Sent],
            request_id: "X1".to_owned(),
        };
        assert_eq!(read_of(200, br#"{"code":"0","trace_id":"X1"}"#), expected);
    }

    #[test]
    fn codes_are_what_the_table_says() {
        let said = Said::new(20301, "No valid targets!");
        let refused = Read::All(Failure::Targets(said));
        assert_eq!(read_of(200, REFUSED.as_bytes()), refused);
        for (name, codes) in [
            ("Busy", &[10002, 10003, 10027, 10037][..]),
            ("Targets", &[20301, 10029, 65003]),
            ("Spent", &[10034, 200_001]),
            (
                "Misconfigured",
                &[
                    10031, 10036, 21303, 22000, 21301, 21302, 22006, 22007, 22022, 22102, 27001,
                ],
            ),
            (
                "Rejected",
                &[
                    10008, 10012, 10016, 10017, 21305, 26003, 26004, 26006, 65009, 65014, 65015,
                    65036, 65037, 65038,
                ],
            ),
            ("Unknown", &[-1, 1, 10001, 99999]),
        ] {
            for code in codes {
                for body in [
                    format!(r#"{{"code":{code}}}"#),
                    format!(r#"{{"code":"{code}"}}"#),
                ] {
                    let Read::All(failure) = read_of(200, body.as_bytes()) else {
                        panic!("{code} is a failure");
                    };
                    assert!(
                        format!("{failure:?}").starts_with(name),
                        "{code} {failure:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_unknown_and_a_failing_server_busy() {
        for (status, body) in [
            (200, &b""[..]),
            (200, b"<html>"),
            (200, b"{}"),
            (200, b"[]"),
            (404, b"not here"),
            (302, br#"{"code":0}"#),
        ] {
            let read = read_of(status, body);
            assert!(matches!(read, Read::All(Failure::Unknown(_))), "{read:?}");
        }
        for status in [429, 500, 503] {
            let read = read_of(status, PARTIAL.as_bytes());
            assert!(matches!(read, Read::All(Failure::Busy { .. })), "{read:?}");
        }
    }

    #[test]
    fn what_it_said_names_no_token() {
        let body = r#"{"code":10029,"reason":"bad device rA+1"}"#;
        let said = Said::new(10029, "bad device *");
        assert_eq!(
            read_of(200, body.as_bytes()),
            Read::All(Failure::Targets(said))
        );
    }

    proptest! {
        #[test]
        fn no_reply_is_too_strange(status: u16, body: Vec<u8>, len in 0..PARTIAL.len()) {
            read_of(status, &body);
            read_of(200, &PARTIAL.as_bytes()[..len]);
        }
    }
}
