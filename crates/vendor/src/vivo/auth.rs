//! Access to vivo: signed JSON for a token that lives a day.

use md5::{Digest, Md5};
use pushtally_model::Secret;
use serde::Serialize;

use super::{Credentials, response};
use crate::call::is_access;
use crate::contract::{Access, Call, Failure, Reply, Said, SignIn};
use crate::credentials::{address, of_sign_in};
use crate::digest::hex;
use crate::json;

/// It lives 24 hours, and vivo asks for a new one each one or two. Several may live at once, so that calls under way
/// keep theirs.
const GOOD_FOR_S: u32 = 3_600;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ask<'a> {
    app_id: &'a str,
    app_key: &'a str,
    timestamp: i64,
    sign: String,
}

/// Asks for a token. vivo refuses a timestamp that is more than ten minutes off.
pub(super) fn sign_in(credentials: &Credentials, now_ms: i64) -> Result<SignIn, Failure> {
    credentials.check()?;
    let app_id = credentials.app_id();
    let app_key = credentials.app_key.expose();
    let body = json::written(&Ask {
        app_id,
        app_key,
        timestamp: now_ms,
        sign: sign(app_id, app_key, now_ms, credentials.app_secret.expose()),
    });
    let url = address(&credentials.base_url, "/message/auth");
    Ok(SignIn::Ask(Call::json(url, body)))
}

fn sign(app_id: &str, app_key: &str, timestamp: i64, app_secret: &str) -> String {
    let mut hasher = Md5::new();
    hasher.update(app_id);
    hasher.update(app_key);
    hasher.update(timestamp.to_string());
    hasher.update(app_secret);
    hex(&hasher.finalize())
}

/// The token that the reply to it gives.
pub(super) fn signed_in(reply: &Reply) -> Result<Access, Failure> {
    let body = response::Answer::read(reply)
        .and_then(|answer| answer.taken(reply, &[]))
        .map_err(of_sign_in)?;
    let token = json::text(&body["authToken"]);
    if !is_access(token) {
        let said = Said::new(0, "signed in, but no authToken");
        return Err(Failure::Unknown(said));
    }
    Ok(Access {
        value: Secret::new(token),
        good_for_s: GOOD_FOR_S,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::credentials;
    use super::*;
    use crate::given::reply;

    #[test]
    fn the_sign_is_the_one_of_the_reference() {
        assert_eq!(
            sign("10001", "key-0001", 1_795_313_600_000, "sec-0001"),
            "7d7e895457cdf3c2f30efb189286c203"
        );
    }

    #[test]
    fn the_body_carries_id_key_time_and_sign() {
        let Ok(SignIn::Ask(call)) = sign_in(&credentials(), 1_795_313_600_000) else {
            panic!("not asked");
        };
        assert_eq!(call.url, "http://sim/message/auth");
        assert_eq!(
            String::from_utf8(call.body).unwrap(),
            r#"{"appId":"10001","appKey":"key-0001","timestamp":1795313600000,"sign":"7d7e895457cdf3c2f30efb189286c203"}"#
        );
        let (name, value) = &call.headers[0];
        assert_eq!(
            (*name, value.expose()),
            ("content-type", "application/json")
        );
    }

    #[test]
    fn credentials_that_cannot_sign_are_named() {
        let mut credentials = credentials();
        credentials.app_id = " ".to_owned();
        let Err(Failure::Misconfigured(said)) = sign_in(&credentials, 0) else {
            panic!("it signed");
        };
        assert_eq!(said.text, "`app_id` is empty");
    }

    #[test]
    fn the_token_is_used_for_an_hour() {
        let access = signed_in(&reply(
            200,
            r#"{"result":0,"desc":"请求成功","authToken":"vt-0001"}"#,
        ));
        let access = access.unwrap();
        assert_eq!(access.value.expose(), "vt-0001");
        assert_eq!(access.good_for_s, 3_600);
    }

    #[test]
    fn a_refused_sign_in_is_a_matter_of_the_configuration() {
        let check = |body: &str, expected: fn(&Failure) -> bool| {
            let failure = signed_in(&reply(200, body)).unwrap_err();
            assert!(expected(&failure), "{body}: {failure:?}");
        };
        for code in [10_000, 10_094, 10_200, 10_206, 10_207, 10_302] {
            let body = format!(r#"{{"result":{code},"desc":"no"}}"#);
            check(&body, |failure| {
                matches!(failure, Failure::Misconfigured(_))
            });
        }
        check(r#"{"result":10250}"#, |failure| {
            matches!(failure, Failure::Busy { .. })
        });
        check(r#"{"result":0}"#, |failure| {
            matches!(failure, Failure::Unknown(_))
        });
        check("<html>", |failure| matches!(failure, Failure::Unknown(_)));
    }
}
