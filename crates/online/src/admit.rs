//! Who may come in: a phone's device, proved by its secret or by its account's UserSig.
//!
//! An unknown phone, a wrong secret, another account and an app that does not exist are one and the same answer.

use pushtally_model::{App, AppId, Number, RegistrationId, Secret};
use pushtally_store::{Phone, SecretHash};
use pushtally_usersig as usersig;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{Online, OnlineError, Proof};

/// What an unknown phone's secret is compared with, so that it takes as long. The hash of nothing that anybody knows.
const NOBODY: SecretHash = SecretHash([0; 32]);

/// The hash of a device secret: SHA-256 of the 16 bytes that its 32 hexadecimal digits stand for. `None` for anything
/// that is no secret.
#[must_use]
pub fn secret_hash(secret: &Secret) -> Option<SecretHash> {
    let (pairs, []) = secret.expose().as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = [0; 16];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(SecretHash(Sha256::digest(bytes).into()))
}

impl Online {
    /// The device that a phone proves to be.
    pub async fn admit(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        proof: &Proof,
    ) -> Result<Number, OnlineError> {
        let settings = self.parts.directory.get(app);
        let phone = self.parts.devices.find_phone(app, registration_id).await?;
        let device = phone.as_ref().and_then(|phone| phone.device);
        let proved = match proof {
            Proof::Secret(secret) => has_secret(phone.as_ref(), secret),
            Proof::UserSig { account, usersig } => {
                let settings = settings.as_deref();
                let signed =
                    settings.is_some_and(|app| self.is_signed(app, account.as_str(), usersig));
                let bound = match device {
                    Some(number) => self.parts.devices.find_device(app, number).await?,
                    None => None,
                };
                signed && bound.is_some_and(|device| device.account.as_ref() == Some(account))
            }
        };
        match settings {
            Some(app) if proved && !app.enabled => Err(OnlineError::Disabled),
            Some(_) if proved => device.ok_or(OnlineError::Unregistered),
            _ => Err(OnlineError::Unauthorized),
        }
    }

    fn is_signed(&self, app: &App, identifier: &str, usersig: &Secret) -> bool {
        let keys: Vec<&str> = app.keys.iter().map(Secret::expose).collect();
        let request = usersig::Request {
            sdkappid: app.id.0,
            identifier,
            now_s: self.parts.clock.now().0.into(),
        };
        usersig::check(usersig.expose(), &keys, &request).is_ok()
    }
}

fn has_secret(phone: Option<&Phone>, secret: &Secret) -> bool {
    let expected = phone.map_or(NOBODY, |phone| phone.secret);
    let equal = secret_hash(secret).is_some_and(|hash| expected.0.ct_eq(&hash.0).into());
    equal && phone.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hashed_as_bytes_in_either_case() {
        let hash = |text: &str| secret_hash(&Secret::new(text));
        let known = hash("00112233445566778899aabbccddeeff").unwrap();
        // printf '00112233445566778899aabbccddeeff' | xxd -r -p | sha256sum
        let hex: String = known.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "a8faed6abbf35c12a4b26e40f6feb19d736d90045c83b9f9a31f638d323e6811"
        );
        assert_eq!(hash("00112233445566778899AABBCCDDEEFF"), Some(known));
        assert_ne!(hash("00112233445566778899aabbccddeefe"), Some(known));
        for wrong in [
            "",
            "0011",
            "00112233445566778899aabbccddeef",
            "00112233445566778899aabbccddeeff00",
            "0011223344556677889 aabbccddeeff0",
            "é0112233445566778899aabbccddeeff",
        ] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
