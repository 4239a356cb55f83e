//! What Apple's answers mean: an empty 200, or a status and a reason.

use serde::Deserialize;
use serde_json::Value;

use super::{Credentials, Environments};
use crate::contract::{Failure, Read, Reply, Said, To, Verdict};
use crate::json;
use crate::text::{tokens, without};

#[derive(Deserialize)]
struct Refusal {
    reason: String,
    /// With 410: since when, in milliseconds.
    timestamp: Option<Value>,
}

impl Refusal {
    fn since_ms(&self) -> Option<i64> {
        json::integer(self.timestamp.as_ref()?)
    }
}

/// What became of the only target.
pub(super) fn read(credentials: &Credentials, targets: &[To<'_>], reply: &Reply) -> Read {
    let each = |verdict: Verdict| Read::Each {
        verdicts: vec![verdict; targets.len()],
        request_id: id(reply),
    };
    let code = i64::from(reply.status);
    if reply.status == 200 {
        // Apple's has no body: one with a body is from something between us and Apple.
        return if reply.body.trim_ascii().is_empty() {
            each(Verdict::Sent)
        } else {
            let said = Said::new(code, "a 200 with a body");
            Read::All(Failure::Unknown(said))
        };
    }
    let refusal: Option<Refusal> = json::told(&reply.body);
    let reason = refusal.as_ref().map_or("", |refusal| &refusal.reason);
    let said = Said::new(code, without(reason, tokens(targets)));
    match (reply.status, reason) {
        (400, "BadDeviceToken") if credentials.environments == Environments::Both => {
            each(Verdict::OtherEnvironment(said))
        }
        (400, "BadDeviceToken") => each(Verdict::Gone(said)),
        (410, "Unregistered" | "ExpiredToken") => {
            let since = refusal.as_ref().and_then(Refusal::since_ms);
            each(match since {
                Some(since_ms) => Verdict::GoneSince(said, since_ms),
                None => Verdict::Gone(said),
            })
        }
        // Each token has a rate of its own.
        (429, "TooManyRequests") => each(Verdict::Later {
            said,
            after: reply.retry_after(),
        }),
        _ => Read::All(failure(reply, reason, said)),
    }
}

fn failure(reply: &Reply, reason: &str, said: Said) -> Failure {
    match (reply.status, reason) {
        (
            400,
            "DeviceTokenNotForTopic" | "TopicDisallowed" | "BadTopic" | "MissingTopic"
            // The address or something between has changed what we sent.
            | "MissingDeviceToken",
        )
        | (404, "BadPath")
        | (405, "MethodNotAllowed") => Failure::Misconfigured(said),
        // The connection was closed for having been idle.
        (400, "IdleTimeout") => busy(reply, said),
        (400, reason) if !reason.is_empty() => Failure::Rejected(said),
        (403, "ExpiredProviderToken") => Failure::Access(said),
        (403, reason) if !reason.is_empty() => Failure::Misconfigured(said),
        (413, _) => Failure::Rejected(said),
        // With 429 the signer is too fast: the JWT that we have stays good. Apple suggests 15 minutes after a 5xx; how
        // long to wait is the caller's, who knows how often it was asked.
        _ if reply.is_trouble() => busy(reply, said),
        _ => Failure::Unknown(said),
    }
}

fn busy(reply: &Reply, said: Said) -> Failure {
    let after = reply.retry_after();
    Failure::Busy { said, after }
}

fn id(reply: &Reply) -> String {
    let id = reply.headers.get("apns-id");
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    without(id, [])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::credentials::tests::sample;
    use super::*;
    use crate::given;

    fn reply(status: u16, body: &[u8]) -> Reply {
        let mut reply = given::reply(status, body);
        let headers = &mut reply.headers;
        headers.insert("apns-id", "6f2e8b8e".parse().unwrap());
        headers.insert("retry-after", "7".parse().unwrap());
        reply
    }

    fn reading(environments: Environments, reply: &Reply) -> Read {
        let mut credentials = sample();
        credentials.environments = environments;
        given::addressed(&["3f0c9a"], |to| read(&credentials, to, reply))
    }

    fn each(verdict: Verdict) -> Read {
        Read::Each {
            verdicts: vec![verdict],
            request_id: "6f2e8b8e".to_owned(),
        }
    }

    #[test]
    fn an_empty_200_is_sent_and_any_other_is_not_understood() {
        let both = Environments::Both;
        assert_eq!(reading(both, &reply(200, b"")), each(Verdict::Sent));
        let page = reading(both, &reply(200, b"<html>"));
        assert!(matches!(page, Read::All(Failure::Unknown(_))));
    }

    #[test]
    fn each_reason_has_its_treatment() {
        let refusal = |status: u16, reason: &str| {
            let body = format!(r#"{{"reason":"{reason}","timestamp":1795313700123}}"#);
            reading(Environments::Both, &reply(status, body.as_bytes()))
        };
        let said = |status: u16, reason: &str| Said::new(i64::from(status), reason);
        let after = Some(std::time::Duration::from_secs(7));

        let other = Verdict::OtherEnvironment(said(400, "BadDeviceToken"));
        assert_eq!(refusal(400, "BadDeviceToken"), each(other));
        for reason in ["Unregistered", "ExpiredToken"] {
            let gone = Verdict::GoneSince(said(410, reason), 1_795_313_700_123);
            assert_eq!(refusal(410, reason), each(gone));
        }
        let later = Verdict::Later {
            said: said(429, "TooManyRequests"),
            after,
        };
        assert_eq!(refusal(429, "TooManyRequests"), each(later));

        type Of = fn(Said) -> Failure;
        let misconfigured: Of = Failure::Misconfigured;
        let rejected: Of = Failure::Rejected;
        let busy: Of = |said| Failure::Busy {
            said,
            after: Some(std::time::Duration::from_secs(7)),
        };
        let rows: &[(u16, &[&str], Of)] = &[
            (
                400,
                &[
                    "DeviceTokenNotForTopic",
                    "TopicDisallowed",
                    "BadTopic",
                    "MissingTopic",
                ],
                misconfigured,
            ),
            (
                400,
                &[
                    "BadCollapseId",
                    "BadExpirationDate",
                    "BadMessageId",
                    "BadPriority",
                    "DuplicateHeaders",
                    "InvalidPushType",
                    "PayloadEmpty",
                    "SomethingNew",
                ],
                rejected,
            ),
            (400, &["MissingDeviceToken"], misconfigured),
            (400, &["IdleTimeout"], busy),
            (
                403,
                &[
                    "BadCertificate",
                    "BadCertificateEnvironment",
                    "Forbidden",
                    "InvalidProviderToken",
                    "MissingProviderToken",
                    "UnrelatedKeyIdInToken",
                    "BadEnvironmentKeyIdInToken",
                    "BadEnvironmentKeyInToken",
                ],
                misconfigured,
            ),
            (403, &["ExpiredProviderToken"], Failure::Access),
            (404, &["BadPath"], misconfigured),
            (405, &["MethodNotAllowed"], misconfigured),
            (410, &["SomethingNew"], Failure::Unknown),
            (413, &["PayloadTooLarge"], rejected),
            (429, &["TooManyProviderTokenUpdates"], busy),
            (500, &["InternalServerError"], busy),
            (503, &["ServiceUnavailable", "Shutdown"], busy),
            (302, &["SomethingNew"], Failure::Unknown),
        ];
        for (status, reasons, failure) in rows {
            for reason in *reasons {
                let expected = Read::All(failure(said(*status, reason)));
                assert_eq!(refusal(*status, reason), expected, "{status} {reason}");
            }
        }
    }

    #[test]
    fn a_key_of_one_environment_knows_that_a_bad_token_is_gone() {
        let refused = reply(400, br#"{"reason":"BadDeviceToken"}"#);
        let gone = each(Verdict::Gone(Said::new(400, "BadDeviceToken")));
        assert_eq!(reading(Environments::Production, &refused), gone);
    }

    #[test]
    fn a_reason_that_cannot_be_read_blames_no_token() {
        for status in [400, 403, 404, 410] {
            let read = reading(Environments::Both, &reply(status, b"<html>"));
            assert!(matches!(read, Read::All(Failure::Unknown(_))), "{status}");
        }
        let since = reply(410, br#"{"reason":"Unregistered","timestamp":"12"}"#);
        let said = Said::new(410, "Unregistered");
        let read = reading(Environments::Both, &since);
        assert_eq!(read, each(Verdict::GoneSince(said.clone(), 12)));
        let never = reply(410, br#"{"reason":"Unregistered"}"#);
        let read = reading(Environments::Both, &never);
        assert_eq!(read, each(Verdict::Gone(said)));
    }

    #[test]
    fn what_is_said_never_holds_the_token() {
        let echo = reply(400, br#"{"reason":"no 3f0c9a here"}"#);
        let expected = Failure::Rejected(Said::new(400, "no * here"));
        assert_eq!(reading(Environments::Both, &echo), Read::All(expected));
    }

    proptest! {
        #[test]
        fn no_reply_panics(status in 100u16..600, body: Vec<u8>, cut in 0usize..60) {
            let real = br#"{"reason":"Unregistered","timestamp":1795313700123}"#;
            let real = &real[..cut.min(real.len())];
            for body in [&body[..], real] {
                let read = reading(Environments::Both, &reply(status, body));
                if let Read::Each { verdicts, .. } = read {
                    prop_assert_eq!(verdicts.len(), 1);
                }
            }
        }
    }
}
