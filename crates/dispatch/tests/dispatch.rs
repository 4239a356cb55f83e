//! Dispatch over the in-memory engine, with scripted phones and vendors, a clock that tests move, and crashes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and prints its seeds"
)]

#[path = "dispatch/accepting.rs"]
mod accepting;
#[path = "dispatch/closing.rs"]
mod closing;
#[path = "dispatch/finishing.rs"]
mod finishing;
#[path = "dispatch/fuse.rs"]
mod fuse;
#[path = "dispatch/fused.rs"]
mod fused;
#[path = "dispatch/fused_devices.rs"]
mod fused_devices;
#[path = "dispatch/lanes.rs"]
mod lanes;
#[path = "dispatch/late.rs"]
mod late;
#[path = "dispatch/naive.rs"]
mod naive;
#[path = "dispatch/owed.rs"]
mod owed;
#[path = "dispatch/phones.rs"]
mod phones;
#[path = "dispatch/redelivery.rs"]
mod redelivery;
#[path = "dispatch/returning.rs"]
mod returning;
#[path = "dispatch/schedules.rs"]
mod schedules;
#[path = "dispatch/starting.rs"]
mod starting;
#[path = "dispatch/stopping.rs"]
mod stopping;
#[path = "dispatch/world.rs"]
mod world;
