//! What credentials of all vendors have in common: how secrets and addresses are read.

use pushtally_model::Secret;
use serde::{Deserialize, Deserializer};

/// A secret from a text, without blanks around it: they come with copying from a console.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Secret::new(text.trim()))
}

/// A base URL without the slash that paths begin with.
pub(crate) fn base(url: &str) -> &str {
    url.trim().trim_end_matches('/')
}
