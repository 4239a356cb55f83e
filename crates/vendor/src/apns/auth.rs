//! Access to APNs: a JWT that every call carries, ES256, one for all connections of a key.

use std::time::Duration;

use jsonwebtoken::{Algorithm, Header};
use pushtally_model::Secret;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Credentials;
use crate::contract::{Access, Failure, SignIn};
use crate::jwt;

/// Apple refuses one that is older than an hour.
const GOOD_FOR_S: u32 = 50 * 60;
/// Apple refuses whoever signs more often, for a while and for all senders of the team.
pub(super) const SIGNED_FOR_MIN: Duration = Duration::from_secs(20 * 60);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

/// Signs at this Unix millisecond.
pub(super) fn sign_in(credentials: &Credentials, now_ms: i64) -> Result<SignIn, Failure> {
    credentials.check()?;
    let header = Header {
        // Apple asks for `alg` and `kid` alone.
        typ: None,
        ..jwt::header(Algorithm::ES256, &credentials.key_id)
    };
    let claims = Claims {
        iss: &credentials.team_id,
        iat: now_ms.div_euclid(1000),
    };
    let jwt = jwt::sign(&header, &claims, &credentials.private_key)?;
    Ok(SignIn::Ours(Access {
        value: Secret::new(jwt),
        good_for_s: GOOD_FOR_S,
    }))
}

/// Apple counts a team's key over all apps that it signs for: so they sign once.
pub(super) fn name(credentials: &Credentials) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let key = credentials.private_key.expose();
    for part in [&*credentials.team_id, &*credentials.key_id, key] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};

    use super::super::credentials::tests::sample;
    use super::super::{Apns, Environments};
    use super::*;
    use crate::Vendor;
    use crate::given::{EC_PUBLIC, RSA_PRIVATE};

    const NOW_MS: i64 = 1_795_313_600_999;

    #[test]
    fn the_signature_is_of_the_key_and_says_team_key_and_second() {
        let SignIn::Ours(access) = Apns::new(sample()).sign_in(NOW_MS).unwrap() else {
            panic!("signed by ourselves");
        };
        assert_eq!(access.good_for_s, 3000);
        let mut rules = Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let public = DecodingKey::from_ec_pem(EC_PUBLIC.as_bytes()).unwrap();
        let read =
            jsonwebtoken::decode::<serde_json::Value>(access.value.expose(), &public, &rules);
        let read = read.unwrap();
        assert_eq!(read.header.kid.as_deref(), Some("ABC123DEFG"));
        assert_eq!(read.header.typ, None);
        let expected = serde_json::json!({"iss": "TEAM123456", "iat": 1_795_313_600});
        assert_eq!(read.claims, expected);
    }

    #[test]
    fn apps_of_one_key_have_their_signature_in_common_and_others_have_not() {
        let named = |change: fn(&mut Credentials)| {
            let mut credentials = sample();
            change(&mut credentials);
            name(&credentials)
        };
        let common = named(|_| {});
        let other_app = named(|it| {
            it.bundle_id = "com.example.other".to_owned();
            it.environments = Environments::Sandbox;
        });
        assert_eq!(other_app, common);
        for other in [
            named(|it| it.team_id = "TEAM123457".to_owned()),
            named(|it| it.key_id = "ABC123DEFH".to_owned()),
            named(|it| it.private_key = Secret::new(RSA_PRIVATE)),
            named(|it| {
                it.team_id = "TEAM12345".to_owned();
                it.key_id = "6ABC123DEFG".to_owned();
            }),
        ] {
            assert_ne!(other, common);
        }
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
            credentials.private_key = Secret::new(RSA_PRIVATE);
        });
        check(|credentials| {
            credentials.private_key = Secret::new(EC_PUBLIC);
        });
        check(|credentials| credentials.bundle_id = "com.example\r\nx: y".to_owned());
        check(|credentials| credentials.team_id.clear());
        check(|credentials| credentials.sandbox_url = "api.sandbox".to_owned());
        let mut credentials = sample();
        credentials.environments = Environments::Sandbox;
        assert!(Apns::new(credentials).sign_in(NOW_MS).is_ok());
    }
}
