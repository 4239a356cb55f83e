//! The vendors behind the `Channel` port: one folder each, alike in shape.
//!
//! A vendor's folder is pure. Its [`Vendor`] says what to call and what a reply means, its `receipts` what a receipt
//! says; nothing in it waits, calls, reads a clock or remembers. Facts, names and limits are those of the vendors'
//! public contracts; where they are silent or contradict themselves, the code says so. The calls themselves, access that
//! expires, waiting and repeating are done once for all of them, by [`Account`].

mod access;
mod account;
pub mod apns;
mod call;
mod carrier;
mod client;
mod contract;
mod credentials;
mod custom;
mod digest;
mod factory;
pub mod fcm;
#[cfg(test)]
mod given;
pub mod harmony;
pub mod honor;
pub mod huawei;
mod json;
mod jwt;
pub mod meizu;
mod oauth;
pub mod oppo;
mod proxy;
mod text;
pub mod vivo;
mod watch;
pub mod xiaomi;

pub use access::SharedAccess;
pub use account::{Account, AccountSettings};
pub use carrier::{Accounts, Carrier, Marker};
pub use client::ClientSettings;
pub use contract::{
    Access, Arrival, Call, Class, Failure, Post, Read, Receipt, ReceiptError, Receipts, Reply,
    Said, SignIn, To, Vendor, Verdict,
};
pub use factory::{CredentialsError, Shown, shown, vendor};
pub use proxy::{Proxy, ProxyError};
pub use pushtally_dial::Targets;
pub use text::cut;
pub use watch::{Answer, Leave, Seen};

/// The headers of receipts that vendors sign with, in lower case: what a receipt needs beside its body to be read elsewhere.
pub const RECEIPT_HEADERS: [&str; 1] = [huawei::SIGNATURE_HEADER];
