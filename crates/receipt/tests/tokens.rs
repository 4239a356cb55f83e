//! Receipts whose tokens have moved, died or were replaced, over the in-memory engine and a report that remembers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{
    App, AppId, Audience, Channel, Clock, DeviceFacts, Environment, Event, Kind, Lane, ManualClock,
    Notification, Number, OnUnknown, Origin, RegistrationId, Second, Secret, Source, TaskDraft,
    TaskId, TaskKind, Token, TokenKind, Urgency,
};
use pushtally_receipt::{Marks, Recorded, Recorder};
use pushtally_store::{
    AcceptLimits, Accepted, DeadToken, DeadTokens, Directory, Engine, Names, Registered,
    Registration, Report, SecretHash, StoreError, TaskName, TaskSeq, memory,
};
use pushtally_vendor::{Arrival, Marker as _, Receipt, Said};

const APP: AppId = AppId(7);
const START: u32 = 1_700_000_000;

#[derive(Default)]
struct Reported(Mutex<Vec<(Number, Lane)>>);

#[async_trait]
impl Report for Reported {
    async fn report(&self, source: Source, events: Vec<Event>) -> Result<(), StoreError> {
        assert_eq!(source, Source::Vendor);
        let mut reported = self.0.lock();
        reported.extend(events.iter().map(|event| (event.number, event.cell.lane())));
        Ok(())
    }
}

struct DropAll(Engine, Arc<ManualClock>);

#[async_trait]
impl DeadTokens for DropAll {
    async fn drop_dead(&self, app: AppId, dead: &[DeadToken]) -> Result<u64, StoreError> {
        self.0.devices.drop_tokens(app, dead, self.1.now()).await
    }
}

struct World {
    engine: Engine,
    app: App,
    marks: Marks,
    reported: Arc<Reported>,
    recorder: Recorder,
    task: TaskSeq,
}

impl World {
    async fn new() -> Self {
        let engine = memory::engine();
        let clock = Arc::new(ManualClock::at_unix(i64::from(START) + 500));
        let app = App::new(APP, Secret::new("key"));
        let draft = TaskDraft {
            app: APP,
            id: TaskId::new("t").unwrap(),
            kind: TaskKind::Broadcast,
            urgency: Urgency::Bulk,
            sender: "administrator".to_owned(),
            random: 1,
            body_hash: [0; 32],
            data_id: String::new(),
            audience: Audience::Everyone,
            notification: Notification::default(),
            accepted_at: Second(START),
            deadline: Second(START + 1000),
            on_unknown: OnUnknown::default(),
            message: None,
        };
        let limits = AcceptLimits {
            broadcasts_per_day: None,
            day_begins: Second(0),
            now_ms: 0,
            broadcast_gap_ms: 0,
            open_tasks_max: 9,
        };
        let accepted = engine.tasks.accept_task(&draft, None, &limits).await;
        let Ok(Accepted::New(task)) = accepted else {
            panic!("{accepted:?}")
        };
        let names = Names {
            tasks: vec![TaskName {
                kind: Kind::Push,
                origin: Origin::Own,
                id: "t",
            }],
            ..Names::default()
        };
        engine.identities.resolve(APP, &names).await.unwrap();
        let reported = Arc::<Reported>::default();
        let recorder = Recorder::new(
            &engine,
            reported.clone(),
            Arc::new(DropAll(engine.clone(), clock.clone())),
            clock,
        );
        Self {
            marks: Marks::new(Arc::new(Directory::new([app.clone()]))),
            task: task.seq,
            engine,
            app,
            reported,
            recorder,
        }
    }

    async fn register(&self, phone: &str, value: &str, second: u32) -> Number {
        let token = Token {
            channel: Channel::Xiaomi,
            kind: TokenKind::Alert,
            value: Secret::new(value),
            cert_id: 3,
            environment: Environment::Production,
        };
        let registration = Registration {
            registration_id: RegistrationId::new(phone).unwrap(),
            account: None,
            secret: SecretHash([1; 32]),
            facts: DeviceFacts {
                tokens: vec![token],
                ..DeviceFacts::default()
            },
            at: Second(START + second),
        };
        let devices = &self.engine.devices;
        match devices
            .register_device(APP, &registration, 99)
            .await
            .unwrap()
        {
            Registered::New { number, .. } | Registered::Changed { number } => number,
            other => panic!("{other:?}"),
        }
    }

    async fn token(&self, number: Number) -> Option<String> {
        let device = self.engine.devices.find_device(APP, number).await.unwrap();
        let device = device.unwrap();
        let token = device.facts.alert_token();
        token.map(|token| token.value.expose().to_owned())
    }

    fn receipt(&self, sent: u32, value: &str, arrival: Arrival, at: Option<u32>) -> Receipt {
        let sent_ms = i64::from(START + sent) * 1000;
        Receipt {
            mark: self.marks.mark(APP, self.task.0, sent_ms),
            token: Secret::new(value),
            arrival,
            at_ms: at.map(|at| i64::from(START + at) * 1000),
            request_id: String::new(),
        }
    }

    /// What became of them, and whose events they are.
    async fn record(&self, receipts: &[Receipt]) -> (Recorded, Vec<Number>) {
        let recorder = &self.recorder;
        let recorded = recorder.record(&self.app, Channel::Xiaomi, receipts).await;
        let reported = std::mem::take(&mut *self.reported.0.lock());
        let numbers = reported.into_iter().map(|(number, _)| number);
        (recorded.unwrap(), numbers.collect())
    }
}

#[tokio::test]
async fn a_late_receipt_is_of_who_had_the_token_when_it_was_sent() {
    let world = World::new().await;
    let one = world.register("p", "t", 0).await;
    let two = world.register("q", "t", 100).await;
    let id = RegistrationId::new("q").unwrap();
    let devices = &world.engine.devices;
    let gone = devices.unregister_device(APP, &id, SecretHash([1; 32]), Second(START + 200));
    gone.await.unwrap();
    let delivered = |sent| world.receipt(sent, "t", Arrival::Delivered, None);
    let mut forged = delivered(50);
    forged.mark = "none".to_owned();
    let receipts = [delivered(150), forged, delivered(99), delivered(100)];
    let (recorded, numbers) = world.record(&receipts).await;
    assert_eq!(numbers, [two, one, two]);
    assert_eq!((recorded.events, recorded.unmatched), (3, 1));
}

#[tokio::test]
async fn a_dead_token_is_its_former_holders_and_not_taken_from_who_has_it() {
    let world = World::new().await;
    let one = world.register("p", "t", 0).await;
    let two = world.register("q", "t", 100).await;
    let gone = |sent| world.receipt(sent, "t", Arrival::Gone(Said::new(16, "bad regid")), None);
    let (recorded, numbers) = world.record(&[gone(50)]).await;
    assert_eq!((numbers, recorded.dropped), (vec![one], 0));
    assert_eq!(world.token(two).await.as_deref(), Some("t"));
    let (recorded, numbers) = world.record(&[gone(150)]).await;
    assert_eq!((numbers, recorded.dropped), (vec![two], 1));
    assert_eq!(world.token(two).await, None);
}

#[tokio::test]
async fn a_replaced_token_is_stored_where_the_old_one_still_is() {
    let world = World::new().await;
    let one = world.register("p", "old", 0).await;
    let two = world.register("q", "other", 0).await;
    let replaced = |sent, from, to: &str, at| {
        world.receipt(sent, from, Arrival::Replaced(Secret::new(to)), at)
    };
    // The phone has registered since, in one case by the vendor's clock, in the other since it was sent to.
    world.register("q", "newer", 100).await;
    for late in [
        replaced(50, "other", "new", None),
        replaced(50, "newer", "new", None),
        replaced(150, "newer", "new", Some(99)),
        replaced(150, "nobody's", "new", None),
    ] {
        let (recorded, numbers) = world.record(&[late]).await;
        assert_eq!((recorded.replaced, numbers), (0, Vec::new()));
    }
    assert_eq!(world.token(two).await.as_deref(), Some("newer"));
    let delivered = |token| world.receipt(50, token, Arrival::Delivered, Some(60));
    let receipts = [replaced(50, "old", "new", Some(60)), delivered("old")];
    let (recorded, numbers) = world.record(&receipts).await;
    assert_eq!(
        (recorded.replaced, recorded.events, numbers),
        (1, 1, vec![one])
    );
    assert_eq!(world.token(one).await.as_deref(), Some("new"));
    // Told again, and what was sent to the old one is still the device's.
    let (recorded, numbers) = world.record(&receipts).await;
    assert_eq!((recorded.replaced, numbers), (0, vec![one]));
}
