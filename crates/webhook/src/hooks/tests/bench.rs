//! What the tests of hooks stand on: devices, a task, events, and a form of one line for each event.

use bytes::Bytes;
use pushtally_ledger::{Batch, Record, Section};
use pushtally_model::{
    Account, App, Audience, Cell, Channel, DeviceFacts, Event, FixedEntropy, Kind, Lane, LossId,
    ManualClock, Notification, Number, OnUnknown, Origin, RegistrationId, Route, Second, Source,
    TaskDraft, TaskId, TaskKey, TaskKind, Urgency,
};
use pushtally_store::{
    AcceptLimits, Engine, Names as NewNames, Registered, Registration, SecretHash, TaskName, memory,
};

use super::super::*;
use super::{APP, NOW_S, until};
use crate::Notice;

/// A line for each event: number, task, account, lane's stage, code.
#[derive(Debug)]
struct Lines;

impl Form for Lines {
    fn body(&self, _: Kind, notices: &[Notice]) -> Bytes {
        let line = |notice: &Notice| {
            let code = notice.loss.as_ref().map_or(0, |loss| loss.code);
            let (seq, task, account) = (notice.seq, &notice.task.id, &notice.account);
            format!("{seq} {task} {account} {:?} {code}", notice.stage)
        };
        let lines: Vec<String> = notices.iter().map(line).collect();
        lines.join("\n").into()
    }

    fn query(&self, app: &App, kind: Kind, now: Second) -> String {
        format!("app={}&kind={kind:?}&now={now}", app.id)
    }
}

/// An engine with devices and a task, and what is recorded of them.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) task: TaskKey,
    pub(super) devices: Vec<Number>,
}

impl Bench {
    pub(super) async fn new(devices: u32, apps: &[(AppId, &str)]) -> Self {
        let bench = Self {
            engine: memory::engine(),
            directory: Arc::default(),
            clock: Arc::new(ManualClock::at_unix(NOW_S.into())),
            task: TaskKey {
                number: pushtally_model::TaskNumber(0),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            devices: Vec::new(),
        };
        bench.urls(apps);
        let mut numbers = Vec::new();
        for n in 0..devices {
            numbers.push(bench.register(n).await);
        }
        let task = bench.accept("task").await;
        Self {
            devices: numbers,
            task,
            ..bench
        }
    }

    pub(super) fn urls(&self, apps: &[(AppId, &str)]) {
        self.directory.replace(apps.iter().map(|(id, url)| {
            let mut app = App::new(*id, Secret::new("key"));
            app.webhook = Some(Webhook::new((*url).to_owned()));
            app
        }));
    }

    pub(super) async fn register(&self, n: u32) -> Number {
        let registration = Registration {
            registration_id: RegistrationId::new(format!("phone-{n}")).unwrap(),
            account: Some(Account::new(format!("user-{n}")).unwrap()),
            secret: SecretHash([1; 32]),
            facts: DeviceFacts::default(),
            at: Second(NOW_S),
        };
        let devices = &self.engine.devices;
        match devices.register_device(APP, &registration, 1 << 20).await {
            Ok(Registered::New { number, .. }) => number,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn accept(&self, id: &str) -> TaskKey {
        let draft = TaskDraft {
            app: APP,
            id: TaskId::new(id).unwrap(),
            kind: TaskKind::Broadcast,
            urgency: Urgency::Bulk,
            sender: "administrator".to_owned(),
            random: 1,
            body_hash: [7; 32],
            data_id: String::new(),
            audience: Audience::Everyone,
            notification: Notification::default(),
            accepted_at: Second(NOW_S),
            deadline: Second(NOW_S + 100),
            on_unknown: OnUnknown::default(),
            message: None,
        };
        let limits = AcceptLimits {
            broadcasts_per_day: None,
            day_begins: Second(0),
            now_ms: i64::from(NOW_S) * 1000,
            broadcast_gap_ms: 0,
            open_tasks_max: 100,
        };
        let tasks = &self.engine.tasks;
        tasks.accept_task(&draft, None, &limits).await.unwrap();
        let names = NewNames {
            tasks: vec![TaskName {
                kind: Kind::Push,
                origin: Origin::Own,
                id,
            }],
            ..NewNames::default()
        };
        let resolved = self.engine.identities.resolve(APP, &names).await.unwrap();
        resolved.tasks[0]
    }

    /// Records that these devices reached a lane; answers the batch's position.
    pub(super) async fn record(&self, app: AppId, numbers: &[Number], lane: Lane) -> u64 {
        let event = |number: &Number| Event {
            app,
            task: self.task,
            cell: Cell::new(Route::Offline, Channel::Fcm, lane),
            number: *number,
            at: Second(NOW_S),
            loss: LossId::NONE,
        };
        let events = numbers.iter().map(event).collect();
        let batch = Batch {
            recorded_ms: self.clock.now_ms(),
            records: vec![Record::Events(Section::new(Source::Us, events))],
        };
        self.engine.log.append(&batch).await.unwrap().of(0)
    }

    /// Records for every device, in batches of seven.
    pub(super) async fn record_all(&self, lane: Lane) {
        for numbers in self.devices.chunks(7) {
            self.record(APP, numbers, lane).await;
        }
    }

    pub(super) async fn start(&self, settings: HookSettings) -> (Hooks, Arc<Book>) {
        self.start_over(Arc::clone(&self.engine.log), settings)
            .await
    }

    pub(super) async fn start_over(
        &self,
        log: Arc<dyn Log>,
        settings: HookSettings,
    ) -> (Hooks, Arc<Book>) {
        let book = Book::open(Arc::clone(&self.engine.outboxes)).await.unwrap();
        let book = Arc::new(book);
        let parts = HookParts {
            directory: Arc::clone(&self.directory),
            log,
            names: Names {
                identities: Arc::clone(&self.engine.identities),
                tasks: Arc::clone(&self.engine.tasks),
                devices: Arc::clone(&self.engine.devices),
            },
            book: Arc::clone(&book),
            form: Arc::new(Lines),
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(FixedEntropy(0x80)),
        };
        let hooks = Hooks::start(parts, settings).await.unwrap();
        // From here on events are sent.
        let runs = || {
            hooks
                .counters()
                .report()
                .iter()
                .any(|report| report.app == APP)
        };
        until(|| book.cursor(APP).is_some() && runs()).await;
        (hooks, book)
    }
}
