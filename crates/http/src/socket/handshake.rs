//! Whether a request asks for a socket as RFC 6455 wants it, and what is answered to its key.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::problem::{Methods, Problem};

/// Bytes of a key.
const KEY_LEN: usize = 16;

/// The RFC's own example of a key, `AQIDBAUGBwgJCgsMDQ4PEC==`, ends in bits that stand for nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The value of `Sec-WebSocket-Accept`.
pub(super) fn accept(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<HeaderValue, Problem> {
    if method != Method::GET {
        return Err(Problem::method(Methods::Get));
    }
    if version != Version::HTTP_11 {
        return Err(upgrade_required("a socket is opened over HTTP/1.1"));
    }
    if !has_token(headers, CONNECTION, "upgrade") || !has_token(headers, UPGRADE, "websocket") {
        return Err(upgrade_required("this is a WebSocket (RFC 6455)"));
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
        != Some(b"13")
    {
        return Err(
            upgrade_required("`sec-websocket-version` must be 13").of("sec-websocket-version")
        );
    }
    let key = key_of(headers).ok_or_else(|| {
        Problem::bad_request("`sec-websocket-key` must be 16 bytes in base64, given once")
            .of("sec-websocket-key")
    })?;
    let accept = derive_accept_key(key.as_bytes());
    HeaderValue::try_from(accept).map_err(|_| Problem::bad_request("`sec-websocket-key` is wrong"))
}

fn key_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).into_iter();
    let key = keys.next().filter(|_| keys.next().is_none())?;
    let bytes = BASE64.decode(key).ok()?;
    (bytes.len() == KEY_LEN).then_some(key)
}

fn upgrade_required(detail: &'static str) -> Problem {
    Problem::new(
        StatusCode::UPGRADE_REQUIRED,
        "upgrade-required",
        "A socket is needed",
        detail,
    )
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The handshake that RFC 6455 shows.
    fn request() -> http::Request<()> {
        http::Request::get("/v1/online")
            .header(CONNECTION, "keep-alive, Upgrade")
            .header(UPGRADE, "WebSocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap()
    }

    fn check(change: impl FnOnce(&mut http::Request<()>), expected: Result<&str, u16>) {
        let mut request = request();
        change(&mut request);
        let accepted = accept(request.method(), request.version(), request.headers());
        let accepted = accepted.map_err(|problem| problem.status.as_u16());
        let accepted = accepted.as_ref().map(|value| value.to_str().unwrap());
        assert_eq!(accepted.map_err(|status| *status), expected);
    }

    #[test]
    fn the_published_handshake_is_accepted_and_others_are_told_why_not() {
        check(|_| {}, Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        check(|request| *request.method_mut() = Method::POST, Err(405));
        check(
            |request| *request.version_mut() = Version::HTTP_10,
            Err(426),
        );
        check(|request| *request.version_mut() = Version::HTTP_2, Err(426));
        for (name, value, status) in [
            (CONNECTION, "close", 426),
            (UPGRADE, "h2c", 426),
            (SEC_WEBSOCKET_VERSION, "8", 426),
            (SEC_WEBSOCKET_KEY, "short", 400),
        ] {
            let header = name.clone();
            check(
                move |request| drop(request.headers_mut().remove(header)),
                Err(status),
            );
            let value = HeaderValue::from_static(value);
            check(
                move |request| drop(request.headers_mut().insert(name, value)),
                Err(status),
            );
        }
    }

    #[test]
    fn a_key_is_16_bytes_in_base64_and_comes_once() {
        let with = |key: &'static str| {
            move |request: &mut http::Request<()>| {
                let key = HeaderValue::from_static(key);
                request.headers_mut().insert(SEC_WEBSOCKET_KEY, key);
            }
        };
        // The RFC's example of bytes 1 to 16.
        check(
            with("AQIDBAUGBwgJCgsMDQ4PEC=="),
            Ok("OfS0wDaT5NoxF2gqm7Zj2YtetzM="),
        );
        for key in [
            "",
            "!!!!!!!!!!!!!!!!!!!!!!!!",
            "eHh4eHh4eHh4eHh4eHh4eHg=",
            "eHh4eHh4eHh4eHh4eHh4eHh4",
            "eHh4eHh4eHh4eHh4eHh4",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=a",
            "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
            "-_hlIHNhbXBsZSBub25jZQ==",
        ] {
            check(with(key), Err(400));
        }
        check(
            |request| {
                let key = request.headers()[SEC_WEBSOCKET_KEY].clone();
                request.headers_mut().append(SEC_WEBSOCKET_KEY, key);
            },
            Err(400),
        );
    }
}
