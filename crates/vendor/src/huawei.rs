//! Huawei Push Kit for Android: v1 by client id, v2 by project id, the same body. HarmonyOS NEXT is [`crate::harmony`], which
//! shares access, answers and receipts with it.

mod auth;
mod credentials;
mod receipt;
mod request;
mod response;

pub use credentials::Credentials;
pub use receipt::{Callback, SIGNATURE_HEADER, answer, receipts};

pub(crate) use auth::Signer;
pub(crate) use credentials::{public_base_url, public_token_url};
pub(crate) use receipt::statuses;
pub(crate) use request::{PAYLOAD_LEN_MAX, TTL_S_MAX, messages_url};
pub(crate) use response::{Api, by_code, read};

use http::HeaderMap;

use pushtally_model::{Importance, Notification};

use crate::contract::{
    Access, Call, Class, Failure, Post, Read, ReceiptError, Receipts, Reply, SignIn, To, Vendor,
};

/// The most tokens of one call.
pub(crate) const TARGETS_MAX: usize = 1000;

/// An app's leave to send through Huawei.
#[derive(Debug, Clone)]
pub struct Huawei {
    credentials: Credentials,
}

impl Huawei {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Huawei {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    /// Marketing has a limit of its own.
    fn class(&self, notification: &Notification) -> Class {
        let android = notification.android.as_deref();
        let huawei = android.map(|android| &android.huawei);
        let is_marketing = huawei.is_some_and(|huawei| {
            huawei.importance == Some(Importance::Low) || huawei.category == "MARKETING"
        });
        if is_marketing {
            Class::Marketing
        } else {
            Class::Common
        }
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
        response::read(Api::Android, targets, reply)
    }

    fn receipts(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Receipts, ReceiptError> {
        let signature = headers.get(SIGNATURE_HEADER);
        let signature = signature.and_then(|value| value.to_str().ok());
        receipts(
            signature,
            body,
            self.credentials.callback().as_ref(),
            now_ms,
        )
    }

    fn unproven_receipts(&self) -> Option<&'static str> {
        self.credentials
            .callback_key
            .is_none()
            .then_some("callback_key")
    }

    fn receipt_answer(&self) -> (u16, &'static str) {
        answer()
    }
}
