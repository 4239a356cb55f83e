//! The real binary: what it prints, how it ends, and a server on free ports.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "shared/server.rs"]
#[allow(dead_code, reason = "each of the tests that share it uses a part")]
mod server;

#[path = "binary/fixture.rs"]
mod fixture;

#[path = "binary/commands.rs"]
mod commands;
#[path = "binary/demo.rs"]
mod demo;
#[path = "binary/devices.rs"]
mod devices;
#[path = "binary/pushes.rs"]
mod pushes;
#[path = "binary/relays.rs"]
mod relays;
#[path = "binary/serving.rs"]
mod serving;
#[path = "binary/stats.rs"]
mod stats;
