//! Access to APNs: a JWT that every call carries, ES256, one for all connections of a key.
//!
//! Apple refuses whoever shows another one more than once in 20 minutes, so a server that is started again must come with the
//! same. Nothing is kept for that: all of one half hour are dated by its beginning and signed without chance (RFC 6979),
//! so they are equal, byte for byte.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use pushtally_model::Secret;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Credentials;
use crate::contract::{Access, Failure, SignIn};
use crate::credentials::misconfigured;

/// Those signed within one of these are the same.
const SLOT_S: i64 = 30 * 60;
/// One is used for so long, at least. With the slot before it that is less than the hour after which Apple refuses it.
const GOOD_FOR_S_MIN: i64 = 20 * 60;
/// After so long another one is had for certain.
pub(super) const SIGNED_FOR_MIN: Duration = Duration::from_secs(SLOT_S.unsigned_abs());

/// Apple asks for these two alone.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

/// Signs at this Unix millisecond.
pub(super) fn sign_in(credentials: &Credentials, now_ms: i64) -> Result<SignIn, Failure> {
    credentials.check()?;
    let now_s = now_ms.div_euclid(1000);
    let iat = now_s.div_euclid(SLOT_S) * SLOT_S;
    let header = Header {
        alg: "ES256",
        kid: &credentials.key_id,
    };
    let claims = Claims {
        iss: &credentials.team_id,
        iat,
    };
    let good_for_s = (iat + SLOT_S - now_s).max(GOOD_FOR_S_MIN);
    Ok(SignIn::Ours(Access {
        value: sign(&header, &claims, &credentials.private_key)?,
        good_for_s: u32::try_from(good_for_s).unwrap_or_default(),
    }))
}

fn sign(header: &Header<'_>, claims: &Claims<'_>, key: &Secret) -> Result<Secret, Failure> {
    let key = SigningKey::from_pkcs8_pem(key.expose())
        .map_err(|_| misconfigured("`private_key` is not a P-256 key in PEM"))?;
    let (Ok(header), Ok(claims)) = (serde_json::to_vec(header), serde_json::to_vec(claims)) else {
        return Err(misconfigured("`team_id` or `key_id` cannot be written"));
    };
    let mut jwt = URL_SAFE_NO_PAD.encode(header);
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut jwt);
    let signature: Signature = key.sign(jwt.as_bytes());
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut jwt);
    Ok(Secret::new(jwt))
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
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

    use super::super::credentials::tests::sample;
    use super::super::{Apns, Environments};
    use super::*;
    use crate::Vendor;
    use crate::given::{EC_PUBLIC, RSA_PRIVATE};

    const NOW_MS: i64 = 1_795_313_600_999;

    #[test]
    fn the_signature_is_of_the_key_and_says_team_key_and_half_hour() {
        let SignIn::Ours(access) = Apns::new(sample()).sign_in(NOW_MS).unwrap() else {
            panic!("signed by ourselves");
        };
        assert_eq!(access.good_for_s, 1200);
        let mut rules = Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let public = DecodingKey::from_ec_pem(EC_PUBLIC.as_bytes()).unwrap();
        let read =
            jsonwebtoken::decode::<serde_json::Value>(access.value.expose(), &public, &rules);
        let read = read.unwrap();
        assert_eq!(read.header.kid.as_deref(), Some("ABC123DEFG"));
        assert_eq!(read.header.typ, None);
        let expected = serde_json::json!({"iss": "TEAM123456", "iat": 1_795_312_800});
        assert_eq!(read.claims, expected);
    }

    #[test]
    fn whoever_signs_within_a_half_hour_has_the_same_and_later_another() {
        let signed = |now_ms| match Apns::new(sample()).sign_in(now_ms).unwrap() {
            SignIn::Ours(access) => access,
            other => panic!("{other:?}"),
        };
        let (begin_ms, slot_ms) = (1_795_312_800_000, SLOT_S * 1000);
        let (first, last) = (signed(begin_ms), signed(begin_ms + slot_ms - 1));
        assert_eq!(first.value, last.value);
        // None is used when it is an hour old.
        assert_eq!((first.good_for_s, last.good_for_s), (1800, 1200));
        assert_ne!(signed(begin_ms + slot_ms).value, first.value);
        assert_ne!(signed(begin_ms - 1).value, first.value);
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
