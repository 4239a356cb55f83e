//! What credentials of several vendors have in common: how secrets and addresses are read.

use http::Uri;
use pushtally_model::Secret;
use serde::{Deserialize, Deserializer};

/// A secret from a text, without blanks around it: they come with copying from a console.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Secret::new(text.trim()))
}

/// A secret that need not be there; an empty one is not.
pub(crate) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    let value = Option::<String>::deserialize(deserializer)?;
    Ok(value.filter(|value| !value.is_empty()).map(Secret::new))
}

/// A base URL without the slash that paths begin with.
pub(crate) fn base(url: &str) -> &str {
    url.trim().trim_end_matches('/')
}

/// Whether paths can be put behind this URL.
pub(crate) fn is_base_url(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_says_scheme_and_host_and_no_query() {
        for (url, expected) in [
            ("https://api.example.com", true),
            ("http://127.0.0.1:9001/xiaomi/", true),
            ("api.example.com", false),
            ("ftp://api.example.com", false),
            ("https://", false),
            ("https://api.example.com/?a=1", false),
            ("", false),
        ] {
            assert_eq!(is_base_url(url), expected, "{url}");
        }
    }
}
