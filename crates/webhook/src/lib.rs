//! Relays: accepted webhook calls passed on, byte for byte, from a durable queue.
//!
//! `http` encodes each accepted [`Call`] and pushes it to the queue behind [`Doorbell`]; here one relay for each
//! app with a `relay_to` sends them on. Calls may overtake each other and may repeat after a crash; none is lost.

mod backoff;
mod call;
mod counters;
mod doorbell;
mod error;
mod relay;
mod relays;
mod sender;
mod settings;
mod target;
mod window;

pub use call::{Call, CallError};
pub use counters::{RelayCounters, RelayReport};
pub use doorbell::Doorbell;
pub use error::RelayError;
pub use relays::Relays;
pub use settings::Settings;
pub use target::{Target, TargetError};
