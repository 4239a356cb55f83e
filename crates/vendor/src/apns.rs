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

use jsonwebtoken::EncodingKey;

use crate::{Access, Call, Failure, Post, Read, Reply, Said, SignIn, To, Vendor};

/// An app's leave to send through APNs.
#[derive(Debug)]
pub struct Apns {
    credentials: Credentials,
    key: Result<EncodingKey, Said>,
}

impl Apns {
    /// Takes the credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        let key = auth::key(&credentials);
        Self { credentials, key }
    }
}

impl Vendor for Apns {
    fn targets_max(&self) -> usize {
        1
    }

    fn sign_in(&self, now_ms: i64) -> Result<SignIn, Failure> {
        let key = self.key.as_ref();
        let key = key.map_err(|said| Failure::Misconfigured(said.clone()))?;
        auth::sign(&self.credentials, key, now_ms).map(SignIn::Ours)
    }

    fn access_for_min(&self) -> Duration {
        auth::SIGNED_FOR_MIN
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        let said = Said::new(i64::from(reply.status), "nobody was asked for access");
        Err(Failure::Unknown(said))
    }

    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure> {
        request::call(&self.credentials, post, targets)
    }

    fn read(&self, _: &Post<'_>, targets: &[To<'_>], _: u8, reply: &Reply) -> Read {
        response::read(&self.credentials, targets, reply)
    }
}
