//! What Meizu's answers mean: HTTP 200 always, the code decides.
//!
//! Codes mean one thing for the call and another for a token: 110010 is too fast there and switched off here, 110002 is
//! the only token's there and one of many here.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::contract::{Failure, Read, Reply, Said, To, Verdict};
use crate::json::{integer, list, object, text};
use crate::text::{tokens, without};

/// The code of a token whose app may not send.
const NO_RIGHT: i64 = 201;

/// What the reply says of these targets.
pub(super) fn read(targets: &[To<'_>], reply: &Reply) -> Read {
    let body = match object(reply) {
        Ok(body) => body,
        Err(failure) => return Read::All(failure),
    };
    let status = i64::from(reply.status);
    let unknown = |text| Read::All(Failure::Unknown(Said::new(status, text)));
    match integer(&body["code"]) {
        Some(200) if reply.status == 200 => match refusals(targets, &body["value"]) {
            Some(refusals) => taken(targets, &refusals, text(&body["msgId"])),
            None => unknown("the reply's value is neither empty nor an object"),
        },
        Some(code) if code != 200 => {
            let said = Said::new(code, without(text(&body["message"]), tokens(targets)));
            Read::All(failure(said, reply.retry_after()))
        }
        _ => unknown("the reply has no code that fits"),
    }
}

/// The code of each token that `value` refuses; `None` when it is not understood. Meizu's samples have lists of tokens by
/// code, a client of others has codes by token: a name that is one of the targets' tokens is a token, any other a code.
fn refusals<'a>(targets: &[To<'a>], value: &'a Value) -> Option<HashMap<&'a str, i64>> {
    let value: &Map<String, Value> = match value {
        Value::Null => return Some(HashMap::new()),
        Value::String(text) if text.is_empty() => return Some(HashMap::new()),
        Value::Array(entries) if entries.is_empty() => return Some(HashMap::new()),
        Value::Object(value) => value,
        _ => return None,
    };
    let mut refusals = HashMap::new();
    for (name, entry) in value {
        let is_token = targets.iter().any(|to| to.token.expose() == name);
        if is_token && let Some(code) = integer(entry) {
            refusals.insert(name.as_str(), code);
        } else if let Ok(code) = name.trim().parse() {
            refusals.extend(list(entry).into_iter().map(|token| (token, code)));
        }
    }
    Some(refusals)
}

fn taken(targets: &[To<'_>], refusals: &HashMap<&str, i64>, id: &str) -> Read {
    let code = |to: &To<'_>| refusals.get(to.token.expose().trim()).copied();
    if targets.iter().all(|to| code(to) == Some(NO_RIGHT)) {
        let said = Said::new(NO_RIGHT, "no right");
        return Read::All(Failure::Misconfigured(said));
    }
    Read::Each {
        verdicts: targets.iter().map(|to| verdict(code(to))).collect(),
        request_id: id.to_owned(),
    }
}

/// What a code in `value` means for its token.
fn verdict(code: Option<i64>) -> Verdict {
    let Some(code) = code else {
        return Verdict::Sent;
    };
    let said = |text| Said::new(code, text);
    let later = |text| Verdict::Later {
        said: said(text),
        after: None,
    };
    match code {
        110_002 => Verdict::Gone(said("unsubscribed")),
        110_003 => Verdict::Gone(said("illegal push id")),
        110_005 => Verdict::Rejected(said("illegal alias")),
        110_010 => Verdict::Rejected(said("notifications are switched off")),
        // A limit of this device's day, not of the app's.
        110_011 => Verdict::Rejected(said("daily limit of public messages")),
        NO_RIGHT => Verdict::Rejected(said("no right")),
        501 | 513 => later("sending failed"),
        519 => later("overloaded"),
        // Folded behind others of the same minute: it is there.
        520 => Verdict::Sent,
        _ => Verdict::Rejected(said("not in the table of codes")),
    }
}

/// What a code of the whole call means.
fn failure(said: Said, after: Option<Duration>) -> Failure {
    match said.code {
        // Error, system, busy, too fast.
        500 | 1001 | 1003 | 110_010 => Failure::Busy { said, after },
        // A push id that is not registered, or illegal: with several it is not said which.
        110_002 | 110_003 => Failure::Targets(said),
        110_019 => Failure::Spent(said),
        // Sign, app id, key, package, secret, black list.
        1006 | 110_000 | 110_001 | 110_031 | 110_033 | 110_009 => Failure::Misconfigured(said),
        // Parameters, empty, task id, limit, a kind of message that is no more.
        1005 | 110_004 | 110_032 | 110_051 | 110_053 => Failure::Rejected(said),
        _ => Failure::Unknown(said),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::given::{addressed, reply};

    const OK: &str =
        r#"{"code":"200","message":"","value":{},"msgId":"NS20261122000001_0_1","redirect":""}"#;
    const PARTIAL: &str = r#"{"code":"200","message":"","value":{"110002":["P2"],"110003":["P9"]},"msgId":"NS20261122000002_0_1","redirect":""}"#;

    fn read_of(status: u16, body: &[u8]) -> Read {
        addressed(&["P1", "P2", "P9"], |to| read(to, &reply(status, body)))
    }

    fn verdicts(body: &str) -> Vec<Verdict> {
        match read_of(200, body.as_bytes()) {
            Read::Each { verdicts, .. } => verdicts,
            read => panic!("{body} is {read:?}"),
        }
    }

    #[test]
    fn refused_tokens_are_told_from_sent_ones_in_either_direction() {
        let expected = [
            Verdict::Sent,
            Verdict::Gone(Said::new(110_002, "unsubscribed")),
            Verdict::Gone(Said::new(110_003, "illegal push id")),
        ];
        for body in [
            PARTIAL,
            r#"{"code":200,"value":{"P2":"110002","P9":110003}}"#,
            r#"{"code":"200","value":{"110002":"P2","110003":"P9"}}"#,
        ] {
            assert_eq!(verdicts(body), expected, "{body}");
        }
        let Read::Each { request_id, .. } = read_of(200, OK.as_bytes()) else {
            panic!("it was taken");
        };
        assert_eq!(request_id, "NS20261122000001_0_1");
        for value in ["{}", "\"\"", "[]", "null"] {
            let body = format!(r#"{{"code":"200","value":{value}}}"#);
            assert_eq!(verdicts(&body), vec![Verdict::Sent; 3], "{value}");
        }
    }

    #[test]
    fn a_tokens_codes_are_what_the_table_says() {
        for (name, codes) in [
            ("Gone", &[110_002, 110_003][..]),
            ("Rejected", &[110_005, 110_010, 110_011, 201, 7]),
            ("Later", &[501, 513, 519]),
            ("Sent", &[520]),
        ] {
            for code in codes {
                let body = format!(r#"{{"code":"200","value":{{"{code}":["P2"]}}}}"#);
                let verdicts = verdicts(&body);
                assert_eq!(verdicts[0], Verdict::Sent);
                let verdict = format!("{:?}", verdicts[1]);
                assert!(verdict.starts_with(name), "{code} {verdict}");
            }
        }
    }

    #[test]
    fn a_right_that_nobody_has_is_a_wrong_configuration() {
        let read = read_of(200, br#"{"code":"200","value":{"201":["P1","P2","P9"]}}"#);
        assert!(matches!(read, Read::All(Failure::Misconfigured(_))));
    }

    #[test]
    fn a_calls_codes_are_what_the_table_says() {
        for (name, codes) in [
            ("Busy", &[500, 1001, 1003, 110_010][..]),
            ("Targets", &[110_002, 110_003]),
            ("Spent", &[110_019]),
            (
                "Misconfigured",
                &[1006, 110_000, 110_001, 110_031, 110_033, 110_009],
            ),
            ("Rejected", &[1005, 110_004, 110_032, 110_051, 110_053]),
            ("Unknown", &[0, 12345]),
        ] {
            for code in codes {
                let body = format!(r#"{{"code":"{code}","message":"about P1"}}"#);
                let Read::All(failure) = read_of(200, body.as_bytes()) else {
                    panic!("{code} is a failure");
                };
                let failure = format!("{failure:?}");
                assert!(failure.starts_with(name), "{code} {failure}");
                assert!(failure.contains("about *"), "{failure}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_unknown_and_a_failing_server_busy() {
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, r#"{"code":"200","value":"P2"}"#),
            (200, r#"{"code":"200","value":7}"#),
            (404, OK),
        ] {
            let read = read_of(status, body.as_bytes());
            assert!(matches!(read, Read::All(Failure::Unknown(_))), "{read:?}");
        }
        let read = read_of(502, b"");
        assert!(matches!(read, Read::All(Failure::Busy { .. })), "{read:?}");
    }

    proptest! {
        #[test]
        fn no_reply_is_too_strange(status: u16, body: Vec<u8>, len in 0..PARTIAL.len()) {
            read_of(status, &body);
            read_of(200, &PARTIAL.as_bytes()[..len]);
        }
    }
}
