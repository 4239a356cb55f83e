//! Calls out: accepted webhook calls relayed, byte for byte, from a durable queue; and our own events as webhooks.
//!
//! `http` encodes each accepted [`Call`], and each receipt of a vendor that is not of our messages, and pushes it to the
//! queue behind [`Doorbell`]; [`Relays`] sends them on, one for each app with a `relay_to` and each vendor of an app whose
//! receipts go on. [`Hooks`] reads events from the ledger's log and sends those of each app with a webhook, in
//! the form that `http` gives them. Calls may overtake each other and may repeat; none is lost.

mod backoff;
mod book;
mod call;
mod counters;
mod doorbell;
mod error;
mod form;
mod found;
mod hooks;
mod naming;
mod pace;
mod place;
mod reading;
#[cfg(test)]
mod receiver;
mod relay;
mod relays;
mod sender;
mod settings;
mod tail;
mod target;
mod window;

pub use book::Book;
pub use call::{Call, CallError};
pub use counters::{RelayCounters, RelayReport};
pub use doorbell::Doorbell;
pub use error::{HookError, RelayError};
pub use form::{Form, Notice, Told};
pub use hooks::{HookCounters, HookParts, HookReport, Hooks};
pub use naming::Names;
pub use pushtally_dial::Targets;
pub use relays::{ReceiptTargets, Relays};
pub use settings::{HookSettings, Settings};
pub use target::{Target, TargetError};
