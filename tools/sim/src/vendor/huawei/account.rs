//! What Huawei's consoles know of an account: the service account that signs, the callback that is signed.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use sha2::Sha256;

use super::refusal::{Code, Refusal};

const AUDIENCE: &str = "https://oauth-login.cloud.huawei.com/oauth2/v3/token";
const JWT_LIFE_S_MAX: i64 = 86_400;
/// How far ahead a signer's clock may be. Not documented.
const AHEAD_S_MAX: i64 = 300;
/// How many JWTs are remembered; a signer makes one an hour.
const JWTS_MAX: usize = 1024;

/// Who may sign for a project.
#[derive(Debug, Clone)]
pub struct HuaweiServiceAccount {
    /// The key's id.
    pub key_id: String,
    /// The account's id.
    pub sub_account: String,
    /// The public key, in PEM.
    pub public_key: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// The JWTs that were accepted, so that each is verified once.
#[derive(Debug, Default)]
pub(in crate::vendor) struct Jwts {
    /// With their ends, in Unix seconds.
    good: HashMap<String, i64>,
    /// Those that were made to expire.
    ended: HashSet<String>,
}

impl Jwts {
    pub(in crate::vendor) fn check(
        &mut self,
        account: &HuaweiServiceAccount,
        jwt: &str,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let now_s = now_ms.div_euclid(1000);
        let expired = || Code::JwtExpired.says("the JWT has expired");
        if self.ended.contains(jwt) {
            return Err(expired());
        }
        let end_s = match self.good.get(jwt) {
            Some(end_s) => *end_s,
            None => verify(account, jwt, now_s)?,
        };
        if end_s <= now_s {
            return Err(expired());
        }
        if self.good.len() >= JWTS_MAX {
            self.good.clear();
        }
        self.good.insert(jwt.to_owned(), end_s);
        Ok(())
    }

    pub(in crate::vendor) fn expire(&mut self) {
        let ended = std::mem::take(&mut self.good);
        self.ended.extend(ended.into_keys());
    }
}

/// When it ends.
fn verify(account: &HuaweiServiceAccount, jwt: &str, now_s: i64) -> Result<i64, Refusal> {
    let wrong = |text: &str| Code::Auth.says(text);
    let header = jsonwebtoken::decode_header(jwt).map_err(|_| wrong("not a JWT"))?;
    if header.alg != Algorithm::PS256 || header.typ.as_deref() != Some("JWT") {
        return Err(wrong("the JWT is not of type JWT by PS256"));
    }
    if header.kid.as_deref() != Some(&account.key_id) {
        return Err(wrong("the JWT is of an unknown key"));
    }
    let key = DecodingKey::from_rsa_pem(account.public_key.as_bytes());
    let key = key.map_err(|_| wrong("the account's key is not an RSA key"))?;
    let mut rules = Validation::new(Algorithm::PS256);
    // Time is ours to judge, and the audience with the other claims.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let read = jsonwebtoken::decode::<Claims>(jwt, &key, &rules);
    let claims = read.map_err(|_| wrong("the JWT's signature or claims are wrong"))?;
    let claims = claims.claims;
    if claims.iss != account.sub_account || claims.aud != AUDIENCE {
        return Err(wrong(
            "the JWT is of another account or for another audience",
        ));
    }
    let life_s = claims.exp.saturating_sub(claims.iat);
    if life_s > JWT_LIFE_S_MAX {
        return Err(Code::JwtLife.says("the JWT lives longer than a day"));
    }
    if life_s <= 0 || claims.iat > now_s.saturating_add(AHEAD_S_MAX) {
        return Err(wrong("the JWT ends before it begins, or begins later"));
    }
    Ok(claims.exp)
}

/// What receipts are signed with.
#[derive(Debug, Clone)]
pub struct HuaweiCallback {
    /// The user.
    pub user: String,
    /// The secret as the console shows it.
    pub secret: String,
    /// Whether the secret is Base64 of the key, as in newer configurations, or the key itself.
    pub is_base64: bool,
}

impl HuaweiCallback {
    /// The value of `X-HUAWEI-CALLBACK-ID`.
    pub(in crate::vendor) fn sign(&self, now_ms: i64, nonce: &str) -> String {
        let decoded = STANDARD.decode(&self.secret);
        let key = match decoded {
            Ok(key) if self.is_base64 => key,
            _ => self.secret.clone().into_bytes(),
        };
        let message = format!("{now_ms}{nonce}{}", self.user);
        // HMAC takes keys of any length.
        let mac = Hmac::<Sha256>::new_from_slice(&key).map(|mac| mac.chain_update(message));
        let value = mac.map_or_else(
            |_| String::new(),
            |mac| STANDARD.encode(mac.finalize().into_bytes()),
        );
        format!("timestamp={now_ms}; nonce={nonce}; value={value}")
    }
}

#[cfg(test)]
pub(in crate::vendor) mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;

    pub(in crate::vendor) const NOW_MS: i64 = 1_795_313_600_123;

    pub(in crate::vendor) fn account() -> HuaweiServiceAccount {
        HuaweiServiceAccount {
            key_id: "key-1".to_owned(),
            sub_account: "100".to_owned(),
            public_key: include_str!("../../../tests/keys/rsa.pub.pem").to_owned(),
        }
    }

    pub(in crate::vendor) fn claims() -> Value {
        let iat = NOW_MS / 1000;
        json!({"iss": "100", "aud": AUDIENCE, "iat": iat, "exp": iat + 3600})
    }

    fn header() -> Header {
        Header {
            kid: Some("key-1".to_owned()),
            ..Header::new(Algorithm::PS256)
        }
    }

    pub(in crate::vendor) fn jwt(claims: &Value) -> String {
        signed(
            &header(),
            claims,
            include_bytes!("../../../tests/keys/rsa.pem"),
        )
    }

    fn signed(header: &Header, claims: &Value, key: &[u8]) -> String {
        let key = EncodingKey::from_rsa_pem(key).unwrap();
        jsonwebtoken::encode(header, claims, &key).unwrap()
    }

    fn code(jwt: &str) -> Option<Code> {
        let checked = Jwts::default().check(&account(), jwt, NOW_MS);
        checked.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_jwt_is_of_the_account_and_of_the_time() {
        assert_eq!(code(&jwt(&claims())), None);
        let check = |name: &str, value: Value, expected| {
            let mut claims = claims();
            claims[name] = value;
            assert_eq!(code(&jwt(&claims)), Some(expected), "{name}");
        };
        let now_s = NOW_MS / 1000;
        check("iss", json!("101"), Code::Auth);
        check("aud", json!("https://example.com"), Code::Auth);
        check("iat", json!(now_s + 301), Code::Auth);
        check("iat", json!("now"), Code::Auth);
        check("exp", json!(now_s - 1), Code::Auth);
        check("exp", json!(now_s + 86_401), Code::JwtLife);
        let mut old = claims();
        (old["iat"], old["exp"]) = (json!(now_s - 3600), json!(now_s));
        assert_eq!(code(&jwt(&old)), Some(Code::JwtExpired));
    }

    #[test]
    fn a_jwt_is_of_the_key() {
        let stranger = include_bytes!("../../../tests/keys/stranger.pem");
        assert_eq!(
            code(&signed(&header(), &claims(), stranger)),
            Some(Code::Auth)
        );
        let ours = include_bytes!("../../../tests/keys/rsa.pem");
        let mut other = header();
        other.alg = Algorithm::RS256;
        assert_eq!(code(&signed(&other, &claims(), ours)), Some(Code::Auth));
        let mut other = header();
        other.kid = Some("key-2".to_owned());
        assert_eq!(code(&signed(&other, &claims(), ours)), Some(Code::Auth));
        assert_eq!(code("a.b.c"), Some(Code::Auth));
        assert_eq!(code(""), Some(Code::Auth));
    }

    #[test]
    fn a_jwt_ends_when_it_is_made_to_and_another_does_not() {
        let mut jwts = Jwts::default();
        let first = jwt(&claims());
        assert_eq!(jwts.check(&account(), &first, NOW_MS), Ok(()));
        let end_ms = (NOW_MS / 1000 + 3600) * 1000;
        assert!(jwts.check(&account(), &first, end_ms).is_err());
        jwts.expire();
        let refusal = jwts.check(&account(), &first, NOW_MS).unwrap_err();
        assert_eq!(refusal.code, Code::JwtExpired);
        let mut again = claims();
        again["iat"] = json!(NOW_MS / 1000 + 1);
        assert_eq!(jwts.check(&account(), &jwt(&again), NOW_MS), Ok(()));
    }

    #[test]
    fn callbacks_are_signed_as_the_vectors_say() {
        let check = |is_base64, value: &str| {
            let callback = HuaweiCallback {
                user: "cbuser".to_owned(),
                secret: "c2VjcmV0a2V5MDAwMDAwMDAwMDAwMDAwMDA=".to_owned(),
                is_base64,
            };
            let expected = format!("timestamp=1795313700123; nonce=nonce-1; value={value}");
            assert_eq!(callback.sign(1_795_313_700_123, "nonce-1"), expected);
        };
        check(true, "jMOR6oN2BILtJzll95GmANyuiSAxmOgKxikPNHJwvsY=");
        check(false, "vKfsqiDuPcCoCboK0cSjxRZrwnQ3H6M0Mbr0q5QhwFM=");
    }
}
