//! Every vendor against its simulator, over sockets, on good days and on bad ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "simulators/access.rs"]
mod access;
#[path = "simulators/bench.rs"]
mod bench;
#[path = "simulators/given.rs"]
mod given;
#[path = "simulators/noted.rs"]
mod noted;
#[path = "simulators/proxy.rs"]
mod proxy;
#[path = "simulators/receipts.rs"]
mod receipts;
#[path = "simulators/refusing.rs"]
mod refusing;
#[path = "simulators/sending.rs"]
mod sending;
#[path = "simulators/streams.rs"]
mod streams;
#[path = "simulators/trouble.rs"]
mod trouble;
