//! Access to Huawei: OAuth with the client's secret, or a JWT that a service account signs and calls carry as it is.

use jsonwebtoken::Algorithm;
use pushtally_model::Secret;

use super::Credentials;
use crate::contract::{Access, Failure, SignIn};
use crate::credentials::{check_filled, misconfigured};
use crate::jwt::{self, Claims};
use crate::oauth;

pub(super) use crate::oauth::read as signed_in;

/// Huawei's token endpoint.
pub(crate) const PUBLIC_TOKEN_URL: &str = "https://oauth-login.cloud.huawei.com/oauth2/v3/token";

/// A JWT's life; above one day it is refused (80300036).
const JWT_LIFE_S: i64 = 3600;

/// For how long of it it is used.
const JWT_GOOD_FOR_S: u32 = 3300;

/// With a private key a JWT, else OAuth.
pub(super) fn sign_in(credentials: &Credentials, now_ms: i64) -> Result<SignIn, Failure> {
    credentials.check()?;
    if let Some(private_key) = &credentials.private_key {
        let signer = Signer {
            key_id: &credentials.key_id,
            sub_account: &credentials.sub_account,
            private_key,
            audience: &credentials.token_uri,
        };
        return signer.sign(now_ms).map(SignIn::Ours);
    }
    match &credentials.client_secret {
        Some(secret) if !credentials.client_id.is_empty() => Ok(SignIn::Ask(oauth::ask(
            &credentials.token_uri,
            &credentials.client_id,
            secret,
        ))),
        _ => Err(misconfigured(
            "`client_id` and `client_secret`, or a `private_key`, are needed",
        )),
    }
}

/// A service account.
#[derive(Debug)]
pub(crate) struct Signer<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) sub_account: &'a str,
    pub(crate) private_key: &'a Secret,
    pub(crate) audience: &'a str,
}

impl Signer<'_> {
    /// Signs at this Unix millisecond.
    pub(crate) fn sign(&self, now_ms: i64) -> Result<Access, Failure> {
        check_filled(&[("key_id", self.key_id), ("sub_account", self.sub_account)])?;
        let iat = now_ms.div_euclid(1000);
        let claims = Claims {
            iss: self.sub_account,
            scope: None,
            aud: self.audience.trim(),
            iat,
            exp: iat.saturating_add(JWT_LIFE_S),
        };
        let header = jwt::header(Algorithm::PS256, self.key_id);
        let jwt = jwt::sign(&header, &claims, self.private_key)?;
        Ok(Access {
            value: Secret::new(jwt),
            good_for_s: JWT_GOOD_FOR_S,
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;
    use crate::given::{RSA_PRIVATE, RSA_PUBLIC};

    fn credentials(json: Value) -> Credentials {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_service_account_signs_for_an_hour() {
        let credentials = credentials(json!({
            "project_id": "p1", "key_id": "k1", "sub_account": "a1", "private_key": RSA_PRIVATE,
        }));
        let Ok(SignIn::Ours(access)) = sign_in(&credentials, 1_795_313_700_123) else {
            panic!("not signed");
        };
        assert_eq!(access.good_for_s, 3300);
        let jwt = access.value.expose();
        let header = jsonwebtoken::decode_header(jwt).unwrap();
        assert_eq!(
            (header.alg, header.kid.as_deref(), header.typ.as_deref()),
            (Algorithm::PS256, Some("k1"), Some("JWT"))
        );
        let mut rules = Validation::new(Algorithm::PS256);
        rules.validate_exp = false;
        rules.set_audience(&["https://oauth-login.cloud.huawei.com/oauth2/v3/token"]);
        let key = DecodingKey::from_rsa_pem(RSA_PUBLIC.as_bytes()).unwrap();
        let claims = jsonwebtoken::decode::<Value>(jwt, &key, &rules).unwrap();
        assert_eq!(
            claims.claims,
            json!({
                "iss": "a1", "aud": "https://oauth-login.cloud.huawei.com/oauth2/v3/token",
                "iat": 1_795_313_700, "exp": 1_795_317_300,
            })
        );
    }

    #[test]
    fn a_secret_is_exchanged() {
        let credentials = credentials(json!({"client_id": "1", "client_secret": "s"}));
        let Ok(SignIn::Ask(call)) = sign_in(&credentials, 0) else {
            panic!("not asked");
        };
        assert_eq!(call.url, PUBLIC_TOKEN_URL);
    }

    #[test]
    fn what_cannot_sign_in_is_a_wrong_configuration() {
        for wrong in [
            json!({}),
            json!({"client_id": "1"}),
            json!({"client_secret": "s"}),
            json!({"private_key": RSA_PRIVATE, "key_id": "k1"}),
            json!({"private_key": "no key", "key_id": "k1", "sub_account": "a1"}),
        ] {
            let signed_in = sign_in(&credentials(wrong.clone()), 0);
            assert!(
                matches!(signed_in, Err(Failure::Misconfigured(_))),
                "{wrong}"
            );
        }
    }
}
