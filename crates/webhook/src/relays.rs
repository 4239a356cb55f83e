//! All relays: keeps them in step with the directory of apps and the accounts with vendors, and stops them together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{App, AppId, Channel, Entropy};
use pushtally_store::{Directory, RelayLine};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::relay::{Relay, Shared};
use crate::sender::Sender;
use crate::{Doorbell, RelayCounters, RelayError, Settings, Target};

/// Where vendors' receipts that are not ours go, as of now.
pub trait ReceiptTargets: Send + Sync + fmt::Debug {
    /// The address for each app and vendor that has one.
    fn targets(&self) -> BTreeMap<(AppId, Channel), Target>;
}

/// The running relays: one for each app with a `relay_to`, and one for each vendor of an app whose receipts go on.
///
/// A line that loses its address keeps what waits; it goes on when there is one again.
#[derive(Debug)]
pub struct Relays {
    counters: RelayCounters,
    changed: Arc<Notify>,
    stop: CancellationToken,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Relays {
    /// Starts a relay for each line that has an address, and follows directory and accounts from then on.
    pub fn start(
        directory: Arc<Directory>,
        receipts: Arc<dyn ReceiptTargets>,
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
            receipts,
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
    receipts: Arc<dyn ReceiptTargets>,
    shared: Arc<Shared>,
    counters: RelayCounters,
    running: BTreeMap<RelayLine, Running>,
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
        let mut wanted: BTreeMap<RelayLine, Target> = apps
            .values()
            .filter_map(|app| Some((RelayLine::Webhooks(app.id), wanted(app)?)))
            .collect();
        let receipts = self.receipts.targets().into_iter();
        wanted.extend(
            receipts.map(|((app, channel), target)| (RelayLine::Receipts(app, channel), target)),
        );
        let stale = |(line, relay): (&RelayLine, &Running)| {
            let fits = wanted.get(line) == Some(&relay.target) && !relay.task.is_finished();
            (!fits).then_some(*line)
        };
        let stale: Vec<RelayLine> = self.running.iter().filter_map(stale).collect();
        // All are told first, so that several changed lines wait for the slowest of them, not for their sum.
        for line in &stale {
            if let Some(relay) = self.running.get(line) {
                relay.stop.cancel();
            }
        }
        for line in stale {
            if let Some(relay) = self.running.remove(&line) {
                let _ = relay.task.await;
            }
        }
        for (line, target) in wanted {
            if !self.running.contains_key(&line) {
                self.start_relay(line, target, stop.child_token());
            }
        }
    }

    fn start_relay(&mut self, line: RelayLine, target: Target, stop: CancellationToken) {
        let relay = Relay {
            line,
            target: target.clone(),
            shared: Arc::clone(&self.shared),
            counters: self.counters.of(line),
            bell: self.shared.queue.bell(line),
            stop: stop.clone(),
            overtaken: Arc::default(),
        };
        let task = tokio::spawn(relay.run());
        self.running.insert(line, Running { target, stop, task });
    }
}

#[cfg(test)]
mod tests;
