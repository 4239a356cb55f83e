//! A phone as a scriptable simulator: it registers, connects, acknowledges, clicks, misbehaves, and counts what it saw.
//! Beside it the vendors ([`vendor`]), and the service whose callbacks are imported ([`chat`]).
//!
//! It speaks the device protocol as docs/DEVICE-PROTOCOL.md says and shares no code with the server. Many thousands of
//! phones fit into one process: what they have in common is in a [`Place`] and a [`Seen`], and a phone that idles holds
//! a socket, a small buffer and a timer. Used by the load generator, the demo and tests.

mod agenda;
mod behaviour;
mod calls;
pub mod chat;
mod dice;
mod error;
mod frame;
mod identity;
mod phone;
mod place;
mod registration;
mod seen;
mod socket;
mod tls;
pub mod vendor;

pub use behaviour::{Behaviour, Habits};
pub use calls::{Answer, Calls};
pub use error::Error;
pub use identity::{Binding, Identity, Proof, VendorToken};
pub use phone::{Phone, Wish};
pub use place::{Place, Settings};
pub use registration::Registered;
pub use seen::{Count, PushSeen, Seen};
pub use socket::{Heard, Socket};
