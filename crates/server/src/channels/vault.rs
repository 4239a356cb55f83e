//! Keeps accounts with vendors sealed: AES-256-GCM under a key that the operator holds.
//!
//! What is sealed is a version, which key it is, a random nonce, and the ciphertext with its tag. The version, the key, and
//! whose the account is are authenticated with it, so that what is stored for one account opens in place of no other.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pushtally_model::{Entropy, Secret};
use sha2::{Digest as _, Sha256};

use super::ChannelId;

/// Bytes of a key.
pub(crate) const KEY_LEN: usize = 32;
/// The form of what is sealed.
const VERSION: u8 = 1;
/// Bytes that say which key it was: enough to tell an operator's few keys apart, and nothing of the key.
const KEY_ID_LEN: usize = 8;
const HEAD_LEN: usize = 1 + KEY_ID_LEN;
const KEY_ID_CONTEXT: &[u8] = b"pushtally credentials key";
const CONTEXT: &[u8] = b"pushtally account with a vendor";

/// A key that accounts are sealed under.
pub(crate) struct Key {
    key: LessSafeKey,
    id: [u8; KEY_ID_LEN],
}

impl Key {
    /// A key from its text: 32 bytes in hexadecimal or base64.
    pub(crate) fn parse(text: &Secret) -> Option<Self> {
        let text = text.expose().trim();
        let bytes = hexadecimal(text).or_else(|| STANDARD.decode(text).ok())?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
        let hash = Sha256::new()
            .chain_update(KEY_ID_CONTEXT)
            .chain_update(&bytes)
            .finalize();
        Some(Self {
            key: LessSafeKey::new(key),
            id: *hash.first_chunk()?,
        })
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

/// Why an account was not sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error(
        "credentials are kept encrypted and there is no key: make one with `pushtally channel new-key FILE`, name the file as `storage.credentials_key_file`, restart the server"
    )]
    NoKey,
    #[error("the system has no randomness to give")]
    Entropy(#[source] std::io::Error),
    #[error("it cannot be encrypted")]
    Cipher,
}

/// Why a sealed account is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "`storage.credentials_key_file` is not set, without it no stored account can be opened"
    )]
    NoKey,
    #[error("it was sealed under a key that is none of `storage.credentials_key_file`")]
    OtherKey,
    #[error("what is stored is damaged, or another account's")]
    Damaged,
    #[error("what is stored is of a newer release")]
    Newer,
}

/// The operator's keys, newest first. The newest seals; all of them open.
#[derive(Clone, Default)]
pub(crate) struct Vault(Arc<[Key]>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({} keys)", self.0.len())
    }
}

impl Vault {
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        Self(keys.into())
    }

    /// Whether it has no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seals what belongs to an account.
    pub(crate) fn seal(
        &self,
        id: ChannelId,
        plain: &Secret,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let key = self.0.first().ok_or(SealError::NoKey)?;
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce).map_err(SealError::Entropy)?;
        let mut sealed = vec![VERSION];
        sealed.extend(key.id);
        let bound = Aad::from(bound(&sealed, id));
        let mut text = plain.expose().as_bytes().to_vec();
        let cipher = Nonce::assume_unique_for_key(nonce);
        let done = key.key.seal_in_place_append_tag(cipher, bound, &mut text);
        done.map_err(|_| SealError::Cipher)?;
        sealed.extend(nonce);
        sealed.extend(text);
        Ok(sealed)
    }

    /// Opens what belongs to an account.
    pub(crate) fn open(&self, id: ChannelId, sealed: &[u8]) -> Result<Secret, OpenError> {
        if self.is_empty() {
            return Err(OpenError::NoKey);
        }
        let (head, rest) = sealed
            .split_at_checked(HEAD_LEN)
            .ok_or(OpenError::Damaged)?;
        let [version, key_id @ ..] = head else {
            return Err(OpenError::Damaged);
        };
        if *version > VERSION {
            return Err(OpenError::Newer);
        }
        let key = self.0.iter().find(|key| key.id == key_id);
        let key = key.ok_or(OpenError::OtherKey)?;
        let (nonce, text) = rest.split_first_chunk().ok_or(OpenError::Damaged)?;
        let (nonce, bound) = (
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(bound(head, id)),
        );
        let mut text = text.to_vec();
        let plain = key.key.open_in_place(nonce, bound, &mut text);
        let len = plain.map_err(|_| OpenError::Damaged)?.len();
        text.truncate(len);
        // The same memory, which the secret wipes.
        let text = String::from_utf8(text).map_err(|_| OpenError::Damaged)?;
        Ok(Secret::new(text))
    }

    /// Whether it was sealed under the newest key.
    pub(crate) fn is_newest(&self, sealed: &[u8]) -> bool {
        let newest = self.0.first().map(|key| key.id.as_slice());
        newest.is_some() && sealed.get(1..HEAD_LEN) == newest
    }
}

/// What is authenticated beside the text.
fn bound(head: &[u8], id: ChannelId) -> Vec<u8> {
    let mut bound = CONTEXT.to_vec();
    bound.extend(head);
    bound.extend(id.app.0.to_be_bytes());
    bound.push(id.channel as u8);
    bound.extend(id.cert_id.to_be_bytes());
    bound
}

#[cfg(test)]
mod tests {
    use pushtally_model::{AppId, Channel, FixedEntropy, SystemEntropy};

    use super::*;

    const ID: ChannelId = ChannelId {
        app: AppId(7),
        channel: Channel::Xiaomi,
        cert_id: 1,
    };

    fn vault(keys: &[u8]) -> Vault {
        let key = |byte: &u8| Key::parse(&Secret::new(format!("{byte:02x}").repeat(KEY_LEN)));
        Vault::new(keys.iter().map(|byte| key(byte).unwrap()).collect())
    }

    fn sealed(vault: &Vault) -> Vec<u8> {
        let plain = Secret::new("s3cr3t");
        vault.seal(ID, &plain, &SystemEntropy).unwrap()
    }

    #[test]
    fn a_key_is_32_bytes_in_hexadecimal_or_base64() {
        let hex = "A0".repeat(KEY_LEN);
        let base64 = STANDARD.encode([0xA0; KEY_LEN]);
        let id = |text: &str| Key::parse(&Secret::new(text)).map(|key| key.id);
        assert_eq!(id(&hex), id(&base64));
        assert!(id(&format!(" {hex}\n")).is_some());
        for bad in [
            "",
            "a0",
            &hex[1..],
            &format!("{hex}a0"),
            &"g0".repeat(32),
            &base64[..40],
        ] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_sealed_opens_under_its_key_in_its_place_and_nowhere_else() {
        let old = vault(&[1]);
        let sealed = sealed(&old);
        assert!(!sealed.windows(6).any(|window| window == b"s3cr3t"));
        assert_eq!(old.open(ID, &sealed), Ok(Secret::new("s3cr3t")));
        let both = vault(&[2, 1]);
        assert_eq!(both.open(ID, &sealed), Ok(Secret::new("s3cr3t")));
        assert!(old.is_newest(&sealed) && !both.is_newest(&sealed));
        assert_eq!(vault(&[2]).open(ID, &sealed), Err(OpenError::OtherKey));
        assert_eq!(vault(&[]).open(ID, &sealed), Err(OpenError::NoKey));
        for other in [
            ChannelId {
                app: AppId(8),
                ..ID
            },
            ChannelId {
                channel: Channel::Oppo,
                ..ID
            },
            ChannelId { cert_id: 2, ..ID },
        ] {
            assert_eq!(old.open(other, &sealed), Err(OpenError::Damaged));
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let vault = vault(&[1]);
        let sealed = sealed(&vault);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open(ID, &changed).is_err(), "byte {at}");
            assert!(vault.open(ID, &sealed[..at]).is_err(), "{at} bytes");
        }
        let mut newer = sealed;
        newer[0] = VERSION + 1;
        assert_eq!(vault.open(ID, &newer), Err(OpenError::Newer));
    }

    #[test]
    fn nothing_is_sealed_without_a_key_and_no_nonce_comes_twice() {
        let refused = vault(&[]).seal(ID, &Secret::new("s"), &FixedEntropy(1));
        assert!(refused.unwrap_err().to_string().contains("channel new-key"));
        let vault = vault(&[1]);
        assert_ne!(sealed(&vault), sealed(&vault));
    }
}
