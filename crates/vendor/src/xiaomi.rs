//! Xiaomi (Mi Push): a form to `/v2/message/regid` with a static secret, receipts as forms.
//!
//! Facts are those of dev.mi.com: the API (page 1559), its codes (1560), limits (1656) and receipts (1558).

mod credentials;
mod receipt;
mod request;
mod response;

pub use credentials::Credentials;
pub use receipt::{answer, receipts};

use http::HeaderMap;

use crate::call::not_asked;
use pushtally_model::Notification;

use crate::contract::{
    Access, Call, Class, Failure, Post, Read, ReceiptError, Receipts, Reply, SignIn, To, Vendor,
};

/// The most targets of one call.
const TARGETS_MAX: usize = 1000;

/// One app's leave to send through Xiaomi.
#[derive(Debug, Clone)]
pub struct Xiaomi {
    credentials: Credentials,
}

impl Xiaomi {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Xiaomi {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    /// What names no channel is of the public quota.
    fn class(&self, notification: &Notification) -> Class {
        if request::channel(&self.credentials, notification).is_empty() {
            Class::Marketing
        } else {
            Class::Common
        }
    }

    fn sign_in(&self, _: i64) -> Result<SignIn, Failure> {
        self.credentials.check().map(|()| SignIn::Nothing)
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        Err(not_asked(reply))
    }

    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure> {
        request::call(&self.credentials, post, targets)
    }

    fn read(&self, _: &Post<'_>, targets: &[To<'_>], _: u8, reply: &Reply) -> Read {
        response::read(targets, reply)
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
