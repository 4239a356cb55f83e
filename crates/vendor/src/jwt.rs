//! Signing JWTs, for the vendors that take them as access or give access for them.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pushtally_model::Secret;
use serde::Serialize;

use crate::contract::Failure;
use crate::credentials::misconfigured;

/// What most vendors read of a JWT.
#[derive(Debug, Serialize)]
pub(crate) struct Claims<'a> {
    pub(crate) iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<&'static str>,
    pub(crate) aud: &'a str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

/// A header with a key's id.
pub(crate) fn header(algorithm: Algorithm, key_id: &str) -> Header {
    Header {
        kid: Some(key_id.to_owned()),
        ..Header::new(algorithm)
    }
}

/// Signs with the credentials' `private_key`, in PEM. ES256 and PS256 are salted: two signatures at one time differ, and
/// both are good.
pub(crate) fn sign(
    header: &Header,
    claims: &impl Serialize,
    private_key: &Secret,
) -> Result<String, Failure> {
    let pem = private_key.expose().as_bytes();
    let (key, wanted) = match header.alg {
        Algorithm::ES256 => (EncodingKey::from_ec_pem(pem), "a P-256 key"),
        _ => (EncodingKey::from_rsa_pem(pem), "an RSA key"),
    };
    key.and_then(|key| jsonwebtoken::encode(header, claims, &key))
        .map_err(|_| misconfigured(format!("`private_key` is not {wanted} in PEM")))
}
