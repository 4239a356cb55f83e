//! Real listeners on port 0 over the in-memory engine: what clients of every kind are answered.

#![allow(
    clippy::unwrap_used,
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
#[path = "server/operator.rs"]
mod operator;
#[path = "server/relays.rs"]
mod relays;
#[path = "server/statistics.rs"]
mod statistics;
