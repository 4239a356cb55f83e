//! A gateway with phones, tasks and a ledger that can be held back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_channel::{Message, Target};
use pushtally_model::*;
use pushtally_store::*;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::phones::Phones;
use super::socket::{Client, socket};
use crate::{Online, Parts, Settings};

pub(super) const APP: AppId = AppId(1_400_000_000);
pub(super) const OTHER_APP: AppId = AppId(1_400_000_001);
pub(super) const NOW_S: i64 = 1_764_136_800;
pub(super) const ACCEPTED_AT: Second = Second(NOW_S as u32 - 5);
pub(super) const SECRET: &str = "00112233445566778899aabbccddeeff";
const KEY: &str = "key";

/// Lets everything run that can, on the one thread of a test's runtime.
pub(super) async fn let_all_run() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

pub(super) fn hello(registration_id: &str) -> Value {
    json!({"type": "hello", "version": 1, "sdkappid": APP.0, "registration_id": registration_id, "secret": secret_of(registration_id)})
}

/// A secret of each phone's own.
pub(super) fn secret_of(registration_id: &str) -> String {
    if registration_id == "phone-1" {
        return SECRET.to_owned();
    }
    let sum: u32 = registration_id.bytes().map(u32::from).sum();
    format!("{sum:032x}")
}

pub(super) fn usersig(identifier: &str) -> String {
    let claims = pushtally_usersig::Claims {
        identifier: identifier.to_owned(),
        sdkappid: APP.0,
        time: NOW_S,
        expire: 3600,
        userbuf: None,
    };
    pushtally_usersig::make(KEY, &claims)
}

pub(super) fn message(id: &str) -> Message {
    Message {
        app: APP,
        id: TaskId::new(id).unwrap(),
        number: 1,
        urgency: pushtally_model::Urgency::Bulk,
        data_id: "d".to_owned(),
        notification: Notification {
            title: "Title".to_owned(),
            desc: "Text".to_owned(),
            ext: "{}".to_owned(),
            online_only: false,
            ..Notification::default()
        },
        accepted_at: ACCEPTED_AT,
        deadline: Second(NOW_S as u32 + 3600),
    }
}

pub(super) fn targets(numbers: impl IntoIterator<Item = u32>) -> Vec<Target> {
    let target = |number| Target {
        number: Number(number),
        token: None,
        language: String::new(),
    };
    numbers.into_iter().map(target).collect()
}

pub(super) struct World {
    pub(super) online: Arc<Online>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) phones: Arc<Phones>,
    pub(super) ledger: Arc<Ledger>,
    directory: Arc<Directory>,
}

fn apps(enabled: bool) -> Vec<App> {
    let app = |id| {
        let mut app = App::new(id, Secret::new(KEY));
        app.enabled = enabled;
        app
    };
    vec![app(APP), app(OTHER_APP)]
}

async fn name_task(identities: &dyn Identities, origin: Origin, id: &str) {
    let kind = Kind::Push;
    let names = Names {
        tasks: vec![TaskName { kind, origin, id }],
        ..Names::default()
    };
    identities.resolve(APP, &names).await.unwrap();
}

async fn accept_task(tasks: &dyn Tasks, id: &str) {
    let message = message(id);
    let draft = TaskDraft {
        app: APP,
        id: message.id,
        kind: TaskKind::Broadcast,
        urgency: Urgency::Bulk,
        sender: "administrator".to_owned(),
        random: 1,
        body_hash: [0; 32],
        data_id: message.data_id,
        audience: Audience::Everyone,
        notification: message.notification,
        accepted_at: message.accepted_at,
        deadline: message.deadline,
        on_unknown: OnUnknown::default(),
        message: None,
    };
    let limits = AcceptLimits {
        broadcasts_per_day: None,
        day_begins: Second(0),
        now_ms: NOW_S * 1000,
        broadcast_gap_ms: 0,
        open_tasks_max: 10,
    };
    let accepted = tasks.accept_task(&draft, Some(&[0]), &limits).await;
    assert!(matches!(accepted, Ok(Accepted::New(_))));
}

impl World {
    pub(super) async fn new() -> Self {
        let engine = memory::engine();
        for (origin, id) in [(Origin::Own, "task-a"), (Origin::Imported, "task-imported")] {
            name_task(&*engine.identities, origin, id).await;
        }
        accept_task(&*engine.tasks, "task-a").await;
        let clock = Arc::new(ManualClock::at_unix(NOW_S));
        let phones = Arc::new(Phones::default());
        let ledger = Arc::new(Ledger::default());
        let directory = Arc::new(Directory::new(apps(true)));
        let parts = Parts {
            directory: Arc::clone(&directory),
            devices: phones.clone(),
            tasks: engine.tasks,
            identities: engine.identities,
            report: ledger.clone(),
            clock: clock.clone(),
        };
        Self {
            online: Online::new(parts, Settings::default()),
            clock,
            phones,
            ledger,
            directory,
        }
    }

    pub(super) fn disable(&self) {
        self.directory.replace(apps(false));
    }

    /// A socket without a hello.
    pub(super) fn open(&self) -> Client {
        let (server, client) = socket();
        let online = Arc::clone(&self.online);
        tokio::spawn(async move { online.serve(server).await });
        client
    }

    pub(super) async fn connect(&self, registration_id: &str) -> Client {
        self.connect_to(APP, registration_id).await
    }

    pub(super) async fn connect_to(&self, app: AppId, registration_id: &str) -> Client {
        let client = self.open();
        let mut hello = hello(registration_id);
        hello["sdkappid"] = json!(app.0);
        client.say(hello);
        let welcome = client.hear().await;
        assert_eq!(welcome["type"], "welcome");
        assert_eq!(
            (&welcome["version"], &welcome["ping_s"]),
            (&json!(1), &json!(60))
        );
        client
    }
}

/// A ledger that can be held back.
pub(super) struct Ledger {
    calls: Mutex<Vec<(Source, Vec<Event>)>>,
    called: Notify,
    gate: Semaphore,
    held: AtomicBool,
    refuses: AtomicBool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            calls: Mutex::default(),
            called: Notify::new(),
            gate: Semaphore::new(0),
            held: AtomicBool::default(),
            refuses: AtomicBool::default(),
        }
    }
}

impl Ledger {
    pub(super) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(super) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.gate.add_permits(1);
    }

    pub(super) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(super) fn calls(&self) -> Vec<(Source, Vec<Event>)> {
        self.calls.lock().clone()
    }

    pub(super) async fn called(&self, times: usize) {
        loop {
            let called = self.called.notified();
            if self.calls.lock().len() >= times {
                return;
            }
            called.await;
        }
    }
}

#[async_trait]
impl Report for Ledger {
    async fn report(&self, source: Source, events: Vec<Event>) -> Result<(), StoreError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::Busy {
                what: "the intake".to_owned(),
            });
        }
        self.calls.lock().push((source, events));
        self.called.notify_waiters();
        if self.held.load(Ordering::SeqCst) {
            self.gate.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}
