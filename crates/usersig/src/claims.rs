//! What a UserSig says, the text that is signed for it, and how one is made.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use thiserror::Error;

use crate::{IDENTIFIER_LEN_MAX, armor};

/// What a UserSig says: who may act, in which app, from when and for how long.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// The account (UserID).
    pub identifier: String,
    /// The app.
    pub sdkappid: u32,
    /// When it was made, in Unix seconds.
    pub time: i64,
    /// How long it lasts, in seconds.
    pub expire: i64,
    /// Bytes that an app had signed along with the rest. Their meaning is the app's own.
    pub userbuf: Option<Vec<u8>>,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("identifier", &self.identifier)
            .field("sdkappid", &self.sdkappid)
            .field("time", &self.time)
            .field("expire", &self.expire)
            .field("userbuf_len", &self.userbuf.as_ref().map(Vec::len))
            .finish()
    }
}

/// Makes a UserSig: `claims` signed with `key`, which is used as text, not decoded from hexadecimal.
///
/// Nothing is refused here; see [`validate_identifier`]. A userbuf of more than some 5 KiB makes a UserSig that
/// [`crate::check`] finds too long.
#[must_use]
pub fn make(key: &str, claims: &Claims) -> String {
    let Claims {
        identifier,
        sdkappid,
        time,
        expire,
        userbuf,
    } = claims;
    let userbuf = userbuf.as_ref().map(|bytes| STANDARD.encode(bytes));
    let signed = Signed {
        identifier,
        sdkappid: *sdkappid,
        time: *time,
        expire: *expire,
        userbuf: userbuf.as_deref(),
    };
    let sig = signed.sign(key);
    let name = Value::from(identifier.as_str());
    let userbuf = userbuf
        .map(|base64| format!(r#""TLS.userbuf":"{base64}","#))
        .unwrap_or_default();
    armor::wrap(&format!(
        r#"{{"TLS.ver":"2.0","TLS.identifier":{name},"TLS.sdkappid":{sdkappid},"TLS.expire":{expire},"TLS.time":{time},{userbuf}"TLS.sig":"{sig}"}}"#
    ))
}

/// The values that a signature covers, as one line each.
///
/// Two different values never give the same text, even with line ends in the identifier: it comes first, and no
/// later value (numbers, base64) has line ends, so the text can be read back from its end.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) identifier: &'a str,
    pub(crate) sdkappid: u32,
    pub(crate) time: i64,
    pub(crate) expire: i64,
    pub(crate) userbuf: Option<&'a str>,
}

impl Signed<'_> {
    /// The signature with `key`, as base64.
    pub(crate) fn sign(&self, key: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(self.to_string().as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

impl fmt::Display for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            identifier,
            sdkappid,
            time,
            expire,
            userbuf,
        } = self;
        write!(
            f,
            "TLS.identifier:{identifier}\nTLS.sdkappid:{sdkappid}\nTLS.time:{time}\nTLS.expire:{expire}\n"
        )?;
        match userbuf {
            Some(base64) => writeln!(f, "TLS.userbuf:{base64}"),
            None => Ok(()),
        }
    }
}

/// Why a text is no account identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentifierError {
    /// Nothing there.
    #[error("identifier is empty")]
    Empty,
    /// More bytes than [`IDENTIFIER_LEN_MAX`].
    #[error("identifier of `{bytes}` bytes is longer than `{IDENTIFIER_LEN_MAX}`")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Something other than printable ASCII.
    #[error("identifier has `{}`, which is not printable ASCII", .character.escape_default())]
    Character {
        /// The first such character.
        character: char,
    },
}

/// Checks that an identifier is what the documentation calls a UserID: 1 to [`IDENTIFIER_LEN_MAX`] bytes of
/// printable ASCII, spaces included.
pub fn validate_identifier(identifier: &str) -> Result<(), IdentifierError> {
    match identifier.len() {
        0 => return Err(IdentifierError::Empty),
        bytes if bytes > IDENTIFIER_LEN_MAX => return Err(IdentifierError::TooLong { bytes }),
        _ => {}
    }
    match identifier
        .chars()
        .find(|character| !matches!(character, ' '..='~'))
    {
        Some(character) => Err(IdentifierError::Character { character }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";

    #[test]
    fn signatures_are_those_of_the_public_libraries() {
        let check = |identifier: &str, expire: i64, userbuf: Option<&str>, expected: &str| {
            let signed = Signed {
                identifier,
                sdkappid: 1_400_000_000,
                time: 1_700_000_000,
                expire,
                userbuf,
            };
            assert_eq!(signed.sign(KEY), expected);
        };
        check(
            "xiaojun",
            15_552_000,
            None,
            "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=",
        );
        check(
            "administrator",
            86_400,
            None,
            "yLAe+w7WUeUuqbV9h/TX78u21oTGi+i9Zp1u3PpnY60=",
        );
        check(
            "xiaojun",
            15_552_000,
            Some("YWJj"),
            "QjT201xPkXk/aM1e+y0vakZb0K2iPrFue++0s5y6bFM=",
        );
    }

    #[test]
    fn json_is_written_in_the_documented_order() {
        let claims = Claims {
            identifier: "say \"hi\"".to_owned(),
            sdkappid: 1_400_000_000,
            time: 1_700_000_000,
            expire: 86_400,
            userbuf: Some(b"abc".to_vec()),
        };
        let usersig = make(KEY, &claims);
        let json = armor::inflate(&armor::decode(&usersig).unwrap()).unwrap();
        let (head, _) = json.split_once(r#""TLS.sig""#).unwrap();
        assert_eq!(
            head,
            r#"{"TLS.ver":"2.0","TLS.identifier":"say \"hi\"","TLS.sdkappid":1400000000,"TLS.expire":86400,"TLS.time":1700000000,"TLS.userbuf":"YWJj","#
        );
    }

    #[test]
    fn identifiers_are_short_printable_ascii() {
        let check = |identifier: &str, expected: Result<(), IdentifierError>| {
            assert_eq!(validate_identifier(identifier), expected, "{identifier}");
        };
        check("a", Ok(()));
        check("!az AZ_09-~", Ok(()));
        check(&"a".repeat(32), Ok(()));
        check("", Err(IdentifierError::Empty));
        check(&"a".repeat(33), Err(IdentifierError::TooLong { bytes: 33 }));
        check("a\n", Err(IdentifierError::Character { character: '\n' }));
        check("né", Err(IdentifierError::Character { character: 'é' }));
        check(
            "\u{7f}",
            Err(IdentifierError::Character {
                character: '\u{7f}',
            }),
        );
    }
}
