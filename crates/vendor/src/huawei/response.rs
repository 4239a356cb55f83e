//! What Huawei's answers mean, of all three versions: the codes are the same, what names bad tokens is not.

use std::collections::HashMap;

use serde_json::Value;

use crate::contract::{Failure, Read, Reply, Said, To, Verdict};
use crate::json;
use crate::text::{tokens, without};

const SUCCESS: i64 = 80_000_000;
const PARTIAL: i64 = 80_100_000;
const ALL_ILLEGAL: i64 = 80_300_007;

/// The reason of v1 and v2, which give none.
const ILLEGAL: &str = "illegal token";

/// Which answers to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// v1 and v2: an illegal token has no reason but to be one.
    Android,
    /// v3: it has a reason, and some reasons are not the token's fault.
    Harmony,
}

/// What a reply means.
pub(crate) fn read(api: Api, targets: &[To<'_>], reply: &Reply) -> Read {
    let answer = json::body(&reply.body);
    let Some(code) = json::integer(&answer["code"]) else {
        return Read::All(by_status(Said::new(reply.status.into(), ""), reply));
    };
    let message = json::text(&answer["msg"]);
    let request_id = json::text(&answer["requestId"]).to_owned();
    let each = |verdicts| Read::Each {
        verdicts,
        request_id: request_id.clone(),
    };
    match code {
        SUCCESS if reply.status == 200 => each(vec![Verdict::Sent; targets.len()]),
        PARTIAL if !reply.is_trouble() => match partial(message, targets) {
            Some(verdicts) => each(verdicts),
            None => Read::All(Failure::Unknown(Said::new(
                code,
                "which tokens is not said",
            ))),
        },
        ALL_ILLEGAL if !reply.is_trouble() => each(all_illegal(api, message, targets)),
        _ => {
            let said = Said::new(code, without(message, tokens(targets)));
            Read::All(by_code(said, reply).unwrap_or_else(|said| by_status(said, reply)))
        }
    }
}

/// What a code of the whole call means, whatever the status is; what was said, when the code is in no table.
pub(crate) fn by_code(said: Said, reply: &Reply) -> Result<Failure, Said> {
    Ok(match said.code {
        80_000_001 | 81_000_001 | 80_100_017 => Failure::Busy {
            said,
            after: reply.retry_after(),
        },
        80_100_001..=80_100_004
        | 80_100_013
        | 80_100_016
        | 80_100_018
        | 80_100_020
        | 80_100_022
        | 80_300_008
        | 80_300_010 => Failure::Rejected(said),
        80_200_001 | 80_200_003 | 80_200_005 => Failure::Access(said),
        80_300_002 | 80_300_011 | 80_300_013 | 80_300_017 | 80_300_028 | 80_300_030
        | 80_300_036 | 80_300_037 | 80_600_003 => Failure::Misconfigured(said),
        80_300_029 => Failure::Spent(said),
        _ => return Err(said),
    })
}

fn by_status(said: Said, reply: &Reply) -> Failure {
    match reply.status {
        _ if reply.is_trouble() => Failure::Busy {
            said,
            after: reply.retry_after(),
        },
        401 => Failure::Access(said),
        404 => Failure::Misconfigured(said),
        _ => Failure::Unknown(said),
    }
}

/// `None` when what is named is not what is counted: then it is not known which were sent.
fn partial(message: &str, targets: &[To<'_>]) -> Option<Vec<Verdict>> {
    let message: Value = serde_json::from_str(message).ok()?;
    let reasons = reasons(&message);
    let failed = |to: &To<'_>| reasons.get(to.token.expose());
    let named = targets.iter().filter(|to| failed(to).is_some()).count();
    let counted = json::integer(&message["failure"]);
    let counted = counted.map_or(Some(named), |counted| usize::try_from(counted).ok());
    if named == 0 || counted != Some(named) {
        return None;
    }
    let verdict = |to| match failed(to) {
        Some(reason) => illegal(PARTIAL, reason),
        None => Verdict::Sent,
    };
    Some(targets.iter().map(verdict).collect())
}

/// v1 says it in plain text. Where v3 gives no reason the token stays: it may be one that is not its fault.
fn all_illegal(api: Api, message: &str, targets: &[To<'_>]) -> Vec<Verdict> {
    let message: Value = serde_json::from_str(message).unwrap_or_default();
    let reasons = reasons(&message);
    let verdict = |to: &To<'_>| match (reasons.get(to.token.expose()), api) {
        (Some(reason), _) => illegal(ALL_ILLEGAL, reason),
        (None, Api::Android) => illegal(ALL_ILLEGAL, ILLEGAL),
        (None, Api::Harmony) => Verdict::Rejected(Said::new(ALL_ILLEGAL, "no reason given")),
    };
    targets.iter().map(verdict).collect()
}

/// Why tokens were refused, by token.
fn reasons(message: &Value) -> HashMap<&str, &str> {
    let mut reasons = HashMap::new();
    for token in json::list(&message["illegal_tokens"]) {
        reasons.insert(token, ILLEGAL);
    }
    let by_reason = message["illegalTokens"].as_object();
    for (reason, tokens) in by_reason.into_iter().flatten() {
        for token in json::list(tokens) {
            // The documented sample has blanks around the name.
            reasons.insert(token, reason.trim());
        }
    }
    reasons
}

/// A device may be of another project, or upgraded to HarmonyOS 5 without a new token (`noRight`): it stays until it
/// registers again. So do those whose refusal is the configuration's fault, and those of reasons that are not known.
fn illegal(code: i64, reason: &str) -> Verdict {
    match reason {
        ILLEGAL | "tokenFormatError" | "tokenPlatformNotSupport" => {
            Verdict::Gone(Said::new(code, reason))
        }
        "noRight"
        | "noPushTypeRight"
        | "atomicUnableSendUnsubscribedMsg"
        | "countryNotSupport"
        | "disableSendHuaweiMsgBecauseOfPenalty"
        | "differentImgVerifyPolicy"
        | "appinfoError"
        | "notSupportPlayVoice"
        | "noRightToSendThisLiveNotificationEvent" => Verdict::Rejected(Said::new(code, reason)),
        // Not repeated: it may hold anything.
        _ => Verdict::Rejected(Said::new(code, "unknown reason")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::given::{addressed, reply};

    const A: &str = "HWTOKENAAAA";
    const B: &str = "HWTOKENBBBB";

    fn meant(api: Api, status: u16, body: &str) -> Read {
        addressed(&[A, B], |to| read(api, to, &reply(status, body)))
    }

    fn each(verdicts: impl Into<Vec<Verdict>>) -> Read {
        Read::Each {
            verdicts: verdicts.into(),
            request_id: "1795".to_owned(),
        }
    }

    const PARTIAL_V1: &str = r#"{"code":"80100000","msg":"{\"success\":1,\"failure\":1,\"illegal_tokens\":[\"HWTOKENBBBB\"]}","requestId":"1795"}"#;
    const PARTIAL_V3: &str = r#"{"code":"80100000","msg":"{\"illegalTokens\":{\" tokenFormatError \":[\"HWTOKENBBBB\"]},\"success\":1,\"failure\":1}","requestId":"1795"}"#;
    const ALL_V3: &str = r#"{"code":"80300007","msg":"{\"failure\":2,\"illegalTokens\":{\"noRight\":[\"HWTOKENAAAA\",\"HWTOKENBBBB\"]}}","requestId":"1795"}"#;

    #[test]
    fn success_is_sent_to_all() {
        for body in [
            r#"{"code":"80000000","msg":"Success","requestId":"1795"}"#,
            r#"{"code":80000000,"msg":"Success","requestId":"1795"}"#,
        ] {
            assert_eq!(
                meant(Api::Android, 200, body),
                each([Verdict::Sent, Verdict::Sent])
            );
        }
        // A success that is none.
        assert!(matches!(
            meant(Api::Android, 502, r#"{"code":"80000000"}"#),
            Read::All(Failure::Busy { .. })
        ));
    }

    #[test]
    fn a_partial_failure_falls_on_the_tokens_that_it_names() {
        assert_eq!(
            meant(Api::Android, 200, PARTIAL_V1),
            each([
                Verdict::Sent,
                Verdict::Gone(Said::new(PARTIAL, "illegal token"))
            ])
        );
        assert_eq!(
            meant(Api::Harmony, 200, PARTIAL_V3),
            each([
                Verdict::Sent,
                Verdict::Gone(Said::new(PARTIAL, "tokenFormatError"))
            ])
        );
        // More failed than are named, or nobody is.
        for msg in [
            r#"{\"failure\":2,\"illegal_tokens\":[\"HWTOKENBBBB\"]}"#,
            r#"{\"failure\":1,\"illegal_tokens\":[\"HWTOKENCCCC\"]}"#,
            r#"{\"failure\":0}"#,
            "some of them",
        ] {
            let body = format!(r#"{{"code":"80100000","msg":"{msg}"}}"#);
            assert_eq!(
                meant(Api::Android, 200, &body),
                Read::All(Failure::Unknown(Said::new(
                    PARTIAL,
                    "which tokens is not said"
                ))),
                "{msg}"
            );
        }
    }

    #[test]
    fn when_all_are_illegal_v1_drops_them_and_v3_looks_at_the_reason() {
        let kept = |reason| Verdict::Rejected(Said::new(ALL_ILLEGAL, reason));
        let gone = |reason| Verdict::Gone(Said::new(ALL_ILLEGAL, reason));
        assert_eq!(
            meant(Api::Harmony, 400, ALL_V3),
            each([kept("noRight"), kept("noRight")])
        );
        let plain = r#"{"code":"80300007","msg":"All the tokens are invalid","requestId":"1795"}"#;
        assert_eq!(
            meant(Api::Android, 400, plain),
            each([gone("illegal token"), gone("illegal token")])
        );
        assert_eq!(
            meant(Api::Harmony, 400, plain),
            each([kept("no reason given"), kept("no reason given")])
        );
    }

    #[test]
    fn only_a_token_that_is_to_blame_is_dropped() {
        for (reason, is_gone) in [
            ("tokenFormatError", true),
            ("tokenPlatformNotSupport", true),
            ("noRight", false),
            ("noPushTypeRight", false),
            ("countryNotSupport", false),
            ("appinfoError", false),
            ("HWTOKENAAAA", false),
        ] {
            let verdict = illegal(PARTIAL, reason);
            assert_eq!(matches!(verdict, Verdict::Gone(_)), is_gone, "{reason}");
            assert!(!format!("{verdict:?}").contains(A));
        }
    }

    #[test]
    fn every_code_has_its_treatment() {
        for (codes, status, expected) in [
            (&[80_000_001, 81_000_001, 80_100_017][..], 200, "Busy"),
            (
                &[
                    80_100_001, 80_100_002, 80_100_003, 80_100_004, 80_100_013, 80_100_016,
                    80_100_018, 80_100_020, 80_100_022, 80_300_008, 80_300_010,
                ],
                400,
                "Rejected",
            ),
            (&[80_200_001, 80_200_003, 80_200_005], 401, "Access"),
            (
                &[
                    80_300_002, 80_300_011, 80_300_013, 80_300_017, 80_300_028, 80_300_030,
                    80_300_036, 80_300_037, 80_600_003,
                ],
                500,
                "Misconfigured",
            ),
            (&[80_300_029], 400, "Spent"),
            (&[80_999_999, 0], 400, "Unknown"),
            (&[80_999_999], 503, "Busy"),
        ] {
            for code in codes {
                let body = format!(r#"{{"code":"{code}","msg":"words"}}"#);
                let Read::All(failure) = meant(Api::Android, status, &body) else {
                    panic!("{code}");
                };
                let text = format!("{failure:?}");
                assert!(text.starts_with(expected), "{code} {text}");
                assert!(
                    text.contains(&format!("code: {code}, text: \"words\"")),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn without_a_code_the_status_speaks() {
        for (status, expected) in [
            (503, "Busy"),
            (500, "Busy"),
            (429, "Busy"),
            (401, "Access"),
            (404, "Misconfigured"),
            (200, "Unknown"),
            (400, "Unknown"),
        ] {
            for body in ["", "<html>", "[]", r#"{"code":null}"#] {
                let Read::All(failure) = meant(Api::Harmony, status, body) else {
                    panic!("{status}");
                };
                assert!(format!("{failure:?}").starts_with(expected), "{status}");
            }
        }
        let mut later = reply(503, "");
        later.headers.insert("retry-after", "7".parse().unwrap());
        let Read::All(Failure::Busy { after, .. }) = read(Api::Android, &[], &later) else {
            panic!("not busy");
        };
        assert_eq!(after.map(|after| after.as_secs()), Some(7));
    }

    #[test]
    fn words_that_name_a_token_are_not_repeated() {
        let read = meant(
            Api::Android,
            400,
            r#"{"code":"80300017","msg":"HWTOKENAAAA is of another app"}"#,
        );
        assert!(!format!("{read:?}").contains(A), "{read:?}");
    }

    proptest! {
        #[test]
        fn any_reply_is_read(status in 100_u16..600, body: Vec<u8>, end in 0_usize..300) {
            for api in [Api::Android, Api::Harmony] {
                let bytes = |bytes: &[u8]| addressed(&[A, B], |to| read(api, to, &reply(status, bytes)));
                let _ = bytes(&body);
                for real in [PARTIAL_V1, PARTIAL_V3, ALL_V3] {
                    let cut = real.as_bytes().get(..end).unwrap_or(real.as_bytes());
                    if let Read::Each { verdicts, .. } = bytes(cut) {
                        prop_assert_eq!(verdicts.len(), 2);
                    }
                }
            }
        }
    }
}
