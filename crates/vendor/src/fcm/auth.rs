//! Access: a JWT of the service account, exchanged for what calls carry.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pushtally_model::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Credentials;
use crate::text::quoted;
use crate::{Access, Call, Failure, Reply, Said};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The longest that Google lets a JWT live.
const JWT_LIFE_S: i64 = 3600;
/// How long access lives when the reply does not say.
const LIFE_S: u32 = 3600;
/// How long before its end access is renewed.
const EARLY_S: u32 = 300;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

/// The key to sign with; what is wrong when there is none.
pub(super) fn key(credentials: &Credentials) -> Result<EncodingKey, Said> {
    if let Some(said) = credentials.fault() {
        return Err(said);
    }
    let key = EncodingKey::from_rsa_pem(credentials.private_key.expose().as_bytes());
    key.map_err(|_| not_a_key())
}

/// Asks for access at this Unix millisecond.
pub(super) fn exchange(
    credentials: &Credentials,
    key: &EncodingKey,
    now_ms: i64,
) -> Result<Call, Failure> {
    let header = Header {
        kid: Some(credentials.private_key_id.clone()),
        ..Header::new(Algorithm::RS256)
    };
    let iat = now_ms.div_euclid(1000);
    let claims = Claims {
        iss: &credentials.client_email,
        scope: SCOPE,
        aud: &credentials.token_uri,
        iat,
        exp: iat.saturating_add(JWT_LIFE_S),
    };
    let jwt = jsonwebtoken::encode(&header, &claims, key);
    let jwt = jwt.map_err(|_| Failure::Misconfigured(not_a_key()))?;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GRANT)
        .append_pair("assertion", &jwt)
        .finish();
    let content_type = Secret::new("application/x-www-form-urlencoded");
    Ok(Call {
        url: credentials.token_uri.clone(),
        headers: vec![("content-type", content_type)],
        body: form.into_bytes(),
    })
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What the reply to [`exchange`] gives.
pub(super) fn exchanged(reply: &Reply) -> Result<Access, Failure> {
    let code = i64::from(reply.status);
    if reply.is_trouble() {
        return Err(Failure::Busy {
            said: Said::new(code, "the token endpoint fails"),
            after: reply.retry_after(),
        });
    }
    if reply.status != 200 {
        let refused = serde_json::from_slice::<Refused>(&reply.body);
        let refused = refused.map_err(|_| {
            let text = "the token endpoint refuses, and does not say why";
            Failure::Unknown(Said::new(code, text))
        })?;
        let text = format!("{}: {}", refused.error, refused.error_description);
        let said = Said::new(code, quoted(&text, ""));
        return Err(Failure::Misconfigured(said));
    }
    let given = serde_json::from_slice::<Given>(&reply.body).ok();
    // It goes into a header.
    let fits = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    let given = given.filter(|given| fits(&given.access_token));
    let Some(given) = given else {
        let text = "the token endpoint's reply holds no access";
        return Err(Failure::Unknown(Said::new(code, text)));
    };
    let life_s = match &given.expires_in {
        Some(Value::Number(number)) => number.as_u64().and_then(|life| life.try_into().ok()),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    Ok(Access {
        value: Secret::new(given.access_token),
        good_for_s: good_for_s(life_s.unwrap_or(LIFE_S)),
    })
}

/// Short lives are used for half of them at least.
fn good_for_s(life_s: u32) -> u32 {
    life_s.saturating_sub(EARLY_S).max(life_s / 2).max(1)
}

fn not_a_key() -> Said {
    Said::new(0, "`private_key` is not an RSA key in PEM")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bytes::Bytes;
    use http::HeaderMap;
    use jsonwebtoken::{DecodingKey, Validation};
    use proptest::prelude::*;

    use super::super::Fcm;
    use super::super::credentials::tests::sample;
    use super::*;
    use crate::{SignIn, Vendor};

    const NOW_MS: i64 = 1_795_313_600_999;

    fn reply(status: u16, body: &[u8]) -> Reply {
        Reply {
            status,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body),
        }
    }

    #[test]
    fn access_is_asked_for_with_a_signed_jwt() {
        let SignIn::Ask(call) = Fcm::new(sample()).sign_in(NOW_MS).unwrap() else {
            panic!("the vendor is asked");
        };
        assert_eq!(call.url, "https://oauth2.googleapis.com/token");
        let fields = form_urlencoded::parse(&call.body).into_owned();
        let fields: HashMap<_, _> = fields.collect();
        assert_eq!(fields["grant_type"], GRANT);
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        rules.set_audience(&["https://oauth2.googleapis.com/token"]);
        let public = include_bytes!("../../tests/keys/fcm.pub.pem");
        let public = DecodingKey::from_rsa_pem(public).unwrap();
        let read = jsonwebtoken::decode::<Value>(&fields["assertion"], &public, &rules).unwrap();
        assert_eq!(read.header.kid.as_deref(), Some("key-0001"));
        assert_eq!(read.header.typ.as_deref(), Some("JWT"));
        let expected = serde_json::json!({
            "iss": "push@acme-1.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": 1_795_313_600,
            "exp": 1_795_317_200,
        });
        assert_eq!(read.claims, expected);
        assert_eq!(
            Fcm::new(sample()).sign_in(NOW_MS).unwrap(),
            SignIn::Ask(call)
        );
    }

    #[test]
    fn what_cannot_be_used_is_a_misconfiguration() {
        let check = |spoil: fn(&mut Credentials)| {
            let mut credentials = sample();
            spoil(&mut credentials);
            let failure = Fcm::new(credentials).sign_in(NOW_MS);
            assert!(
                matches!(failure, Err(Failure::Misconfigured(_))),
                "{failure:?}"
            );
        };
        check(|credentials| credentials.private_key = Secret::new("k"));
        check(|credentials| {
            credentials.private_key = Secret::new(include_str!("../../tests/keys/apns.p8"));
        });
        check(|credentials| credentials.project_id = "a/b".to_owned());
        check(|credentials| credentials.client_email.clear());
        check(|credentials| credentials.token_uri = "oauth2".to_owned());
    }

    #[test]
    fn access_is_used_until_a_little_before_its_end() {
        let check = |expires_in: &str, good_for_s: u32| {
            let body = format!(
                r#"{{"access_token":"ya29.x","expires_in":{expires_in},"token_type":"Bearer"}}"#
            );
            let expected = Access {
                value: Secret::new("ya29.x"),
                good_for_s,
            };
            assert_eq!(exchanged(&reply(200, body.as_bytes())), Ok(expected));
        };
        check("3599", 3299);
        check("\"3599\"", 3299);
        check("null", 3300);
        check("400", 200);
        check("0", 1);
    }

    #[test]
    fn a_refusal_is_for_the_operator_and_trouble_for_later() {
        let body = br#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
        let said = Said::new(400, "invalid_grant: Invalid JWT Signature.");
        let expected = Err(Failure::Misconfigured(said));
        assert_eq!(exchanged(&reply(400, body)), expected);
        for status in [429, 500, 503] {
            let read = exchanged(&reply(status, body));
            assert!(matches!(read, Err(Failure::Busy { .. })));
        }
        for (status, body) in [
            (200, "{}"),
            (200, r#"{"access_token":""}"#),
            (200, r#"{"access_token":"a\nb"}"#),
            (200, "<html>"),
            (404, "<html>"),
        ] {
            let read = exchanged(&reply(status, body.as_bytes()));
            assert!(matches!(read, Err(Failure::Unknown(_))), "{status} {body}");
        }
    }

    proptest! {
        #[test]
        fn no_reply_panics(status in 100u16..600, body: Vec<u8>, cut in 0usize..70) {
            let real = br#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;
            let cut = cut.min(real.len());
            let _ = exchanged(&reply(status, &body));
            let read = exchanged(&reply(status, &real[..cut]));
            prop_assert_eq!(read.is_ok(), status == 200 && cut == real.len());
        }
    }
}
