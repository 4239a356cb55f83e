//! OPPO Push (also realme and OnePlus): signs in for a day, takes 1,000 messages in a call, each with its own id.
//!
//! `unicast_batch` rather than `broadcast`, because it names a message for each token, and a refusal at each. Receipts
//! say what arrived, not what was clicked.

mod auth;
mod credentials;
mod receipt;
mod request;
mod response;

pub use credentials::Credentials;
pub use receipt::{answer, receipts};

use http::HeaderMap;

use crate::contract::{
    Access, Call, Failure, Post, Read, ReceiptError, Receipts, Reply, SignIn, To, Vendor,
};

/// The most messages of a `unicast_batch`.
const TARGETS_MAX: usize = 1_000;

/// An app's leave to send through OPPO.
#[derive(Debug, Clone)]
pub struct Oppo {
    credentials: Credentials,
}

impl Oppo {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Oppo {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    fn sign_in(&self, now_ms: i64) -> Result<SignIn, Failure> {
        auth::sign_in(&self.credentials, now_ms)
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        auth::signed_in(reply)
    }

    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure> {
        request::call(&self.credentials, post, targets)
    }

    fn read(&self, post: &Post<'_>, targets: &[To<'_>], _: u8, reply: &Reply) -> Read {
        response::read(post, targets, reply)
    }

    fn receipts(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Receipts, ReceiptError> {
        let _ = (headers, now_ms);
        receipts(body)
    }

    fn receipt_answer(&self) -> (u16, &'static str) {
        answer()
    }
}

#[cfg(test)]
mod tests;
