//! Huawei Push Kit for HarmonyOS NEXT (v3), alerts only. Access by a service account's JWT alone; answers and receipts are
//! those of [`crate::huawei`].

mod credentials;
mod request;

pub use crate::huawei::{Callback, SIGNATURE_HEADER, answer, receipts};
pub use credentials::Credentials;

use http::HeaderMap;

use crate::call::not_asked;
use crate::contract::{
    Access, Call, Failure, Post, Read, ReceiptError, Receipts, Reply, SignIn, To, Vendor,
};
use crate::huawei::{Api, TARGETS_MAX, read};

/// An app's leave to send to HarmonyOS NEXT.
#[derive(Debug, Clone)]
pub struct Harmony {
    credentials: Credentials,
}

impl Harmony {
    /// With these credentials. What is wrong with them is told by [`Vendor::sign_in`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Vendor for Harmony {
    fn targets_max(&self) -> usize {
        TARGETS_MAX
    }

    fn sign_in(&self, now_ms: i64) -> Result<SignIn, Failure> {
        self.credentials.check()?;
        self.credentials.signer().sign(now_ms).map(SignIn::Ours)
    }

    fn signed_in(&self, reply: &Reply) -> Result<Access, Failure> {
        Err(not_asked(reply))
    }

    fn call(&self, post: &Post<'_>, targets: &[To<'_>]) -> Result<Call, Failure> {
        request::call(&self.credentials, post, targets)
    }

    fn read(&self, _: &Post<'_>, targets: &[To<'_>], _: u8, reply: &Reply) -> Read {
        read(Api::Harmony, targets, reply)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::given::{RSA_PRIVATE, addressed, everything, posted, reply};

    #[test]
    fn it_signs_itself_and_keeps_tokens_without_right() {
        let json = json!({
            "project_id": "p1", "key_id": "k1", "sub_account": "a1", "private_key": RSA_PRIVATE,
        });
        let harmony = Harmony::new(serde_json::from_value(json).unwrap());
        assert!(matches!(harmony.sign_in(0), Ok(SignIn::Ours(_))));
        let asked = harmony.signed_in(&reply(200, r#"{"access_token":"x"}"#));
        assert!(matches!(asked, Err(Failure::Unknown(_))));
        let all = r#"{"code":"80300007","msg":"All the tokens are invalid","requestId":"1"}"#;
        let read = posted(&everything(), |post| {
            addressed(&["A"], |to| harmony.read(post, to, 0, &reply(400, all)))
        });
        let Read::Each { verdicts, .. } = read else {
            panic!("{read:?}");
        };
        assert!(matches!(verdicts[..], [crate::Verdict::Rejected(_)]));
    }
}
