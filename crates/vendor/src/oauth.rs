//! OAuth 2: access for a client's secret, as Huawei and HONOR ask for it, or for a signed JWT, as Google does.

use pushtally_model::Secret;
use serde_json::Value;

use crate::call::is_access;
use crate::contract::{Access, Call, Failure, Reply, Said};
use crate::json;
use crate::text::without;

/// How long an access is good when the vendor does not say: what all three document.
const GOOD_FOR_S: i64 = 3600;

/// How much earlier it is given up, so that no call meets its end on the way; half its life when that is shorter.
const EARLY_S: i64 = 300;

/// The call that asks for an access with a client's secret.
pub(crate) fn ask(url: &str, client_id: &str, client_secret: &Secret) -> Call {
    form(
        url,
        &[
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret.expose()),
        ],
    )
}

/// The call that asks for an access with a JWT.
pub(crate) fn exchange(url: &str, jwt: &str) -> Call {
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    form(url, &[("grant_type", grant), ("assertion", jwt)])
}

fn form(url: &str, fields: &[(&str, &str)]) -> Call {
    let mut form = form_urlencoded::Serializer::new(String::new());
    Call::form(url.trim(), form.extend_pairs(fields).finish())
}

/// What the vendor gives.
pub(crate) fn read(reply: &Reply) -> Result<Access, Failure> {
    let body = json::body(&reply.body);
    if reply.status != 200 {
        return Err(refused(reply, &body));
    }
    let value = json::text(&body["access_token"]);
    let good_for_s = json::integer(&body["expires_in"]).unwrap_or(GOOD_FOR_S);
    if !is_access(value) || good_for_s <= 0 {
        return Err(Failure::Unknown(said(reply.status, &body)));
    }
    let early_s = EARLY_S.min(good_for_s / 2);
    Ok(Access {
        value: Secret::new(value),
        good_for_s: u32::try_from(good_for_s - early_s).unwrap_or(u32::MAX),
    })
}

/// It is the configuration's fault only where the endpoint says what is wrong: a page of something between says nothing.
fn refused(reply: &Reply, body: &Value) -> Failure {
    let said = said(reply.status, body);
    match reply.status {
        _ if reply.is_trouble() => Failure::Busy {
            said,
            after: reply.retry_after(),
        },
        400 | 401 | 403 | 404 if !said.text.is_empty() => Failure::Misconfigured(said),
        _ => Failure::Unknown(said),
    }
}

/// Huawei's `error` and `sub_error` are numbers, the standard's `error` is a name. The words of a reply without an error
/// are not repeated: they may hold an access.
fn said(status: u16, body: &Value) -> Said {
    let error = match &body["error"] {
        Value::Number(number) => number.to_string(),
        error => json::text(error).to_owned(),
    };
    let description = json::text(&body["error_description"]);
    let parts = [error.as_str(), description];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    let text = parts.collect::<Vec<_>>().join(": ");
    Said::new(status.into(), without(&text, []))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::given::reply;

    #[test]
    fn the_secret_goes_into_a_form() {
        let call = ask("https://a.example/token", "100001", &Secret::new("s+/="));
        assert_eq!(
            String::from_utf8(call.body).unwrap(),
            "grant_type=client_credentials&client_id=100001&client_secret=s%2B%2F%3D"
        );
        assert_eq!(call.url, "https://a.example/token");
        assert_eq!(
            call.headers,
            [(
                "content-type",
                Secret::new("application/x-www-form-urlencoded")
            )]
        );
    }

    #[test]
    fn an_access_is_given_up_early() {
        for (body, value, good_for_s) in [
            (
                r#"{"access_token":"ht-0001","expires_in":3600,"token_type":"Bearer"}"#,
                "ht-0001",
                3300,
            ),
            // An escaped slash is a slash.
            (r#"{"access_token":"a\/b","expires_in":"600"}"#, "a/b", 300),
            (r#"{"access_token":"c","expires_in":3}"#, "c", 2),
            (r#"{"access_token":"d"}"#, "d", 3300),
            (r#"{"access_token":"e","expires_in":null}"#, "e", 3300),
        ] {
            let access = read(&reply(200, body)).unwrap();
            assert_eq!(access.value.expose(), value);
            assert_eq!(access.good_for_s, good_for_s);
        }
    }

    #[test]
    fn a_refusal_is_told_from_trouble() {
        let read = |status, body| read(&reply(status, body)).unwrap_err();
        assert_eq!(
            read(
                401,
                r#"{"error":"unauthorized_client","error_description":"no such client"}"#
            ),
            Failure::Misconfigured(Said::new(401, "unauthorized_client: no such client"))
        );
        assert_eq!(
            read(
                400,
                r#"{"error":1101,"sub_error":12305,"error_description":"invalid client_secret"}"#
            ),
            Failure::Misconfigured(Said::new(400, "1101: invalid client_secret"))
        );
        assert!(matches!(read(503, ""), Failure::Busy { .. }));
        assert!(matches!(read(429, "{}"), Failure::Busy { .. }));
        assert!(matches!(read(302, ""), Failure::Unknown(_)));
        assert!(matches!(read(404, "<html>"), Failure::Unknown(_)));
        assert!(matches!(read(200, "{}"), Failure::Unknown(_)));
        assert!(matches!(read(200, "<html>"), Failure::Unknown(_)));
        assert!(matches!(
            read(200, r#"{"access_token":"a\nb"}"#),
            Failure::Unknown(_)
        ));
        assert!(matches!(
            read(200, r#"{"access_token":"a","expires_in":0}"#),
            Failure::Unknown(_)
        ));
    }

    proptest! {
        #[test]
        fn any_reply_is_read(status in 100_u16..600, body: Vec<u8>, cut in 0usize..70) {
            let _ = read(&reply(status, body));
            let real = br#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;
            let cut = cut.min(real.len());
            let read = read(&reply(status, &real[..cut]));
            prop_assert_eq!(read.is_ok(), status == 200 && cut == real.len());
        }
    }
}
