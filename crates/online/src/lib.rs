//! The socket gateway: the session's state machine, who is connected, and what devices report.
//!
//! It knows frames, not HTTP: `http` upgrades a request and hands the socket over. Itself a channel. The protocol is
//! `docs/DEVICE-PROTOCOL.md`.

mod admit;
mod channel;
mod collector;
mod drive;
mod error;
mod frame;
mod gather;
mod health;
mod limits;
mod link;
mod online;
mod parse;
mod presence;
mod recent;
mod reply;
mod report;
mod roll;
mod session;

pub use admit::secret_hash;
pub use error::OnlineError;
pub use frame::{CloseCode, Frame, SocketFault};
pub use health::Health;
pub use limits::FRAME_LEN_MAX;
pub use online::{Online, Parts, Settings};
pub use parse::{
    ClientFrame, ClientReport, Hello, Proof, ReportsBody, parse, parse_reports, repeated_field,
};
pub use roll::Seat;
