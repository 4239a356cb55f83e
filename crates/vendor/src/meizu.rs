//! Meizu (Flyme push): a form to `varnished/pushByPushId`, signed with MD5 each time, receipts as forms.
//!
//! Facts are those of the README of Meizu's own repository (MEIZUPUSH/PushAPI).

mod auth;
mod credentials;
mod receipt;
mod request;
mod response;

pub use credentials::Credentials;
pub use receipt::{answer, receipts};

use http::HeaderMap;

use crate::contract::{
    Access, Call, Failure, Post, Read, ReceiptError, Receipts, Reply, Said, SignIn, To, Vendor,
};

/// One app's leave to send through Meizu.
#[derive(Debug, Clone)]
pub struct Meizu {
    credentials: Credentials,
}

impl Meizu {
    /// Takes credentials. Wrong ones are told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Meizu {
    fn targets_max(&self) -> usize {
        request::TARGETS_MAX
    }

    fn sign_in(&self, _now_ms: i64) -> Result<SignIn, Failure> {
        self.credentials.check().map(|()| SignIn::Nothing)
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        let status = i64::from(reply.status);
        Err(Failure::Unknown(Said::new(status, "nothing was asked")))
    }

    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure> {
        request::call(&self.credentials, post, targets)
    }

    fn read(&self, _post: &Post<'_>, targets: &[To<'_>], _step: u8, reply: &Reply) -> Read {
        response::read(targets, reply)
    }

    fn receipts(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Receipts, ReceiptError> {
        let _ = (headers, now_ms);
        receipts(self.credentials.receipt_token.as_ref(), body)
    }

    fn receipt_answer(&self) -> (u16, &'static str) {
        answer()
    }
}
