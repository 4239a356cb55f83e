//! What HONOR's answers mean. Its own table is short; codes that are Huawei's are taken to mean the same, so that a wrong
//! configuration is an alert and not a push that waits until it expires.

use std::collections::HashMap;

use crate::contract::{Failure, Read, Reply, Said, To, Verdict};
use crate::huawei::by_code;
use crate::json;
use crate::text::{tokens, without};

const PARTIAL: i64 = 80_100_000;
const ALL_ILLEGAL: i64 = 80_300_007;

pub(super) fn read(targets: &[To<'_>], reply: &Reply) -> Read {
    let answer = json::body(&reply.body);
    let Some(code) = json::integer(&answer["code"]) else {
        return Read::All(by_status(Said::new(reply.status.into(), ""), reply));
    };
    let data = &answer["data"];
    let lists = [("expireTokens", "expired"), ("failTokens", "refused")];
    let named: HashMap<&str, &str> = lists
        .iter()
        .flat_map(|(list, name)| {
            json::list(&data[list])
                .into_iter()
                .map(|token| (token, *name))
        })
        .collect();
    let reason = |to: &To<'_>| named.get(to.token.expose());
    let each = || Read::Each {
        verdicts: targets
            .iter()
            .map(|to| match reason(to) {
                Some(reason) => Verdict::Gone(Said::new(code, *reason)),
                None => Verdict::Sent,
            })
            .collect(),
        request_id: json::text(&data["requestId"]).to_owned(),
    };
    let message = json::text(&answer["message"]);
    let said = Said::new(code, without(message, tokens(targets)));
    match code {
        // The second is what some clients take for success, too. `sendResult` false says that nothing was sent.
        200 | 80_000_000 if reply.status == 200 && data["sendResult"] != false => each(),
        PARTIAL if !reply.is_trouble() && targets.iter().any(|to| reason(to).is_some()) => each(),
        // Huawei's name for all tokens being bad. HONOR does not document it, so that nobody is dropped in a crowd for it.
        ALL_ILLEGAL if reply.is_trouble() => Read::All(by_status(said, reply)),
        ALL_ILLEGAL if !targets.is_empty() && targets.iter().all(|to| reason(to).is_some()) => {
            each()
        }
        ALL_ILLEGAL => Read::All(Failure::Targets(said)),
        _ => Read::All(by_code(said, reply).unwrap_or_else(|said| by_status(said, reply))),
    }
}

fn by_status(said: Said, reply: &Reply) -> Failure {
    match reply.status {
        _ if reply.is_trouble() => Failure::Busy {
            said,
            after: reply.retry_after(),
        },
        401 => Failure::Access(said),
        404 => Failure::Misconfigured(said),
        // A status of its own in an ordinary reply, as `code` 200 is.
        200 => match said.code {
            401 => Failure::Access(said),
            429 | 500..=599 => Failure::Busy {
                said,
                after: reply.retry_after(),
            },
            _ => Failure::Unknown(said),
        },
        _ => Failure::Unknown(said),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::given::{addressed, reply};

    const A: &str = "HNTOKENAAAA";
    const B: &str = "HNTOKENBBBB";

    const SUCCESS: &str =
        r#"{"code":200,"message":"success","data":{"sendResult":true,"requestId":"hr-0001"}}"#;
    const PART: &str = r#"{"code":80100000,"message":"part success","data":{"sendResult":true,"requestId":"hr-0002","failTokens":["HNTOKENBBBB"],"expireTokens":[]}}"#;

    fn meant(status: u16, body: &str) -> Read {
        addressed(&[A, B], |to| read(to, &reply(status, body)))
    }

    fn each(request_id: &str, verdicts: [Verdict; 2]) -> Read {
        Read::Each {
            verdicts: verdicts.into(),
            request_id: request_id.to_owned(),
        }
    }

    #[test]
    fn success_is_sent_to_all_but_those_that_it_names() {
        for body in [
            SUCCESS.to_owned(),
            SUCCESS.replace("200", "\"200\""),
            SUCCESS.replace("200", "\"80000000\""),
        ] {
            assert_eq!(
                meant(200, &body),
                each("hr-0001", [Verdict::Sent, Verdict::Sent]),
                "{body}"
            );
        }
        let gone = |reason| Verdict::Gone(Said::new(PARTIAL, reason));
        assert_eq!(
            meant(200, PART),
            each("hr-0002", [Verdict::Sent, gone("refused")])
        );
        let both = PART.replace("[]", "[\"HNTOKENAAAA\"]");
        assert_eq!(
            meant(200, &both),
            each("hr-0002", [gone("expired"), gone("refused")])
        );
    }

    #[test]
    fn what_is_not_said_is_not_counted() {
        for body in [
            SUCCESS.replace("true", "false"),
            PART.replace(B, "HNTOKENCCCC"),
            PART.replace("failTokens", "fail"),
            r#"{"code":80100000}"#.to_owned(),
            r#"{"code":200"#.to_owned(),
            "{}".to_owned(),
        ] {
            let read = meant(200, &body);
            assert!(matches!(read, Read::All(Failure::Unknown(_))), "{body}");
        }
    }

    #[test]
    fn every_code_has_its_treatment() {
        for (status, code, expected) in [
            (401, "401", "Access"),
            (200, "401", "Access"),
            (200, "80200001", "Access"),
            (200, "80200003", "Access"),
            (200, "80100003", "Rejected"),
            (200, "80300010", "Rejected"),
            (200, "80200005", "Access"),
            (200, "80300002", "Misconfigured"),
            (400, "80300011", "Misconfigured"),
            (200, "80100016", "Rejected"),
            (200, "80300029", "Spent"),
            (200, "81000001", "Busy"),
            (200, "80300007", "Targets"),
            (503, "80300007", "Busy"),
            (404, "1", "Misconfigured"),
            (503, "1", "Busy"),
            (429, "1", "Busy"),
            (200, "503", "Busy"),
            (200, "80399999", "Unknown"),
            (400, "80399999", "Unknown"),
            (500, "200", "Busy"),
        ] {
            for code in [code.to_owned(), format!("\"{code}\"")] {
                let body = format!(r#"{{"code":{code},"message":"of HNTOKENAAAA"}}"#);
                let Read::All(failure) = meant(status, &body) else {
                    panic!("{status} {code}");
                };
                let text = format!("{failure:?}");
                assert!(text.starts_with(expected), "{status} {code} {text}");
                assert!(!text.contains(A), "{text}");
            }
        }
        let body = r#"{"code":80300007,"data":{"failTokens":["HNTOKENAAAA","HNTOKENBBBB"]}}"#;
        let gone = || Verdict::Gone(Said::new(ALL_ILLEGAL, "refused"));
        assert_eq!(meant(200, body), each("", [gone(), gone()]));
    }

    proptest! {
        #[test]
        fn any_reply_is_read(status in 100_u16..600, body: Vec<u8>, end in 0_usize..200) {
            let bytes = |bytes: &[u8]| addressed(&[A, B], |to| read(to, &reply(status, bytes)));
            let _ = bytes(&body);
            for real in [SUCCESS, PART] {
                let cut = real.as_bytes().get(..end).unwrap_or(real.as_bytes());
                if let Read::Each { verdicts, .. } = bytes(cut) {
                    prop_assert_eq!(verdicts.len(), 2);
                }
            }
        }
    }
}
