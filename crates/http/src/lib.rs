//! The listeners: connections, routing, admission, one file per endpoint.
//!
//! `public_router` answers backends (`/v4`, `/v1/events`) and devices (`/v1/devices`, `/v1/online`, `/v1/reports`),
//! `operator_router` answers operators (`/v1`, metrics), `serve` runs either on sockets. `operations` is what both the
//! operator's listener and the command line do. Parsing and writing of the compatible JSON is `wire`'s, counting is
//! `stats`'.

mod accounts;
mod admission;
mod audit;
mod batch;
mod body;
mod call;
mod client_address;
mod command;
mod cors;
mod device_call;
mod devices;
mod events;
mod health;
mod labels;
mod limits;
mod listen;
mod losses;
mod message_push;
mod messages;
mod metrics;
pub mod operations;
mod operator;
mod operators;
mod outgoing;
mod problem;
mod push;
mod quota;
mod reasons;
mod receipts;
mod refusal;
mod reply;
mod reports;
mod revoke;
mod router;
mod sending;
mod socket;
mod state;
mod statistics;
mod throttle;
mod tls;
mod traces;
mod turns;
mod unknown;

pub use audit::{Deed, Recorder};
pub use client_address::{ProxyError, TrustedProxies};
pub use command::Command;
pub use limits::Limits;
pub use listen::{Peer, serve};
pub use metrics::Metrics;
pub use operator::openapi::document as openapi_document;
pub use operators::{Operators, Role};
pub use outgoing::WebhookForm;
pub use quota::Quotas;
pub use router::{operator_router, public_router};
pub use state::{Readiness, State};
pub use throttle::Throttles;
pub use tls::{TlsError, load_tls, tls_config};
pub use turns::Turns;
