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

use crate::call::not_asked;
use pushtally_model::Notification;

use crate::contract::{
    Access, Call, Class, Failure, Post, Read, ReceiptError, Receipts, Reply, SignIn, To, Vendor,
};

/// The most targets of one call: other texts speak of 1000, Meizu's own of 100.
const TARGETS_MAX: usize = 100;

/// One app's leave to send through Meizu.
#[derive(Debug, Clone)]
pub struct Meizu {
    credentials: Credentials,
}

impl Meizu {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Meizu {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    /// Public messages have a limit of their own.
    fn class(&self, notification: &Notification) -> Class {
        let android = notification.android.as_deref();
        if android.and_then(|android| android.meizu_private) == Some(true) {
            Class::Common
        } else {
            Class::Marketing
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
        receipts(self.credentials.receipt_token.as_ref(), body)
    }

    fn unproven_receipts(&self) -> Option<&'static str> {
        self.credentials
            .receipt_token
            .is_none()
            .then_some("receipt_token")
    }

    fn receipt_answer(&self) -> (u16, &'static str) {
        answer()
    }
}
