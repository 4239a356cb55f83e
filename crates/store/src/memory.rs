//! The in-memory engine: every port, nothing durable. For tests, and the plainest reading of the contract.

mod accounts;
mod apps;
mod audit;
mod channels;
mod devices;
mod forgettings;
mod identities;
mod log;
mod outboxes;
mod pages;
mod relays;
mod tasks;

use std::sync::Arc;

use crate::ports::Engine;

/// Makes an engine that forgets everything when it is dropped.
#[must_use]
pub fn engine() -> Engine {
    let identities = Arc::<identities::MemoryIdentities>::default();
    let devices = Arc::new(devices::MemoryDevices::new(Arc::clone(&identities)));
    let tasks = Arc::<tasks::MemoryTasks>::default();
    Engine {
        forgettings: Arc::new(forgettings::MemoryForgettings::new(
            Arc::clone(&devices),
            Arc::clone(&tasks),
            Arc::clone(&identities),
        )),
        log: Arc::<log::MemoryLog>::default(),
        accounts: Arc::clone(&devices) as _,
        devices,
        identities,
        pages: Arc::<pages::MemoryPages>::default(),
        apps: Arc::<apps::MemoryApps>::default(),
        channels: Arc::<channels::MemoryChannels>::default(),
        relays: Arc::<relays::MemoryRelays>::default(),
        outboxes: Arc::<outboxes::MemoryOutboxes>::default(),
        tasks,
        audit: Arc::<audit::MemoryAudit>::default(),
    }
}
