//! `/v1/devices` as phones see it, without a socket.

#![allow(
    clippy::unwrap_used,
    reason = "a fixture that cannot be built fails its test"
)]

#[path = "shared/dispatch.rs"]
mod dispatch;
#[path = "devices/fixture.rs"]
mod fixture;

#[path = "devices/changes.rs"]
mod changes;
#[path = "devices/limits.rs"]
mod limits;
#[path = "devices/random.rs"]
mod random;
#[path = "devices/refusals.rs"]
mod refusals;
#[path = "devices/registers.rs"]
mod registers;
