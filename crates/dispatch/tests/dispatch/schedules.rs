//! Random schedules against a naive model: after every step everything planned has ended or is in flight, once; at the
//! end nothing is in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pushtally_channel::Attention;
use pushtally_dispatch::{Push, Settings, Turn};
use pushtally_model::{
    App, AppId, Channel, Clock, Event, Lane, LossId, Notification, Number, OnUnknown,
    RegistrationId, Source, TaskState,
};
use pushtally_store::{Claim, Report, Revoked, SecretHash, StoredTask, TaskSeq};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::naive::{Book, cell};
use crate::owed::Started;
use crate::phones::Script;
use crate::world::{World, app, facts, push};

/// Schedules in the gate; `PUSHTALLY_SEEDS` asks for more.
const SEEDS: u64 = 60;
const STEPS: usize = 70;
const PHONES: u32 = 9;
const ACCOUNTS: u32 = 4;

pub(crate) struct Model {
    pub(crate) world: World,
    pub(crate) book: Book,
    rng: ChaCha8Rng,
    pub(crate) apps: Vec<App>,
    /// Registered now.
    pub(crate) devices: BTreeMap<(AppId, u32), Number>,
    ever: BTreeMap<AppId, BTreeSet<Number>>,
    /// Whose tokens were dropped when the log was last looked at.
    pub(crate) dropped: BTreeSet<(AppId, Number)>,
    pub(crate) tasks: Vec<StoredTask>,
    pub(crate) cancelled: BTreeSet<String>,
    /// And what is shown instead.
    pub(crate) revoked: BTreeMap<String, Option<String>>,
    /// Whom each task must have planned in the end.
    pub(crate) owed: BTreeMap<TaskSeq, BTreeSet<Number>>,
    pub(crate) started: Option<Started>,
    met: Met,
}

/// How often something was met, by name: a schedule that meets nothing shows nothing.
type Met = BTreeMap<String, u64>;

/// What the schedules of a run must meet.
const MUST_MEET: [&str; 24] = [
    "sent",
    "expired",
    "cancelled",
    "revoked",
    "revoked between two calls",
    "cancelled between two calls",
    "told at once",
    "told on connecting",
    "unregistered",
    "token not uploaded",
    "certificate id not set",
    "slow",
    "gone",
    "bad",
    "gone for good",
    "planned instead",
    "crash within a call",
    "crash within a start",
    "missed",
    "a second shard",
    "sent again after a crash",
    "unknown_outcome",
    "planned too late",
    "waited for nobody",
];

impl Model {
    async fn new(seed: u64) -> Self {
        let settings = Settings {
            workers: 0,
            chunks_at_once: 1 + seed as usize % 4,
            vendor_chunks_at_once: 1 + seed as usize % 3,
            broadcast_gap_ms: 0,
            return_grace: Duration::from_secs([0, 3, 30][seed as usize / 4 % 3]),
            ..Settings::default()
        };
        let mut world = World::new(seed, true, Script::Random, settings);
        world.start().await;
        Self {
            world,
            book: Book::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            apps: vec![app(1_400_000_000), app(1_400_000_001)],
            devices: BTreeMap::new(),
            ever: BTreeMap::new(),
            dropped: BTreeSet::new(),
            tasks: Vec::new(),
            cancelled: BTreeSet::new(),
            revoked: BTreeMap::new(),
            owed: BTreeMap::new(),
            started: None,
            met: Met::new(),
        }
    }

    pub(crate) fn meet(&mut self, what: &str) {
        *self.met.entry(what.to_owned()).or_default() += 1;
    }

    fn any(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end)
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.any(one_in) == 0
    }

    fn app(&mut self) -> App {
        let at = if self.chance(5) { 1 } else { 0 };
        self.apps[at].clone()
    }

    async fn step(&mut self) {
        match self.any(22) {
            0..=3 => self.register().await,
            4 => self.unregister().await,
            5..=7 => self.connect(),
            8 | 9 => self.push().await,
            10 => self.batch().await,
            11 => self.acknowledge().await,
            12 => self.operate().await,
            13 => self.pause_app().await,
            14 => self
                .world
                .clock
                .advance_ms(i64::from(self.rng.random_range(1..4_000))),
            15 => self.crash().await,
            16 | 17 => self.revoke().await,
            _ => self.work().await,
        }
    }

    async fn register(&mut self) {
        let app = self.app().id;
        if self.chance(8) {
            // Numbers may have gaps: the next device is in another shard.
            let ends = BTreeMap::from([(app, self.any(4) * 65_536)]);
            self.world.inner.identities.raise(0, &ends).await.unwrap();
        }
        let phone = self.any(PHONES);
        let account = self.any(ACCOUNTS + 1);
        let account = (account < ACCOUNTS).then(|| format!("user{account}"));
        let channels = [Channel::Apns, Channel::Fcm, Channel::Huawei];
        let pick = |n: u32| channels.get(n as usize).copied();
        let (token, vendor) = (pick(self.any(5)), pick(self.any(4)));
        let name = format!("phone{phone}");
        let facts = facts(token, vendor, &name);
        let number = self
            .world
            .register(app, &name, account.as_deref(), facts)
            .await;
        if let Some(before) = self.devices.insert((app, phone), number)
            && before != number
        {
            self.world.connected.0.lock().remove(&(app, before));
        }
        self.ever.entry(app).or_default().insert(number);
    }

    async fn unregister(&mut self) {
        let (app, phone) = (self.app().id, self.any(PHONES));
        if let Some(number) = self.devices.remove(&(app, phone)) {
            let id = RegistrationId::new(format!("phone{phone}")).unwrap();
            let devices = &self.world.inner.devices;
            devices
                .unregister_device(
                    app,
                    &id,
                    SecretHash([7; 32]),
                    pushtally_model::Second(1_700_000_000),
                )
                .await
                .unwrap();
            self.world.connected.0.lock().remove(&(app, number));
        }
    }

    fn connect(&mut self) {
        let (app, phone, how) = (self.app().id, self.any(PHONES), self.any(3));
        let Some(number) = self.devices.get(&(app, phone)) else {
            return;
        };
        let mut connected = self.world.connected.0.lock();
        match how {
            0 => connected.insert((app, *number), Attention::Foreground),
            1 => connected.insert((app, *number), Attention::Background),
            _ => connected.remove(&(app, *number)),
        };
    }

    async fn push(&mut self) {
        let mut push = push(self.rng.random(), None);
        self.accept(&mut push).await;
    }

    async fn batch(&mut self) {
        let mut names: Vec<String> = Vec::new();
        for _ in 0..=self.any(3) {
            names.push(match self.any(2) {
                0 => format!("user{}", self.any(ACCOUNTS + 1)),
                _ => format!("phone{}", self.any(PHONES + 1)),
            });
        }
        names.sort();
        names.dedup();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut push = push(self.rng.random(), Some(&names));
        self.accept(&mut push).await;
        if self.chance(2) {
            self.world.crash().await;
            self.restart().await;
            if self.chance(2) {
                let back = self.devices.iter();
                let back = back.map(|((app, _), number)| ((*app, *number), Attention::Background));
                self.world.connected.0.lock().extend(back);
            }
            self.work().await;
        }
    }

    async fn accept(&mut self, push: &mut Push) {
        push.notification.online_only = self.chance(4);
        push.life_time_s = (!self.chance(3)).then(|| self.any(12));
        push.on_unknown = match self.any(3) {
            0 => None,
            1 => Some(OnUnknown::Repeat),
            _ => Some(OnUnknown::Skip),
        };
        let app = self.app();
        let task = self.world.accept(&app, push.clone()).await.unwrap();
        if push.on_unknown == Some(OnUnknown::Skip) {
            let mut once = self.world.memory.once.lock();
            once.insert(task.draft.id.clone());
        }
        let again = self.world.accept(&app, push.clone()).await.unwrap();
        assert_eq!(
            task.seq, again.seq,
            "the same push within the second is the same task"
        );
        self.tasks.push(task);
    }

    /// A phone acknowledges, or somebody claims that it did.
    async fn acknowledge(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.any(self.tasks.len() as u32) as usize;
        let task = self.tasks[at].clone();
        let Some(key) = self.key(&task).await else {
            return;
        };
        let ever = self.ever.get(&task.draft.app).cloned().unwrap_or_default();
        let mut events = Vec::new();
        for number in ever {
            if self.chance(2) {
                events.push(Event {
                    app: task.draft.app,
                    task: key,
                    cell: cell(Channel::Online, Lane::Delivered),
                    number,
                    at: self.world.clock.now(),
                    loss: LossId::NONE,
                });
            }
        }
        // The disk may be full for a moment; a phone repeats its report.
        while let Err(error) = self
            .world
            .stats()
            .report(Source::Client, events.clone())
            .await
        {
            assert!(error.may_pass(), "{error}");
        }
    }

    async fn operate(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.any(self.tasks.len() as u32) as usize;
        let task = self.tasks[at].draft.clone();
        let states = [TaskState::Running, TaskState::Paused, TaskState::Cancelled];
        let state = states[self.any(3) as usize];
        let dispatch = Arc::clone(self.world.dispatch());
        let over = Arc::clone(&self.world.memory);
        let set = async {
            let set = dispatch.set_task_state(task.app, &task.id, state).await;
            let is = set.unwrap().unwrap().state;
            if is == TaskState::Cancelled {
                over.over.lock().insert(task.id.clone());
            }
            is
        };
        let (is, worked) = self.beside_work(set).await;
        if is == TaskState::Cancelled {
            self.cancelled.insert(task.id.to_string());
            if worked {
                self.meet("cancelled between two calls");
            }
        }
        self.check_appended().await;
    }

    /// Does something, alone or while a worker takes a few turns; answers also whether one was at work.
    async fn beside_work<T>(&mut self, act: impl Future<Output = T>) -> (T, bool) {
        if self.chance(2) {
            return (act.await, false);
        }
        let dispatch = Arc::clone(self.world.dispatch());
        let turns = async {
            let mut worked = false;
            for _ in 0..3 {
                let turn = dispatch.turn(Claim::Any).await;
                assert_ne!(turn, Turn::Failed);
                worked |= turn == Turn::Worked;
            }
            worked
        };
        tokio::join!(act, turns)
    }

    /// A sender takes a push back: once.
    async fn revoke(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.any(self.tasks.len() as u32) as usize;
        let task = self.tasks[at].draft.clone();
        let instead = self.chance(2).then(|| format!("instead of {}", task.id));
        let notification = instead.clone().map(|title| Notification {
            title,
            ..Notification::default()
        });
        let dispatch = Arc::clone(self.world.dispatch());
        let memory = Arc::clone(&self.world.memory);
        let revoke = async {
            let revoked = dispatch.revoke(task.app, &task.id, notification).await;
            let revoked = revoked.unwrap();
            memory.over.lock().insert(task.id.clone());
            revoked
        };
        let (revoked, worked) = self.beside_work(revoke).await;
        let before = self.revoked.contains_key(task.id.as_str());
        match revoked {
            Revoked::Now(_) => assert!(!before),
            Revoked::Before => assert!(before),
            other => panic!("{other:?}"),
        }
        if before {
            return;
        }
        self.revoked.insert(task.id.to_string(), instead);
        if worked {
            self.meet("revoked between two calls");
        }
        self.check_appended().await;
        self.check_told(&task.id).await;
    }

    async fn pause_app(&mut self) {
        let (app, paused) = (self.app().id, self.chance(3));
        self.world
            .dispatch()
            .set_app_paused(app, paused)
            .await
            .unwrap();
    }

    /// A few turns: one after the other, or two at once.
    async fn work(&mut self) {
        for _ in 0..=self.any(5) {
            let claim = if self.chance(4) {
                Claim::Urgent
            } else {
                Claim::Any
            };
            let dispatch = Arc::clone(self.world.dispatch());
            if self.chance(3) {
                let turns = tokio::join!(dispatch.turn(Claim::Any), dispatch.turn(claim));
                assert!(turns.0 != Turn::Failed && turns.1 != Turn::Failed);
            } else {
                assert_ne!(dispatch.turn(claim).await, Turn::Failed);
            }
            self.check_appended().await;
        }
    }

    /// The process stops at a random call, before or after doing it, and another one starts; which may stop too.
    async fn crash(&mut self) {
        let (calls, before) = (1 + self.any(25), self.chance(2));
        if self.chance(3) {
            self.world.fuse.light_at_send();
        } else {
            self.world.fuse.light(calls, before);
        }
        let dispatch = Arc::clone(self.world.dispatch());
        for _ in 0..12 {
            let (fuse, two) = (
                Arc::clone(&self.world.fuse),
                self.rng.random_range(0..2) == 0,
            );
            let turns = async {
                if two {
                    tokio::join!(dispatch.turn(Claim::Any), dispatch.turn(Claim::Any));
                } else {
                    dispatch.turn(Claim::Any).await;
                }
            };
            tokio::select! {
                biased;
                () = fuse.blown() => break,
                () = turns => {}
            }
        }
        drop(dispatch);
        if self.world.fuse.is_blown() {
            self.meet("crash within a call");
        }
        self.world.crash().await;
        self.check_appended().await;
        self.restart().await;
    }

    async fn restart(&mut self) {
        if self.chance(3) {
            let (calls, before) = (1 + self.any(12), self.chance(2));
            if !self.world.start_with_crash(calls, before).await {
                self.meet("crash within a start");
            }
        } else {
            self.world.start().await;
        }
        self.note_start();
    }
}

async fn check(seed: u64) -> Met {
    println!("seed {seed}");
    let mut model = Model::new(seed).await;
    for _ in 0..STEPS {
        model.step().await;
        model.check_closed().await;
    }
    model.check_end().await;
    model.met
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_random_schedule_ends_everything_planned_exactly_once() {
    let seeds = std::env::var("PUSHTALLY_SEEDS").ok();
    let seeds = seeds.map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let mut met = Met::new();
    for seed in 0..seeds {
        for (what, times) in check(seed).await {
            *met.entry(what).or_default() += times;
        }
    }
    println!("met: {met:?}");
    for what in MUST_MEET {
        assert!(met.contains_key(what), "no schedule met `{what}`");
    }
}
