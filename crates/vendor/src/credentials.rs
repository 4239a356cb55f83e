//! What the credentials of several vendors have in common.

use pushtally_model::Secret;
use serde::{Deserialize, Deserializer};

/// Reads a secret from a string.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}
