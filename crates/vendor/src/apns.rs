//! Apple's APNs: HTTP/2, one device a request, calls signed by ourselves.
//!
//! It has no receipts: what arrives and what is clicked is known from the app's reports alone, for which the custom data
//! carries the task's id. A push goes out as what the token is for: an alert (or, silent, a background push), a call or
//! a Live Activity.

mod auth;
mod credentials;
mod request;
mod response;

pub use credentials::{Credentials, Environments};

use std::time::Duration;

use crate::call::not_asked;
use crate::contract::{Access, Call, Failure, Post, Read, Reply, SignIn, To, Vendor};

/// An app's leave to send through APNs.
#[derive(Debug, Clone)]
pub struct Apns {
    credentials: Credentials,
}

impl Apns {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Apns {
    fn targets_max(&self) -> usize {
        1
    }

    fn sign_in(&self, now_ms: i64) -> Result<SignIn, Failure> {
        auth::sign_in(&self.credentials, now_ms)
    }

    fn access_for_min(&self) -> Duration {
        auth::SIGNED_FOR_MIN
    }

    fn access_in_common(&self) -> Option<[u8; 32]> {
        Some(auth::name(&self.credentials))
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        Err(not_asked(reply))
    }

    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure> {
        request::call(&self.credentials, post, targets)
    }

    fn read(&self, _: &Post<'_>, targets: &[To<'_>], _: u8, reply: &Reply) -> Read {
        response::read(&self.credentials, targets, reply)
    }
}
