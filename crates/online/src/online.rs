//! The gateway: what all sessions share, and what the rest of the server does with it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use pushtally_channel::{Missed, Redeliver};
use pushtally_model::{AppId, Clock, Notification, Number, RegistrationId};
use pushtally_store::{Devices, Directory, Identities, Report, Tasks};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::gather::Gatherer;
use crate::health::{Counters, Health};
use crate::limits::{REDELIVERED_MAX, STOP_WAIT, TICK};
use crate::link::{Link, Signal};
use crate::presence::Rooms;
use crate::recent::RecentTasks;
use crate::roll::{Roll, Seat};
use crate::{Hello, OnlineError};

/// What the gateway works with.
#[derive(Clone)]
pub struct Parts {
    /// The apps.
    pub directory: Arc<Directory>,
    /// Phones and devices.
    pub devices: Arc<dyn Devices>,
    /// Tasks, for when they were accepted.
    pub tasks: Arc<dyn Tasks>,
    /// Names and numbers.
    pub identities: Arc<dyn Identities>,
    /// The ledger.
    pub report: Arc<dyn Report>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Open sockets; at the bound no more are admitted until one closes.
    pub sockets_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sockets_max: 20_000,
        }
    }
}

/// The gateway. Its own tasks end with it.
pub struct Online {
    pub(crate) parts: Parts,
    settings: Settings,
    pub(crate) rooms: Rooms,
    pub(crate) roll: Roll,
    seats: Arc<AtomicUsize>,
    pub(crate) recent: RecentTasks,
    pub(crate) gatherer: Arc<Gatherer>,
    pub(crate) counters: Counters,
    redeliver: OnceLock<Arc<dyn Redeliver>>,
    stopping: AtomicBool,
    running: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Online {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Online")
            .field("sockets", &self.roll.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        self.running.iter().for_each(JoinHandle::abort);
    }
}

impl Online {
    /// A gateway without sockets. Must be called within a runtime.
    #[must_use]
    pub fn new(parts: Parts, settings: Settings) -> Arc<Self> {
        let gatherer = Arc::new(Gatherer::new(Arc::clone(&parts.report)));
        let gathering = Arc::clone(&gatherer);
        Arc::new_cyclic(|online| Self {
            settings,
            rooms: Rooms::default(),
            roll: Roll::default(),
            seats: Arc::default(),
            recent: RecentTasks::new(Arc::clone(&parts.identities), Arc::clone(&parts.tasks)),
            gatherer,
            counters: Counters::default(),
            redeliver: OnceLock::new(),
            stopping: AtomicBool::new(false),
            running: vec![
                tokio::spawn(async move { gathering.run().await }),
                tokio::spawn(tick(Weak::clone(online))),
            ],
            parts,
        })
    }

    /// Who tells what a device has missed. Once, at the start; before that, nobody has missed anything.
    pub fn set_redeliver(&self, redeliver: Arc<dyn Redeliver>) {
        // A second one is a mistake at the start; the first stays.
        let _ = self.redeliver.set(redeliver);
    }

    /// Leave to open a socket; `None` when as many are open as may be. To be kept as long as the socket.
    #[must_use]
    pub fn seat(&self) -> Option<Seat> {
        Seat::take(&self.seats, self.settings.sockets_max)
    }

    /// A device is registered no more: its session ends.
    pub fn disconnect(&self, app: AppId, number: Number) {
        if let Some(link) = self.rooms.session(app, number) {
            link.signal(Signal::Unregistered);
        }
    }

    /// Ends all sessions, and every one that still begins; answers when all sockets are closed, after five seconds
    /// at the latest.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.roll.each(|link| link.signal(Signal::Stop));
        if tokio::time::timeout(STOP_WAIT, self.roll.empty())
            .await
            .is_err()
        {
            tracing::warn!(
                sockets = self.roll.len(),
                "sockets were still open in the end"
            );
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// What was done, and what is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.counters.health(self.roll.len(), self.rooms.len())
    }

    /// Looks at the time for all sessions, and whether their apps are still on.
    pub(crate) fn tick(&self) {
        let now_ms = self.parts.clock.now_ms();
        let apps = self.parts.directory.all();
        self.roll.each(|link| {
            if now_ms >= link.due_ms() {
                link.signal(Signal::Tick);
            }
            if let Some((app, _)) = link.device()
                && !apps.get(&app).is_some_and(|app| app.enabled)
            {
                link.signal(Signal::Disabled);
            }
        });
    }

    /// Lets a phone in: from here on it is connected, and the session that it had before ends.
    pub(crate) async fn enter(&self, hello: &Hello, link: &Arc<Link>) -> Result<(), OnlineError> {
        let Hello {
            app,
            registration_id,
            proof,
            attention,
        } = hello;
        let number = self.admit(*app, registration_id, proof).await?;
        let device = (*app, number);
        link.set_device(*app, number);
        if let Some(before) = self.rooms.come(device, Arc::clone(link), *attention) {
            before.signal(Signal::Replaced);
        }
        // Who unregisters between the two looks finds no session to end: so look again now that there is one.
        self.still_registered(*app, registration_id, number).await
    }

    async fn still_registered(
        &self,
        app: AppId,
        registration_id: &RegistrationId,
        number: Number,
    ) -> Result<(), OnlineError> {
        let phone = self.parts.devices.find_phone(app, registration_id).await?;
        if phone.is_some_and(|phone| phone.device == Some(number)) {
            return Ok(());
        }
        Err(OnlineError::Unregistered)
    }

    /// What a device has missed, oldest first: the newest, if there are too many.
    pub(crate) async fn missed(&self, app: AppId, number: Number) -> Again {
        let mut missed = match self.redeliver.get() {
            Some(redeliver) => redeliver.missed(app, number).await,
            None => Vec::new(),
        };
        missed.drain(..missed.len().saturating_sub(REDELIVERED_MAX));
        let language = match missed.iter().filter_map(shown).any(is_translated) {
            true => self.language(app, number).await,
            false => String::new(),
        };
        Again { missed, language }
    }

    /// Empty when unknown: a push in the common texts is better than none.
    async fn language(&self, app: AppId, number: Number) -> String {
        let device = self.parts.devices.find_device(app, number).await;
        device
            .ok()
            .flatten()
            .map_or_else(String::new, |device| device.facts.language)
    }
}

/// What a device has missed, and the language that it reads.
pub(crate) struct Again {
    pub(crate) missed: Vec<Missed>,
    pub(crate) language: String,
}

fn shown(missed: &Missed) -> Option<&Notification> {
    match missed {
        Missed::Push(message) => Some(&message.notification),
        Missed::Revoked(revoked) => revoked.instead.as_ref(),
    }
}

fn is_translated(notification: &Notification) -> bool {
    !notification.translations.is_empty()
}

async fn tick(online: Weak<Online>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(online) = online.upgrade() else {
            return;
        };
        online.tick();
    }
}
