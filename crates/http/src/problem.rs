//! Refusals of the device endpoints: `application/problem+json` (RFC 9457), as `docs/DEVICE-PROTOCOL.md` lists them.
//!
//! Not the envelopes of the compatible API, which are `refusal`'s. What storage says of itself is for the log only.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use pushtally_store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;

/// Characters of a faulty value that a refusal repeats: enough to recognise it.
const VALUE_LEN_MAX: usize = 64;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal of a device's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// What clients branch on; the last part of `type`.
    pub(crate) code: &'static str,
    /// The same for every problem of this code.
    pub(crate) title: &'static str,
    /// What is wrong with this call. Helps the client and reveals nothing else.
    pub(crate) detail: Cow<'static, str>,
    /// The field at fault.
    pub(crate) field: Option<Cow<'static, str>>,
    /// What it held, shortened. Never a secret.
    pub(crate) value: Option<String>,
    /// When to try again, in seconds.
    pub(crate) retry_after_s: Option<u32>,
    /// What the path takes, when it was something else.
    pub(crate) allowed: Option<Methods>,
}

/// The methods that a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Methods {
    /// To read.
    Get,
    /// To act.
    Post,
    /// To change something, or to end it.
    PatchOrDelete,
}

impl Methods {
    /// As people read them, and as `Allow` wants them.
    const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Get => ("GET", "GET"),
            Self::Post => ("POST", "POST"),
            Self::PatchOrDelete => ("PATCH or DELETE", "PATCH, DELETE"),
        }
    }
}

/// A problem as it is written.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document<'a> {
    /// `urn:pushtally:problem:` and the code, which clients branch on.
    r#type: String,
    /// The same for every problem of this type.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this call.
    detail: &'a str,
    /// The field or parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// What it held, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// The `type` of a problem.
pub(crate) fn urn(code: &str) -> String {
    format!("urn:pushtally:problem:{code}")
}

impl Problem {
    /// A problem that names no field.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            title,
            detail: detail.into(),
            field: None,
            value: None,
            retry_after_s: None,
            allowed: None,
        }
    }

    /// 400: the call is malformed.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "The request is malformed",
            detail,
        )
    }

    /// 401: who asks is not who it says, or there is no such app. Never tells which.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "The caller is not known",
            "key, secret, account or usersig is wrong",
        )
    }

    /// 403: the app's push service is off.
    pub(crate) fn disabled() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "disabled",
            "Push is off",
            "push is not enabled for this app",
        )
    }

    /// 405: the path takes another method.
    pub(crate) fn method(allowed: Methods) -> Self {
        let (told, _) = allowed.told();
        let problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "The method is not allowed",
            format!("method must be {told}"),
        );
        Self {
            allowed: Some(allowed),
            ..problem
        }
    }

    /// 410: the phone is known, but has no device.
    pub(crate) fn unregistered() -> Self {
        Self::new(
            StatusCode::GONE,
            "unregistered",
            "The device is not registered",
            "the device was unregistered",
        )
    }

    /// 413: the body is too long.
    pub(crate) fn too_large(len_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too long",
            format!("body is longer than `{len_max}` bytes"),
        )
    }

    /// 429: too often.
    pub(crate) fn too_many(detail: impl Into<Cow<'static, str>>, retry_after_s: u32) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many",
            "Too many requests",
            detail,
        )
        .retry_after(retry_after_s)
    }

    /// 507: the app has as many devices as it may.
    pub(crate) fn full() -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "full",
            "The app has no room",
            "the app has as many devices as it may",
        )
    }

    /// 500: the server cannot do it.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server has failed",
            "the server has failed, its log tells why",
        )
    }

    /// 503: too much is waiting; nothing changed.
    pub(crate) fn overloaded(retry_after_s: u32) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "The server is busy",
            "too much is waiting, try again later",
        )
        .retry_after(retry_after_s)
    }

    /// Names the field at fault and what it held. Not for fields that hold secrets: see `of`.
    pub(crate) fn at(self, field: impl Into<Cow<'static, str>>, value: &str) -> Self {
        let value = value.chars().take(VALUE_LEN_MAX).collect();
        Self {
            value: Some(value),
            ..self.of(field)
        }
    }

    /// Names the field at fault only.
    pub(crate) fn of(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// Says when to try again.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after_s: Some(seconds),
            ..self
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: urn(self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
            value: self.value.as_deref(),
        };
        // Texts and a number: writing them cannot fail, and an empty body would still carry the status.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = self.allowed {
            headers.insert(ALLOW, HeaderValue::from_static(methods.told().1));
        }
        response
    }
}

/// Seconds after which an overload is worth another try: group commits take milliseconds.
const OVERLOADED_RETRY_S: u32 = 1;

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Busy { .. } => Self::overloaded(OVERLOADED_RETRY_S),
            StoreError::Full { .. } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk-full",
                "The disk is full",
                "the disk is full, try again later",
            ),
            StoreError::Failed { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Io { .. }
            | StoreError::Missing { .. } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Storage has failed",
                "storage has failed, the server's log tells why",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    async fn parts(problem: Problem) -> (u16, Option<String>, Value) {
        let response = problem.into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let retry = response.headers().get(RETRY_AFTER);
        let retry = retry.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_names_its_field_and_a_short_value() {
        let long = "é".repeat(500);
        let problem = Problem::bad_request("`account` is too long").at("account", &long);
        let (status, retry, document) = parts(problem).await;
        assert_eq!((status, retry), (400, None));
        assert_eq!(
            document,
            json!({
                "type": "urn:pushtally:problem:bad-request",
                "title": "The request is malformed",
                "status": 400,
                "detail": "`account` is too long",
                "field": "account",
                "value": "é".repeat(64),
            })
        );
    }

    #[tokio::test]
    async fn what_is_busy_says_when_and_what_failed_reveals_nothing() {
        let what = || "/var/lib/pushtally/ledger".to_owned();
        for (error, expected, retry) in [
            (StoreError::Busy { what: what() }, 503, Some("1".to_owned())),
            (StoreError::Full { what: what() }, 507, None),
            (StoreError::Io { what: what() }, 500, None),
        ] {
            let (status, after, document) = parts(Problem::from(&error)).await;
            assert_eq!((status, after), (expected, retry));
            assert!(!document.to_string().contains('/'), "{document}");
        }
    }
}
