//! The commands on accounts, of the service `im_open_login_svc`: their bodies and their replies.
//!
//! Names and pictures that they carry for chats are checked for their type and kept for nobody.

mod reply;
mod request;

pub use reply::{Looked, checked, deleted, done, imported};
pub use request::{CheckRequest, DeleteRequest, ImportAllRequest, ImportRequest};

#[cfg(test)]
mod tests;
