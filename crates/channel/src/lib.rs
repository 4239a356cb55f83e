//! The port of what carries notifications: what is sent, to whom, and what became of it.
//!
//! `online` and every vendor implement `Channel`; `dispatch` calls it. Nothing here does I/O.

mod brake;
mod outcome;
mod port;
mod valve;

pub use brake::{Brake, BrakeLimits, Told, Turned};
pub use outcome::{Carried, Outcome};
pub use port::{Attention, Channel, Line, Message, Missed, Presence, Redeliver, Revoked, Target};
pub use valve::{Held, Leave, Valve, ValveLimits};
