//! What credentials of several vendors have in common.

use http::Uri;
use pushtally_model::Secret;
use serde::{Deserialize, Deserializer};

/// Reads a secret of the configuration.
pub(crate) fn secret<'de, D: Deserializer<'de>>(source: D) -> Result<Secret, D::Error> {
    String::deserialize(source).map(Secret::new)
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
