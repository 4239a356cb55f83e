//! What credentials of several vendors have in common: how secrets and addresses are read, and what is wrong with them.

use http::Uri;
use pushtally_model::Secret;
use serde::{Deserialize, Deserializer};

use crate::contract::{Failure, Said};

/// A secret from a text, without blanks around it: they come with copying from a console.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Secret::new(text.trim()))
}

/// The same of one that need not be there. An empty one is there, for [`check_filled`] to refuse: to take it for none
/// could switch off what it was meant to switch on.
pub(crate) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| Secret::new(text.trim())))
}

/// What our own configuration lacks.
pub(crate) fn misconfigured(text: impl Into<String>) -> Failure {
    Failure::Misconfigured(Said::new(0, text))
}

/// Whether all of these fields, by name, say something.
pub(crate) fn check_filled(fields: &[(&str, &str)]) -> Result<(), Failure> {
    let mut fields = fields.iter();
    match fields.find(|(_, value)| value.trim().is_empty()) {
        Some((name, _)) => Err(misconfigured(format!("`{name}` is empty"))),
        None => Ok(()),
    }
}

/// The same of secrets that need not be there.
pub(crate) fn check_optional(secrets: &[(&str, &Option<Secret>)]) -> Result<(), Failure> {
    secrets.iter().try_for_each(|(name, secret)| match secret {
        Some(secret) => check_filled(&[(name, secret.expose())]),
        None => Ok(()),
    })
}

/// Whether all of these fields, by name, are addresses that can be called, and base URLs such that paths can be put behind
/// them.
pub(crate) fn check_urls(fields: &[(&str, &str)]) -> Result<(), Failure> {
    let mut fields = fields.iter();
    match fields.find(|(_, url)| !is_base_url(url)) {
        Some((name, _)) => Err(misconfigured(format!(
            "`{name}` is not an http or https URL"
        ))),
        None => Ok(()),
    }
}

fn is_base_url(url: &str) -> bool {
    url.trim().parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none()
    })
}

/// The address of a path, which begins with a slash, behind a base URL.
pub(crate) fn address(base_url: &str, path: &str) -> String {
    format!("{}{path}", base_url.trim().trim_end_matches('/'))
}

/// The address of receipts, if the vendor takes one so long, in bytes. A longer one would have every message refused: a
/// matter of where the server says it is.
pub(crate) fn receipts_url(url: &str, len_max: usize) -> Result<&str, Failure> {
    let len = url.len();
    if len > len_max {
        let text = format!("the address of receipts has `{len}` of {len_max} bytes");
        return Err(misconfigured(text));
    }
    Ok(url)
}

/// What a refused sign-in is: there is no message and no token yet that it could be about.
pub(crate) fn of_sign_in(failure: Failure) -> Failure {
    match failure {
        Failure::Access(said) | Failure::Rejected(said) | Failure::Targets(said) => {
            Failure::Misconfigured(said)
        }
        other => other,
    }
}

/// Whether an id may stand in a path as it is.
pub(crate) fn is_path_part(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !id.is_empty() && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_says_scheme_and_host_and_no_query() {
        for (url, expected) in [
            ("https://api.example.com", true),
            ("http://127.0.0.1:9001/xiaomi/", true),
            (" https://api.example.com\n", true),
            ("api.example.com", false),
            ("ftp://api.example.com", false),
            ("https://", false),
            ("https://api.example.com/?a=1", false),
            ("", false),
        ] {
            assert_eq!(is_base_url(url), expected, "{url}");
        }
    }

    #[test]
    fn a_path_is_put_behind_a_base_url_with_one_slash() {
        for base_url in [
            "https://a.example/x",
            "https://a.example/x/",
            " https://a.example/x//\n",
        ] {
            assert_eq!(address(base_url, "/v1"), "https://a.example/x/v1");
        }
    }

    #[test]
    fn what_is_empty_is_named() {
        let check = |failure, text: &str| assert_eq!(failure, Err(misconfigured(text)));
        check(check_filled(&[("a", "1"), ("b", " ")]), "`b` is empty");
        let empty = Some(Secret::new(""));
        check(
            check_optional(&[("a", &None), ("b", &empty)]),
            "`b` is empty",
        );
        check(check_urls(&[("c", "x")]), "`c` is not an http or https URL");
        assert_eq!(check_filled(&[("a", "1")]), Ok(()));
    }
}
