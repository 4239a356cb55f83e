//! Access to Meizu: each form is signed by itself.

use md5::{Digest, Md5};
use pushtally_model::Secret;

use crate::digest::hex;

/// Lower-case hexadecimal MD5 of `key=value` of all fields, by key, not encoded and with nothing between them, and of the
/// secret.
pub(super) fn sign(fields: &[(&str, &str)], app_secret: &Secret) -> String {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    let mut hasher = Md5::new();
    for (name, value) in fields {
        hasher.update(name);
        hasher.update("=");
        hasher.update(value);
    }
    hasher.update(app_secret.expose());
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_signed_by_key_and_not_encoded() {
        let fields = [
            ("pushIds", "P1,P2"),
            ("appId", "1001"),
            ("messageJson", r#"{"a":1}"#),
        ];
        let sign = sign(&fields, &Secret::new("s3cr3t"));
        assert_eq!(sign, "7a00f05de254153b932aa8139cdb5142");
    }
}
