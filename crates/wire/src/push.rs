//! The sending commands `push`, `batch` and `revoke`: their bodies, what they show, their replies.
//!
//! A body becomes a `PushRequest`; who the caller is, which accounts exist and what a quota allows is for `http` and
//! `dispatch`. Conditions and templates are not served yet and are refused rather than ignored: a push that reached
//! more phones than was meant cannot be taken back.

mod notification;
mod reply;
mod request;
mod revoke;

pub use reply::{PushReply, failure, nobody};
pub use request::{BatchRequest, PushRequest};
pub use revoke::RevokeRequest;
