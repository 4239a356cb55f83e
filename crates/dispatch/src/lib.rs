//! Tasks and fan-out: accept, claim, plan, send, record, revoke.
//!
//! It knows neither the wire nor a vendor: `http` hands it pushes, it hands channels messages, and what became of
//! them it reports to the ledger before anything else is changed.

mod accept;
mod brakes;
mod dispatch;
mod ends;
mod error;
mod estimate;
mod fanout;
mod gate;
mod health;
mod live;
mod pending;
mod plan;
mod planning;
mod quota_day;
mod record;
mod returning;
mod revoke;
mod sending;
mod settings;
mod shares;
mod standing;
mod start;
mod task_id;
mod worker;

pub use accept::Push;
pub use brakes::Braked;
pub use dispatch::Dispatch;
pub use error::AcceptError;
pub use estimate::{Estimate, Reached};
pub use fanout::Parts;
pub use health::Health;
pub use settings::Settings;
pub use worker::Turn;
