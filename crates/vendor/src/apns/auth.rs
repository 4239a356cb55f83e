//! The JWT that every call carries: ES256, one for all connections of a key.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pushtally_model::Secret;
use serde::Serialize;

use super::Credentials;
use crate::{Access, Failure, Said};

/// Apple refuses one that is older than an hour.
const GOOD_FOR_S: u32 = 50 * 60;
/// Apple refuses whoever signs more often, for a while and for all senders of the team.
pub(super) const SIGNED_FOR_MIN: Duration = Duration::from_secs(20 * 60);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

/// The key to sign with; what is wrong when there is none.
pub(super) fn key(credentials: &Credentials) -> Result<EncodingKey, Said> {
    if let Some(said) = credentials.fault() {
        return Err(said);
    }
    let key = EncodingKey::from_ec_pem(credentials.private_key.expose().as_bytes());
    key.map_err(|_| not_a_key())
}

/// Signs at this Unix millisecond.
pub(super) fn sign(
    credentials: &Credentials,
    key: &EncodingKey,
    now_ms: i64,
) -> Result<Access, Failure> {
    let header = Header {
        // Apple asks for `alg` and `kid` alone.
        typ: None,
        kid: Some(credentials.key_id.clone()),
        ..Header::new(Algorithm::ES256)
    };
    let claims = Claims {
        iss: &credentials.team_id,
        iat: now_ms.div_euclid(1000),
    };
    let value = jsonwebtoken::encode(&header, &claims, key);
    let value = value.map_err(|_| Failure::Misconfigured(not_a_key()))?;
    Ok(Access {
        value: Secret::new(value),
        good_for_s: GOOD_FOR_S,
    })
}

fn not_a_key() -> Said {
    Said::new(0, "`private_key` is not a P-256 key as a `.p8` file has it")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};

    use super::super::credentials::tests::sample;
    use super::super::{Apns, Environments};
    use super::*;
    use crate::{SignIn, Vendor};

    const NOW_MS: i64 = 1_795_313_600_999;

    #[test]
    fn the_signature_is_of_the_key_and_says_team_key_and_second() {
        let SignIn::Ours(access) = Apns::new(sample()).sign_in(NOW_MS).unwrap() else {
            panic!("signed by ourselves");
        };
        assert_eq!(access.good_for_s, 3000);
        let public = include_bytes!("../../tests/keys/apns.pub.pem");
        let mut rules = Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let public = DecodingKey::from_ec_pem(public).unwrap();
        let read =
            jsonwebtoken::decode::<serde_json::Value>(access.value.expose(), &public, &rules);
        let read = read.unwrap();
        assert_eq!(read.header.kid.as_deref(), Some("ABC123DEFG"));
        assert_eq!(read.header.typ, None);
        let expected = serde_json::json!({"iss": "TEAM123456", "iat": 1_795_313_600});
        assert_eq!(read.claims, expected);
    }

    #[test]
    fn what_cannot_be_used_is_a_misconfiguration() {
        let check = |spoil: fn(&mut Credentials)| {
            let mut credentials = sample();
            spoil(&mut credentials);
            let failure = Apns::new(credentials).sign_in(NOW_MS);
            assert!(
                matches!(failure, Err(Failure::Misconfigured(_))),
                "{failure:?}"
            );
        };
        check(|credentials| credentials.private_key = Secret::new(""));
        check(|credentials| credentials.private_key = Secret::new("-----BEGIN PRIVATE KEY-----"));
        check(|credentials| {
            credentials.private_key = Secret::new(include_str!("../../tests/keys/fcm.pem"));
        });
        check(|credentials| {
            credentials.private_key = Secret::new(include_str!("../../tests/keys/apns.pub.pem"));
        });
        check(|credentials| credentials.bundle_id = "com.example\r\nx: y".to_owned());
        check(|credentials| credentials.team_id.clear());
        check(|credentials| credentials.sandbox_url = "api.sandbox".to_owned());
        let mut credentials = sample();
        credentials.environments = Environments::Sandbox;
        assert!(Apns::new(credentials).sign_in(NOW_MS).is_ok());
    }
}
