//! HONOR Push. Its receipts, access and many codes are like Huawei's, its messages are not quite.

mod auth;
mod credentials;
mod receipt;
mod request;
mod response;

pub use credentials::Credentials;
pub use receipt::{answer, receipts};

use http::HeaderMap;

use pushtally_model::{Importance, Notification};

use crate::contract::{
    Access, Call, Class, Failure, Post, Read, ReceiptError, Receipts, Reply, SignIn, To, Vendor,
};

/// The most tokens of one call.
const TARGETS_MAX: usize = 1000;

/// An app's leave to send through HONOR.
#[derive(Debug, Clone)]
pub struct Honor {
    credentials: Credentials,
}

impl Honor {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Honor {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    /// Importance is what HONOR tells marketing by.
    fn class(&self, notification: &Notification) -> Class {
        let android = notification.android.as_deref();
        let importance = android.and_then(|android| android.honor.importance);
        if importance == Some(Importance::Low) {
            Class::Marketing
        } else {
            Class::Common
        }
    }

    fn sign_in(&self, _: i64) -> Result<SignIn, Failure> {
        auth::sign_in(&self.credentials)
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        auth::signed_in(reply)
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
