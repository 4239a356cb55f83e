//! Access to OPPO: a signed form for a token that lives a day.

use pushtally_model::Secret;
use sha2::{Digest, Sha256};

use super::{Credentials, response};
use crate::call::is_access;
use crate::contract::{Access, Call, Failure, Reply, Said, SignIn};
use crate::credentials::{address, of_sign_in};
use crate::digest::hex;
use crate::json;

/// It lives 24 hours; an hour is left for clocks and for calls under way.
const GOOD_FOR_S: u32 = 23 * 3_600;

/// Asks for a token. OPPO refuses a timestamp that is more than ten minutes off.
pub(super) fn sign_in(credentials: &Credentials, now_ms: i64) -> Result<SignIn, Failure> {
    credentials.check()?;
    let app_key = credentials.app_key.expose();
    let timestamp = now_ms.to_string();
    let sign = sign(app_key, &timestamp, credentials.master_secret.expose());
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("app_key", app_key)
        .append_pair("timestamp", &timestamp)
        .append_pair("sign", &sign)
        .finish();
    let url = address(&credentials.base_url, "/server/v1/auth");
    Ok(SignIn::Ask(Call::form(url, form)))
}

fn sign(app_key: &str, timestamp: &str, master_secret: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(app_key);
    hasher.update(timestamp);
    hasher.update(master_secret);
    hex(&hasher.finalize())
}

/// The token that the reply to it gives.
pub(super) fn signed_in(reply: &Reply) -> Result<Access, Failure> {
    let body = response::taken(reply, &[]).map_err(of_sign_in)?;
    let token = json::text(&body["data"]["auth_token"]);
    if !is_access(token) {
        let said = Said::new(0, "signed in, but no auth_token");
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
            sign("app01", "1795313600000", "master01"),
            "addea715f01e16468cb0904739584cee5b76bdf2103bb058cd700133d1e3dc4c"
        );
    }

    #[test]
    fn the_form_carries_key_time_and_sign() {
        let Ok(SignIn::Ask(call)) = sign_in(&credentials(), 1_795_313_600_000) else {
            panic!("not asked");
        };
        assert_eq!(call.url, "http://sim/server/v1/auth");
        assert_eq!(
            String::from_utf8(call.body).unwrap(),
            "app_key=app01&timestamp=1795313600000&\
             sign=addea715f01e16468cb0904739584cee5b76bdf2103bb058cd700133d1e3dc4c"
        );
        let (name, value) = &call.headers[0];
        assert_eq!(
            (*name, value.expose()),
            ("content-type", "application/x-www-form-urlencoded")
        );
    }

    #[test]
    fn credentials_that_cannot_sign_are_named() {
        let mut credentials = credentials();
        credentials.app_key = Secret::new("");
        let Err(Failure::Misconfigured(said)) = sign_in(&credentials, 0) else {
            panic!("it signed");
        };
        assert_eq!(said.text, "`app_key` is empty");
    }

    #[test]
    fn the_token_is_used_for_less_than_a_day() {
        let access = signed_in(&reply(
            200,
            r#"{"code":0,"message":"Success","data":{"auth_token":"ot-0001","create_time":1795313600000}}"#,
        ));
        let access = access.unwrap();
        assert_eq!(access.value.expose(), "ot-0001");
        assert_eq!(access.good_for_s, 82_800);
    }

    #[test]
    fn a_refused_sign_in_is_a_matter_of_the_configuration() {
        let check = |body: &str, expected: fn(&Failure) -> bool| {
            let failure = signed_in(&reply(200, body)).unwrap_err();
            assert!(expected(&failure), "{body}: {failure:?}");
        };
        for code in [11, 14, 15, 16, 17, 18, 19, 28, 41] {
            let body = format!(r#"{{"code":{code},"message":"no"}}"#);
            check(&body, |failure| {
                matches!(failure, Failure::Misconfigured(_))
            });
        }
        check(r#"{"code":-1}"#, |failure| {
            matches!(failure, Failure::Busy { .. })
        });
        check(r#"{"code":0,"data":{}}"#, |failure| {
            matches!(failure, Failure::Unknown(_))
        });
        check("<html>", |failure| matches!(failure, Failure::Unknown(_)));
    }
}
