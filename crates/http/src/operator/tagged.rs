//! Answers with an `ETag`: who has it already is told 304 without a body (RFC 9110, 13.1.2).

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;
use crate::reply::json;

/// A JSON answer with the tag of its body, or 304 when the caller has that, or the problem.
pub(super) fn tagged<T: Serialize>(headers: &HeaderMap, reply: Result<T, Problem>) -> Response {
    let body: Bytes = match reply {
        // Structures of numbers and texts: writing them cannot fail.
        Ok(reply) => serde_json::to_vec(&reply).unwrap_or_default().into(),
        Err(problem) => return problem.into_response(),
    };
    let tag = tag(&body);
    let mut response = if is_known(headers, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        json(StatusCode::OK, body)
    };
    // Hexadecimal digits in quotes are always a header's value.
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Changes when the body does: the first half of its SHA-256.
fn tag(body: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in Sha256::digest(body).iter().take(16) {
        // Writing to a text cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether the caller says that it has this: a weak comparison.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter();
    let mut known = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    known.any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
    })
}
