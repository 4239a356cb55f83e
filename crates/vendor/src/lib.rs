//! The vendors behind the `Channel` port: one folder each, alike in shape.
//!
//! A vendor's folder is pure. Its [`Vendor`] says what to call and what a reply means, its `receipts` what a receipt
//! says; nothing in it waits, calls, reads a clock or remembers. Facts, names and limits are those of the vendors'
//! public contracts; where they are silent or contradict themselves, the code says so.

pub mod apns;
mod contract;
mod credentials;
#[allow(dead_code, reason = "until every folder is there")]
mod digest;
pub mod fcm;
mod text;

pub use contract::{
    Access, Arrival, Call, Failure, Post, Read, Receipt, ReceiptError, Receipts, Reply, Said,
    SignIn, To, Vendor, Verdict,
};
pub use text::cut;
