//! vivo Push (also iQOO): signs in for a day, takes one target at once, or up to 1,000 after the message was saved.
//!
//! A list is two calls: the message is saved and gets a `taskId` (step 0), then it goes to the list (step 1). Receipts
//! say what arrived, not what was clicked.

mod auth;
mod credentials;
mod receipt;
mod request;
mod response;

pub use credentials::Credentials;
pub use receipt::{answer, receipts};

use http::HeaderMap;
use pushtally_model::Notification;

use crate::contract::{
    Access, Call, Class, Failure, Post, Read, ReceiptError, Receipts, Reply, SignIn, To, Vendor,
};

/// The most targets of a list.
const TARGETS_MAX: usize = 1_000;

/// An app's leave to send through vivo.
#[derive(Debug, Clone)]
pub struct Vivo {
    credentials: Credentials,
}

impl Vivo {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Vivo {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    /// Operation messages have a quota and hours of their own.
    fn class(&self, notification: &Notification) -> Class {
        let android = notification.android.as_deref();
        if request::is_system(android.map(|android| &android.vivo)) {
            Class::Common
        } else {
            Class::Marketing
        }
    }

    fn sign_in(&self, now_ms: i64) -> Result<SignIn, Failure> {
        auth::sign_in(&self.credentials, now_ms)
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        auth::signed_in(reply)
    }

    /// A message to several is saved first.
    fn calls_before(&self, targets: usize) -> u8 {
        u8::from(targets > 1)
    }

    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure> {
        request::call(&self.credentials, post, targets)
    }

    fn read(&self, post: &Post<'_>, targets: &[To<'_>], step: u8, reply: &Reply) -> Read {
        let is_saved = step == 0 && targets.len() > 1;
        if is_saved {
            response::read_saved(&self.credentials, post, targets, reply)
        } else {
            response::read_sent(post, targets, reply)
        }
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
