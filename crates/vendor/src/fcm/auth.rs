//! Access to FCM: a JWT of the service account, exchanged for what calls carry.

use jsonwebtoken::Algorithm;

use super::Credentials;
use crate::contract::{Failure, SignIn};
use crate::jwt::{self, Claims};
use crate::oauth;

pub(super) use crate::oauth::read as signed_in;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// The longest that Google lets a JWT live.
const JWT_LIFE_S: i64 = 3600;

/// Asks for access at this Unix millisecond.
pub(super) fn sign_in(credentials: &Credentials, now_ms: i64) -> Result<SignIn, Failure> {
    credentials.check()?;
    let token_uri = credentials.token_uri.trim();
    let iat = now_ms.div_euclid(1000);
    let claims = Claims {
        iss: &credentials.client_email,
        scope: Some(SCOPE),
        aud: token_uri,
        iat,
        exp: iat.saturating_add(JWT_LIFE_S),
    };
    let header = jwt::header(Algorithm::RS256, &credentials.private_key_id);
    let jwt = jwt::sign(&header, &claims, &credentials.private_key)?;
    Ok(SignIn::Ask(oauth::exchange(token_uri, &jwt)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jsonwebtoken::{DecodingKey, Validation};
    use pushtally_model::Secret;
    use serde_json::Value;

    use super::super::Fcm;
    use super::super::credentials::tests::sample;
    use super::*;
    use crate::Vendor;
    use crate::given::{EC_PRIVATE, RSA_PUBLIC};

    const NOW_MS: i64 = 1_795_313_600_999;

    #[test]
    fn access_is_asked_for_with_a_signed_jwt() {
        let SignIn::Ask(call) = Fcm::new(sample()).sign_in(NOW_MS).unwrap() else {
            panic!("the vendor is asked");
        };
        assert_eq!(call.url, "https://oauth2.googleapis.com/token");
        let fields = form_urlencoded::parse(&call.body).into_owned();
        let fields: HashMap<_, _> = fields.collect();
        assert_eq!(
            fields["grant_type"],
            "urn:ietf:params:oauth:grant-type:jwt-bearer"
        );
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        rules.set_audience(&["https://oauth2.googleapis.com/token"]);
        let public = DecodingKey::from_rsa_pem(RSA_PUBLIC.as_bytes()).unwrap();
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
            credentials.private_key = Secret::new(EC_PRIVATE);
        });
        check(|credentials| credentials.project_id = "a/b".to_owned());
        check(|credentials| credentials.client_email.clear());
        check(|credentials| credentials.token_uri = "oauth2".to_owned());
    }
}
