//! A phone's secret: its text, its bytes, its hash. And the name of a phone that has none.

use std::fmt;

use pushtally_model::Secret;
use pushtally_store::SecretHash;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

/// A device secret: 128 bits, written as 32 hexadecimal digits in either case. Never printed, wiped when it goes.
#[derive(Clone)]
pub struct DeviceSecret([u8; Self::LEN]);

impl DeviceSecret {
    /// Bytes of a secret.
    pub const LEN: usize = 16;

    /// The secret of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return None;
        };
        if pairs.len() != Self::LEN {
            return None;
        }
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let mut secret = Self([0; Self::LEN]);
        for (byte, [high, low]) in secret.0.iter_mut().zip(pairs) {
            *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
        }
        Some(secret)
    }

    /// What the server keeps of it: SHA-256 of the bytes, so that either case of the digits is the same secret.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0).into())
    }

    /// The 32 digits, for the one answer that shows them.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        Secret::new(hex(&self.0))
    }
}

impl fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceSecret(hidden)")
    }
}

impl Drop for DeviceSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0xF] {
            text.push(char::from(DIGITS[usize::from(nibble)]));
        }
    }
    text
}

/// A UUID of version 4 (RFC 9562), in capitals as the vendor's SDK writes its RegistrationIDs.
pub(super) fn uuid(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0F | 0x40;
    random[8] = random[8] & 0x3F | 0x80;
    let mut text = hex(&random).to_ascii_uppercase();
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hashed_as_bytes_in_either_case() {
        let hash = |text: &str| DeviceSecret::parse(text).map(|secret| secret.hash());
        let known = hash("00112233445566778899aabbccddeeff").unwrap();
        // printf '00112233445566778899aabbccddeeff' | xxd -r -p | sha256sum
        assert_eq!(
            hex(&known.0),
            "a8faed6abbf35c12a4b26e40f6feb19d736d90045c83b9f9a31f638d323e6811"
        );
        assert_eq!(hash("00112233445566778899AABBCCDDEEFF"), Some(known));
        assert_ne!(hash("00112233445566778899aabbccddeefe"), Some(known));
    }

    #[test]
    fn anything_but_32_hexadecimal_digits_is_no_secret() {
        for text in [
            "",
            "0011",
            "00112233445566778899aabbccddeef",
            "00112233445566778899aabbccddeeff00",
            "+0112233445566778899aabbccddeeff",
            "0011223344556677889 aabbccddeeff0",
            "é0112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeegg",
        ] {
            assert!(DeviceSecret::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_shown_as_it_is_read_and_never_printed() {
        let text = "00112233445566778899aabbccddeeff";
        let secret = DeviceSecret::parse(text).unwrap();
        assert_eq!(secret.to_text().expose(), text);
        assert_eq!(format!("{secret:?}"), "DeviceSecret(hidden)");
    }

    #[test]
    fn a_made_name_is_a_uuid_of_version_4() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([0xFF; 16]), "FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF");
    }
}
