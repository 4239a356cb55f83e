//! The listeners: connections, routing, admission, one file per endpoint.
//!
//! `public_router` answers backends (`/v4`, `/v1/events`), `operator_router` answers operators (`/v1`, metrics), `serve`
//! runs either on sockets. `operations` is what both the operator's listener and the command line do. Parsing and
//! writing of the compatible JSON is `wire`'s, counting is `stats`'.

mod admission;
mod audit;
mod batch;
mod body;
mod command;
#[allow(dead_code, reason = "the device endpoints come next")]
mod cors;
mod events;
mod health;
mod limits;
mod listen;
mod metrics;
#[allow(dead_code, reason = "the device endpoints come next")]
mod problem;
pub mod operations;
mod operator;
mod push;
mod quota;
mod sending;
mod refusal;
mod reply;
mod router;
mod state;
mod statistics;
mod tls;
mod unknown;

pub use audit::{Deed, Recorder};
pub use command::Command;
pub use limits::Limits;
pub use listen::{Peer, serve};
pub use metrics::Metrics;
pub use quota::Quotas;
pub use router::{operator_router, public_router};
pub use state::{Readiness, State};
pub use tls::{TlsError, load_tls, tls_config};
