//! Calls as vendors take them: a form or JSON, and the headers that go with it.

use pushtally_model::Secret;

use crate::contract::{Call, Failure, Reply, Said};

impl Call {
    /// A form, encoded.
    pub(crate) fn form(url: impl Into<String>, body: String) -> Self {
        Self::of(url, body.into_bytes()).with("content-type", "application/x-www-form-urlencoded")
    }

    /// JSON.
    pub(crate) fn json(url: impl Into<String>, body: String) -> Self {
        Self::of(url, body.into_bytes()).with("content-type", "application/json")
    }

    /// Without a header yet.
    pub(crate) fn of(url: impl Into<String>, body: Vec<u8>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            body,
        }
    }

    /// With another header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }

    /// With an access as OAuth has it.
    pub(crate) fn bearer(self, access: &str) -> Self {
        self.with("authorization", format!("Bearer {access}"))
    }
}

/// Whether an access can stand in a header. Another would fail with each call and never be asked for anew.
pub(crate) fn is_access(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What the reply to a sign-in is for a vendor that is not asked.
pub(crate) fn not_asked(reply: &Reply) -> Failure {
    Failure::Unknown(Said::new(reply.status.into(), "nothing was asked"))
}
