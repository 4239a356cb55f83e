//! The sending commands `push`, `batch` and `revoke`: their bodies, what they show, their replies.
//!
//! A body becomes a `PushRequest`; who the caller is, which accounts and attributes exist and what a quota allows is for
//! `http` and `dispatch`. Templates are not served and are refused rather than ignored.

mod condition;
mod message;
mod notification;
mod reply;
mod request;
mod revoke;

pub use condition::Selection;
pub use reply::{MessagePushReply, PushReply, failure, nobody};
pub use request::{BatchRequest, MessagePushRequest, PushRequest};
pub use revoke::RevokeRequest;
