//! Google's FCM by HTTP v1: one device a request, access in exchange for a JWT of a service account.
//!
//! It has no receipts by token: what arrives and what is clicked is known from the app's reports alone, for which the data
//! carry the task's id.

mod auth;
mod credentials;
mod request;
mod response;

pub use credentials::Credentials;

use crate::contract::{Access, Call, Failure, Post, Read, Reply, SignIn, To, Vendor};

/// An app's leave to send through FCM.
#[derive(Debug, Clone)]
pub struct Fcm {
    credentials: Credentials,
}

impl Fcm {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Fcm {
    fn targets_max(&self) -> usize {
        1
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

    fn read(&self, _: &Post<'_>, targets: &[To<'_>], _: u8, reply: &Reply) -> Read {
        response::read(targets, reply)
    }
}
