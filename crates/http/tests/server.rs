//! Real listeners on port 0 over the in-memory engine: what clients of every kind are answered.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that cannot be built fails its test"
)]

#[path = "server/fixture.rs"]
mod fixture;

#[path = "server/admission.rs"]
mod admission;
#[path = "server/connections.rs"]
mod connections;
#[path = "server/events.rs"]
mod events;
#[path = "server/online.rs"]
mod online;
#[path = "server/operator.rs"]
mod operator;
#[path = "server/reports.rs"]
mod reports;
#[path = "server/statistics.rs"]
mod statistics;
