//! What FCM's answers mean: by `errorCode` of the details, then by `status`, then by HTTP.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Failure, Read, Reply, Said, To, Verdict};
use crate::json;
use crate::text::{tokens, without};

/// How long FCM asks to wait at least when too much was sent and it does not say.
const QUOTA_WAIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Taken {
    name: String,
}

#[derive(Deserialize)]
struct Refused {
    error: Value,
}

/// What of an error decides.
struct Reason<'a> {
    code: &'a str,
    status: &'a str,
    message: &'a str,
    /// The fields that are called wrong.
    fields: Vec<&'a str>,
}

impl<'a> Reason<'a> {
    fn of(error: &'a Value) -> Self {
        let text = |value: &'a Value, name| value.get(name).and_then(Value::as_str);
        let details = error.get("details").and_then(Value::as_array);
        let details = details.map_or(&[][..], Vec::as_slice);
        let violations = details.iter().filter_map(|detail| {
            let fields = detail.get("fieldViolations")?.as_array()?.iter();
            Some(fields.map(move |violation| text(violation, "field").unwrap_or_default()))
        });
        let mut codes = details
            .iter()
            .filter_map(|detail| text(detail, "errorCode"));
        Self {
            code: codes.next().unwrap_or_default(),
            status: text(error, "status").unwrap_or_default(),
            message: text(error, "message").unwrap_or_default(),
            fields: violations.flatten().collect(),
        }
    }

    /// Whether it is the token that is wrong. `INVALID_ARGUMENT` is said of tokens and of payloads alike: a token's has
    /// FCM's own detail, its text says so, and no other field is called wrong.
    fn is_of_token(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        self.code == "INVALID_ARGUMENT"
            && self.fields.iter().all(|field| *field == "message.token")
            && message.contains("token")
            && ["not valid", "not a valid", "invalid"]
                .iter()
                .any(|words| message.contains(words))
    }

    fn said(&self, reply: &Reply, targets: &[To<'_>]) -> Said {
        let name = if self.code.is_empty() {
            self.status
        } else {
            self.code
        };
        let text = if self.message.is_empty() {
            name.to_owned()
        } else {
            format!("{name}: {}", self.message)
        };
        Said::new(i64::from(reply.status), without(&text, tokens(targets)))
    }
}

/// What became of the only target.
pub(super) fn read(targets: &[To<'_>], reply: &Reply) -> Read {
    let each = |verdict: Verdict, request_id: String| Read::Each {
        verdicts: vec![verdict; targets.len()],
        request_id,
    };
    if reply.status == 200 {
        let taken: Option<Taken> = json::told(&reply.body);
        let taken = taken.filter(|taken| !taken.name.is_empty());
        return match taken {
            Some(taken) => each(Verdict::Sent, without(&taken.name, [])),
            None => Read::All(Failure::Unknown(Said::new(200, "a 200 without a name"))),
        };
    }
    let refused: Option<Refused> = json::told(&reply.body);
    let error = refused.map_or(Value::Null, |refused| refused.error);
    let reason = Reason::of(&error);
    let said = reason.said(reply, targets);
    match (reason.code, reason.status) {
        // A server in trouble says nothing of a token, whatever its body holds.
        ("UNREGISTERED", _) if !reply.is_trouble() => each(Verdict::Gone(said), String::new()),
        ("INVALID_ARGUMENT", _) if reason.is_of_token() && !reply.is_trouble() => {
            each(Verdict::Gone(said), String::new())
        }
        // A token of another project, or the project is not the app's: all tokens would be dropped for one wrong line of
        // the configuration, so that they stay.
        ("SENDER_ID_MISMATCH", _) => each(Verdict::Rejected(said), String::new()),
        // Without the detail it is not said whether the token or the project is not found.
        ("", "NOT_FOUND") => each(Verdict::Rejected(said), String::new()),
        (code, status) => {
            let name = if code.is_empty() { status } else { code };
            Read::All(failure(reply, name, said))
        }
    }
}

fn failure(reply: &Reply, name: &str, said: Said) -> Failure {
    let after = reply.retry_after();
    match name {
        "INVALID_ARGUMENT" => Failure::Rejected(said),
        "THIRD_PARTY_AUTH_ERROR" | "PERMISSION_DENIED" => Failure::Misconfigured(said),
        "UNAUTHENTICATED" => Failure::Access(said),
        // The limit of one device and that of the project look alike.
        "QUOTA_EXCEEDED" | "RESOURCE_EXHAUSTED" => Failure::Limited {
            said,
            after: after.or(Some(QUOTA_WAIT)),
        },
        "UNAVAILABLE" | "INTERNAL" => Failure::Busy { said, after },
        _ if reply.status == 429 => Failure::Limited {
            said,
            after: after.or(Some(QUOTA_WAIT)),
        },
        _ if reply.is_trouble() => Failure::Busy { said, after },
        _ if reply.status == 401 => Failure::Access(said),
        _ => Failure::Unknown(said),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::given::{addressed, reply};

    fn reading(status: u16, retry_after: Option<&str>, body: &[u8]) -> Read {
        let mut reply = reply(status, body);
        if let Some(after) = retry_after {
            let after = after.parse().unwrap();
            reply.headers.insert("retry-after", after);
        }
        addressed(&["tok:1"], |to| read(to, &reply))
    }

    fn refused(code: u16, status: &str, message: &str, details: Value) -> Read {
        let body = json!({"error": {"code": code, "message": message, "status": status, "details": details}});
        reading(code, None, body.to_string().as_bytes())
    }

    fn fcm(code: &str) -> Value {
        json!([{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}])
    }

    fn each(verdict: Verdict) -> Read {
        Read::Each {
            verdicts: vec![verdict],
            request_id: String::new(),
        }
    }

    const NOT_VALID: &str = "The registration token is not a valid FCM registration token";

    #[test]
    fn a_name_is_sent_and_a_200_without_is_not_understood() {
        let name = "projects/acme-1/messages/0:1795313700%abc";
        let read = reading(200, None, format!(r#"{{"name":"{name}"}}"#).as_bytes());
        let expected = Read::Each {
            verdicts: vec![Verdict::Sent],
            request_id: name.to_owned(),
        };
        assert_eq!(read, expected);
        for body in ["", "{}", r#"{"name":""}"#, r#"{"name":1}"#, "<html>"] {
            let read = reading(200, None, body.as_bytes());
            assert!(matches!(read, Read::All(Failure::Unknown(_))), "{body}");
        }
    }

    #[test]
    fn the_documented_refusal_is_gone() {
        let body = br#"{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}"#;
        let said = Said::new(404, "UNREGISTERED: Requested entity was not found.");
        assert_eq!(reading(404, None, body), each(Verdict::Gone(said)));
    }

    #[test]
    fn an_invalid_argument_drops_a_token_only_when_it_is_the_tokens() {
        let gone = |details| {
            let read = refused(400, "INVALID_ARGUMENT", NOT_VALID, details);
            let said = Said::new(400, format!("INVALID_ARGUMENT: {NOT_VALID}"));
            assert_eq!(read, each(Verdict::Gone(said)));
        };
        let bad_field = |field| json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field}]});
        let error = fcm("INVALID_ARGUMENT")[0].clone();
        gone(json!([error]));
        gone(json!([bad_field("message.token"), error]));

        let stays = |message, details| {
            let read = refused(400, "INVALID_ARGUMENT", message, details);
            assert!(matches!(read, Read::All(Failure::Rejected(_))), "{read:?}");
        };
        stays("Request contains an invalid argument.", json!([error]));
        stays(NOT_VALID, json!([]));
        stays(NOT_VALID, Value::Null);
        stays(
            NOT_VALID,
            json!([bad_field("message.data[0].value"), error]),
        );
        stays("Invalid value", json!([bad_field("message.android.ttl")]));
    }

    #[test]
    fn each_error_has_its_treatment() {
        let mismatch = refused(403, "PERMISSION_DENIED", "", fcm("SENDER_ID_MISMATCH"));
        let said = Said::new(403, "SENDER_ID_MISMATCH");
        assert_eq!(mismatch, each(Verdict::Rejected(said)));
        let not_found = refused(404, "NOT_FOUND", "", Value::Null);
        let said = Said::new(404, "NOT_FOUND");
        assert_eq!(not_found, each(Verdict::Rejected(said)));

        type Of = fn(Said) -> Failure;
        let busy: Of = |said| Failure::Busy { said, after: None };
        let slow: Of = |said| Failure::Limited {
            said,
            after: Some(QUOTA_WAIT),
        };
        let rows: &[(u16, &str, Value, Of)] = &[
            (
                403,
                "PERMISSION_DENIED",
                Value::Null,
                Failure::Misconfigured,
            ),
            (
                401,
                "UNAUTHENTICATED",
                fcm("THIRD_PARTY_AUTH_ERROR"),
                Failure::Misconfigured,
            ),
            (401, "UNAUTHENTICATED", Value::Null, Failure::Access),
            (401, "", Value::Null, Failure::Access),
            (429, "RESOURCE_EXHAUSTED", fcm("QUOTA_EXCEEDED"), slow),
            (429, "RESOURCE_EXHAUSTED", Value::Null, slow),
            (429, "", Value::Null, slow),
            (503, "UNAVAILABLE", fcm("UNAVAILABLE"), busy),
            (500, "INTERNAL", fcm("INTERNAL"), busy),
            (502, "", Value::Null, busy),
            (418, "SOMETHING_NEW", Value::Null, Failure::Unknown),
        ];
        for (http, status, details, failure) in rows {
            let read = refused(*http, status, "", details.clone());
            let name = details[0]["errorCode"].as_str().unwrap_or(status);
            let expected = Read::All(failure(Said::new(i64::from(*http), name)));
            assert_eq!(read, expected, "{http} {status} {details}");
        }
    }

    #[test]
    fn what_it_says_of_waiting_is_kept() {
        for status in [429, 500, 503] {
            let read = reading(status, Some("120"), b"");
            let Read::All(Failure::Busy { after, .. } | Failure::Limited { after, .. }) = read
            else {
                panic!("{status}: {read:?}");
            };
            assert_eq!(after, Some(Duration::from_secs(120)));
        }
    }

    #[test]
    fn what_cannot_be_read_blames_no_token() {
        for status in [302, 400, 403, 404] {
            for body in [
                "<html>",
                r#"{"error":"NOT_FOUND"}"#,
                r#"{"error":{"details":[7]}}"#,
            ] {
                let read = reading(status, None, body.as_bytes());
                assert!(
                    matches!(read, Read::All(Failure::Unknown(_))),
                    "{status} {body}"
                );
            }
        }
    }

    #[test]
    fn what_is_said_never_holds_the_token() {
        let read = refused(400, "INVALID_ARGUMENT", "tok:1 is bad", Value::Null);
        let said = Said::new(400, "INVALID_ARGUMENT: * is bad");
        assert_eq!(read, Read::All(Failure::Rejected(said)));
    }

    proptest! {
        #[test]
        fn no_reply_panics(status in 100u16..600, body: Vec<u8>, cut in 0usize..260) {
            let real = json!({"error": {"code": 404, "status": "NOT_FOUND", "details": [
                {"errorCode": "UNREGISTERED"}, {"fieldViolations": [{"field": "message.token"}]}]}});
            let real = real.to_string().into_bytes();
            for body in [&body[..], &real[..cut.min(real.len())]] {
                if let Read::Each { verdicts, .. } = reading(status, None, body) {
                    prop_assert_eq!(verdicts.len(), 1);
                }
            }
        }
    }
}
