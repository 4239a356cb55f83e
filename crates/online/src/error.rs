//! Why a frame, a call or a phone is refused.

use std::borrow::Cow;

use pushtally_store::StoreError;
use thiserror::Error;

/// Why a frame, a call or a phone is refused.
#[derive(Debug, Clone, Error)]
pub enum OnlineError {
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotJson,
    /// A field is missing, comes twice or holds what it may not.
    #[error("`{field}` {rule}")]
    Field {
        /// Which, with its place: `reports[3].age`.
        field: Cow<'static, str>,
        /// What it held, shortened; `None` when it is missing, a secret or there twice.
        value: Option<String>,
        /// What it must be.
        rule: &'static str,
    },
    /// The client speaks a version that is not served.
    #[error("version is not served, but 1 is")]
    Version,
    /// Phone, secret, account or UserSig is wrong, or the app does not exist: never told which.
    #[error("phone, secret, account or usersig is wrong")]
    Unauthorized,
    /// The app's push service is off.
    #[error("push is not enabled for this app")]
    Disabled,
    /// The phone is known and has no device.
    #[error("the device is not registered")]
    Unregistered,
    /// Storage could not answer.
    #[error("storage could not answer")]
    Store(#[from] StoreError),
}
