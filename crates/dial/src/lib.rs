//! Opens connections to other people's machines: to addresses that may be dialled, and to no others.
//!
//! One connector for webhooks, relays and vendors. A name is resolved once, each of its addresses is checked, and those
//! that pass are the very ones that are dialled: a name cannot change between the two. It knows no HTTP; what a
//! caller trusts over TLS is said beside it.

mod connector;
mod network;
mod targets;
mod tls;

pub use connector::{Dial, DialError, dial};
pub use network::{Network, NetworkError};
pub use targets::Targets;
pub use tls::trusting;
