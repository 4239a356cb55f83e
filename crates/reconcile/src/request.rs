//! The one call that is made: its URL, signed, and its body.

use std::fmt;

use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pushtally_model::{Second, Secret, Window};
use pushtally_usersig::{Claims, make};
use serde_json::json;

use crate::HostError;

/// Where apps of China are called; those of other regions have hosts of their own.
pub const DEFAULT_HOST: &str = "console.tim.qq.com";

const COMMAND: &str = "/v4/timpush/all_member_push_statistics";

/// How long the UserSig of a run lasts: far beyond any run, far below what a lost one could do harm with.
const USERSIG_S: i64 = 3600;

/// Where the app is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// Reads a host name, with a port or not, or an `https://` URL of one; `http://` for this machine only.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let wrong = || HostError::NotAHost(text.to_owned());
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let url = url.strip_suffix('/').unwrap_or(&url);
        let parsed: Uri = url.parse().map_err(|_| wrong())?;
        let authority = parsed.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@')
            || authority.host().is_empty()
            || parsed.path() != "/"
            || parsed.query().is_some()
        {
            return Err(wrong());
        }
        match parsed.scheme_str() {
            Some("https") => {}
            Some("http") if matches!(authority.host(), "127.0.0.1" | "localhost" | "[::1]") => {}
            Some("http") => return Err(HostError::Clear(text.to_owned())),
            _ => return Err(wrong()),
        }
        Ok(Self(url.to_owned()))
    }

    /// The name, as messages say it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once("://").map_or(&*self.0, |(_, name)| name)
    }
}

/// A UserSig of an administrator, and the URL that it makes.
#[derive(Clone)]
pub struct Signed {
    pub(crate) host: Host,
    url: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        f.debug_struct("Signed")
            .field("host", host)
            .finish_non_exhaustive()
    }
}

impl Signed {
    /// Signs in: makes the UserSig of this administrator with the app's key. Nothing is called.
    #[must_use]
    pub fn new(host: Host, sdkappid: u32, identifier: &str, key: &Secret, now: Second) -> Self {
        let claims = Claims {
            identifier: identifier.to_owned(),
            sdkappid,
            time: now.0.into(),
            expire: USERSIG_S,
            userbuf: None,
        };
        let usersig = make(key.expose(), &claims);
        let base = &host.0;
        let identifier = utf8_percent_encode(identifier, NON_ALPHANUMERIC);
        let url = format!(
            "{base}{COMMAND}?sdkappid={sdkappid}&identifier={identifier}&usersig={usersig}&contenttype=json&random="
        );
        Self { host, url }
    }

    /// The URL of the `nth` call.
    pub(crate) fn url(&self, nth: u32) -> String {
        format!("{}{nth}", self.url)
    }
}

/// The body that asks for these tasks in this window; for none, of all together.
pub(crate) fn body(window: Window, tasks: &[&str]) -> Vec<u8> {
    let body = json!({
        "StartTime": window.start().0, "EndTime": window.end().0, "TaskID": tasks,
    });
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_a_url_and_clear_text_stays_on_this_machine() {
        for (text, expected) in [
            (
                "adminapisgp.im.qcloud.com",
                "https://adminapisgp.im.qcloud.com",
            ),
            ("https://console.tim.qq.com/", "https://console.tim.qq.com"),
            ("localhost:8443", "https://localhost:8443"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(Host::parse(text), Ok(Host(expected.to_owned())), "{text}");
        }
        for text in [
            "",
            "https://",
            "a b",
            "ftp://host",
            "https://host/path",
            "https://user@host",
            "host?x=1",
            "https://:80",
        ] {
            let refused = Host::parse(text);
            assert_eq!(refused, Err(HostError::NotAHost(text.to_owned())), "{text}");
        }
        let clear = "http://console.tim.qq.com".to_owned();
        assert_eq!(Host::parse(&clear), Err(HostError::Clear(clear.clone())));
    }

    #[test]
    fn neither_key_nor_usersig_is_printed() {
        let host = Host::parse(DEFAULT_HOST).unwrap();
        let signed = Signed::new(host, 7, "administrator", &Secret::new("k3y"), Second(9));
        let printed = format!("{signed:?}");
        assert!(
            !printed.contains("k3y") && !printed.contains("usersig"),
            "{printed}"
        );
        let url = signed.url(3);
        assert!(
            url.starts_with("https://console.tim.qq.com/v4/timpush/all_member_push_statistics?sdkappid=7&identifier=administrator&usersig=")
                && url.ends_with("&contenttype=json&random=3"),
            "{url}"
        );
        let host = Host::parse(DEFAULT_HOST).unwrap();
        let odd = Signed::new(host, 7, "a b&c", &Secret::new("k"), Second(9));
        assert!(odd.url(1).contains("&identifier=a%20b%26c&usersig="));
    }
}
