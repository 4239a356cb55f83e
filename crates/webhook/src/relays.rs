//! All relays: keeps them in step with the directory of apps, and stops them together.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{App, AppId, Entropy};
use pushtally_store::Directory;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::relay::{Relay, Shared};
use crate::sender::Sender;
use crate::{Doorbell, RelayCounters, RelayError, Settings, Target};

/// The running relays, one for each app with a `relay_to`.
///
/// An app that loses its `relay_to` keeps what waits; it goes on when the app has one again.
#[derive(Debug)]
pub struct Relays {
    counters: RelayCounters,
    changed: Arc<Notify>,
    stop: CancellationToken,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Relays {
    /// Starts a relay for each app of the directory that wants one, and follows the directory from then on.
    pub fn start(
        directory: Arc<Directory>,
        queue: Arc<Doorbell>,
        entropy: Arc<dyn Entropy>,
        settings: Settings,
    ) -> Result<Self, RelayError> {
        let sender = Sender::new(
            settings.targets.clone(),
            settings.call_timeout,
            settings.in_flight_max,
        )?;
        let counters = RelayCounters::default();
        let changed = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        let supervisor = Supervisor {
            directory,
            shared: Arc::new(Shared {
                queue,
                sender,
                entropy,
                settings,
            }),
            counters: counters.clone(),
            running: BTreeMap::new(),
        };
        let task = tokio::spawn(supervisor.run(Arc::clone(&changed), stop.clone()));
        Ok(Self {
            counters,
            changed,
            stop,
            supervisor: Mutex::new(Some(task)),
        })
    }

    /// Looks at the directory now rather than at the next poll.
    pub fn directory_changed(&self) {
        self.changed.notify_one();
    }

    /// What the relays have done, to be read at any time.
    #[must_use]
    pub fn counters(&self) -> RelayCounters {
        self.counters.clone()
    }

    /// Stops reading, lets calls under way end within the grace, keeps everything else for the next start.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = self.supervisor.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "relays did not stop cleanly");
        }
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Running {
    target: Target,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Supervisor {
    directory: Arc<Directory>,
    shared: Arc<Shared>,
    counters: RelayCounters,
    running: BTreeMap<AppId, Running>,
}

impl Supervisor {
    async fn run(mut self, changed: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.follow_directory(&stop).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = changed.notified() => {}
                () = tokio::time::sleep(self.shared.settings.poll) => {}
            }
        }
        for (_, relay) in self.running {
            let _ = relay.task.await;
        }
    }

    async fn follow_directory(&mut self, stop: &CancellationToken) {
        let apps = self.directory.all();
        let wanted = |app: &App| {
            app.relay_to
                .as_deref()
                .and_then(|url| Target::parse(url).ok())
        };
        let wanted: BTreeMap<AppId, Target> = apps
            .values()
            .filter_map(|app| Some((app.id, wanted(app)?)))
            .collect();
        let stale = |(app, relay): (&AppId, &Running)| {
            let fits = wanted.get(app) == Some(&relay.target) && !relay.task.is_finished();
            (!fits).then_some(*app)
        };
        let stale: Vec<AppId> = self.running.iter().filter_map(stale).collect();
        // All are told first, so that several changed apps wait for the slowest of them, not for their sum.
        for app in &stale {
            if let Some(relay) = self.running.get(app) {
                relay.stop.cancel();
            }
        }
        for app in stale {
            if let Some(relay) = self.running.remove(&app) {
                let _ = relay.task.await;
            }
        }
        for (app, target) in wanted {
            if !self.running.contains_key(&app) {
                self.start_relay(app, target, stop.child_token());
            }
        }
    }

    fn start_relay(&mut self, app: AppId, target: Target, stop: CancellationToken) {
        let relay = Relay {
            app,
            target: target.clone(),
            shared: Arc::clone(&self.shared),
            counters: self.counters.of(app),
            bell: self.shared.queue.bell(app),
            stop: stop.clone(),
            overtaken: Arc::default(),
        };
        let task = tokio::spawn(relay.run());
        self.running.insert(app, Running { target, stop, task });
    }
}

#[cfg(test)]
mod tests;
