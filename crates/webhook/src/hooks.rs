//! All webhooks: keeps couriers in step with the directory of apps and with dead letters, and stops them together.

mod counters;
mod courier;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use pushtally_model::{App, AppId, Clock, Entropy, Second, Secret, Webhook};
use pushtally_store::{Directory, Log, Position};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::naming::Naming;
use crate::pace::Pace;
use crate::place::passed;
use crate::reading::Reading;
use crate::sender::Sender;
use crate::settings::HookSettings;
use crate::tail::Tail;
use crate::{Book, Form, HookError, Names, Target};

use courier::{Courier, Span};

pub use counters::{HookCounters, HookReport};

/// What webhooks need.
#[derive(Clone)]
pub struct HookParts {
    /// The apps.
    pub directory: Arc<Directory>,
    /// Where events are.
    pub log: Arc<dyn Log>,
    /// Where names are.
    pub names: Names,
    /// How far each app is.
    pub book: Arc<Book>,
    /// What calls look like.
    pub form: Arc<dyn Form>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for waits.
    pub entropy: Arc<dyn Entropy>,
}

/// The running webhooks, those of each app that has a URL for them.
///
/// An app that loses its URL keeps its cursor; it goes on from there when it has one again.
#[derive(Debug)]
pub struct Hooks {
    directory: Arc<Directory>,
    book: Arc<Book>,
    counters: HookCounters,
    changed: Arc<Notify>,
    stop: CancellationToken,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

/// What all couriers share.
#[derive(Debug)]
pub(crate) struct Shared {
    tail: Tail,
    reading: Reading,
    naming: Naming,
    book: Arc<Book>,
    form: Arc<dyn Form>,
    sender: Sender,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: HookSettings,
    /// When the process began.
    began: Second,
    /// What an app's pace is counted from.
    started: Instant,
}

impl std::fmt::Debug for HookParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookParts").finish_non_exhaustive()
    }
}

impl Hooks {
    /// Starts couriers for each app of the directory that wants webhooks, and follows the directory from then on. Whatever is
    /// recorded after it answers is sent.
    pub async fn start(parts: HookParts, settings: HookSettings) -> Result<Self, HookError> {
        let HookParts {
            directory,
            log,
            names,
            book,
            form,
            clock,
            entropy,
        } = parts;
        for app in directory.all().values() {
            if app.webhook.is_some() {
                book.begin_at_end(app.id, &*log).await?;
            }
        }
        let sender = Sender::new(
            settings.targets.clone(),
            settings.call_timeout,
            settings.in_flight_max,
        )?;
        let shared = Arc::new(Shared {
            tail: Tail::new(Arc::clone(&log)),
            reading: Reading::new(log),
            naming: Naming::new(names),
            book: Arc::clone(&book),
            form,
            sender,
            began: clock.now(),
            clock,
            entropy,
            settings,
            started: Instant::now(),
        });
        let counters = HookCounters::new(Arc::clone(&book));
        let (changed, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        read_tail(Arc::clone(&shared), stop.clone())?;
        let supervisor = Supervisor {
            directory: Arc::clone(&directory),
            shared,
            counters: counters.clone(),
            running: BTreeMap::new(),
            paces: BTreeMap::new(),
        };
        let task = tokio::spawn(supervisor.run(Arc::clone(&changed), stop.clone()));
        Ok(Self {
            directory,
            book,
            counters,
            changed,
            stop,
            supervisor: Mutex::new(Some(task)),
        })
    }

    /// Looks at the directory and the dead letters now rather than at the next poll.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// What the webhooks have done, to be read at any time.
    #[must_use]
    pub fn counters(&self) -> HookCounters {
        self.counters.clone()
    }

    /// How far each app is, and its dead letters.
    #[must_use]
    pub const fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// The last batch that every app with webhooks is done with; `None` when there is no such app. What comes after it is
    /// still to be read.
    #[must_use]
    pub fn held(&self) -> Option<Position> {
        let outboxes = self.book.all();
        let apps = self.directory.all();
        let wanting = apps.values().filter(|app| app.webhook.is_some());
        let cursors = wanting.filter_map(|app| outboxes.get(&app.id));
        let held = cursors.map(|outbox| passed(outbox.cursor)).min();
        held.map(Position::single)
    }

    /// Stops reading, lets calls under way end within the grace, keeps everything else for the next start.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = self.supervisor.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "webhooks did not stop cleanly");
        }
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Reading blocks, and goes on as long as the process: it has a thread of its own.
fn read_tail(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), HookError> {
    let runtime = tokio::runtime::Handle::current();
    let every = shared.settings.tail_poll;
    let run = move || runtime.block_on(shared.tail.run(every, stop));
    std::thread::Builder::new()
        .name("webhook-tail".to_owned())
        .spawn(run)
        .map_err(HookError::Thread)?;
    Ok(())
}

/// What a courier is made of: another one is started when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    webhook: Webhook,
    token: Option<Secret>,
}

#[derive(Debug)]
struct Running {
    wanted: Wanted,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Supervisor {
    directory: Arc<Directory>,
    shared: Arc<Shared>,
    counters: HookCounters,
    /// By app, and the dead letter if it is one.
    running: BTreeMap<(AppId, Option<u64>), Running>,
    paces: BTreeMap<AppId, Arc<Mutex<Pace>>>,
}

impl Supervisor {
    async fn run(mut self, changed: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.follow_directory(&stop).await;
            self.save().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = changed.notified() => {}
                () = tokio::time::sleep(self.shared.settings.poll) => {}
            }
        }
        for (_, courier) in std::mem::take(&mut self.running) {
            let _ = courier.task.await;
        }
        self.save().await;
    }

    async fn save(&self) {
        if let Err(error) = self.shared.book.save().await {
            // Harmless now: the next one says more, and after a restart these calls are repeated.
            tracing::warn!(%error, "webhook cursors cannot be stored");
        }
    }

    async fn follow_directory(&mut self, stop: &CancellationToken) {
        let apps = self.directory.all();
        let wanting: BTreeMap<AppId, (&Arc<App>, Wanted)> = apps
            .values()
            .filter_map(|app| {
                let webhook = app.webhook.clone()?;
                let token = app.callback_token.clone();
                Some((app.id, (app, Wanted { webhook, token })))
            })
            .collect();
        let fits = |(app, _): &(AppId, Option<u64>), running: &Running| {
            let wanted = wanting.get(app).map(|(_, wanted)| wanted);
            wanted == Some(&running.wanted) && !running.task.is_finished()
        };
        let stale: Vec<_> = self
            .running
            .iter()
            .filter(|(key, running)| !fits(key, running))
            .map(|(key, _)| *key)
            .collect();
        // All are told first, so that several changed apps wait for the slowest of them, not for their sum.
        for key in &stale {
            if let Some(running) = self.running.get(key) {
                running.stop.cancel();
            }
        }
        for key in stale {
            if let Some(running) = self.running.remove(&key) {
                let _ = running.task.await;
            }
            if key.1.is_none() {
                self.shared.tail.leave(key.0);
            }
        }
        self.paces.retain(|app, _| wanting.contains_key(app));
        for (app, wanted) in wanting.into_values() {
            self.start(app, &wanted, stop);
        }
    }

    /// Starts what an app lacks: its courier, and one for the dead letter that is next.
    fn start(&mut self, app: &Arc<App>, wanted: &Wanted, stop: &CancellationToken) {
        let mut spans = vec![Span::Tail];
        let letters = (app.id, Some(0))..=(app.id, Some(u64::MAX));
        if self.running.range(letters).next().is_none()
            && let Some(letter) = self.shared.book.next_replay(app.id)
        {
            spans.push(Span::Letter {
                id: letter.id,
                after: letter.after,
                to: letter.to,
            });
        }
        for span in spans {
            let key = match span {
                Span::Tail => (app.id, None),
                Span::Letter { id, .. } => (app.id, Some(id)),
            };
            // A URL that cannot be read was refused where it was set.
            let Ok(target) = Target::parse(&wanted.webhook.url) else {
                continue;
            };
            if self.running.contains_key(&key) {
                continue;
            }
            let new_pace = || Arc::new(Mutex::new(Pace::new(wanted.webhook.calls_per_second)));
            if span == Span::Tail {
                self.paces.insert(app.id, new_pace());
            }
            let courier = Courier {
                app: Arc::clone(app),
                target,
                span,
                shared: Arc::clone(&self.shared),
                counters: self.counters.of(app.id),
                pace: Arc::clone(self.paces.entry(app.id).or_insert_with(new_pace)),
                stop: stop.child_token(),
            };
            let stop = courier.stop.clone();
            let running = Running {
                wanted: wanted.clone(),
                stop,
                task: tokio::spawn(courier.run()),
            };
            self.running.insert(key, running);
        }
    }
}

#[cfg(test)]
mod tests;
