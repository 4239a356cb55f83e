//! Random acts on the embedded engine and on the one in memory, with restarts of the first in between: both answer the same.
//!
//! Numbers differ (blocks leave gaps), so they are compared by the order in which they were given.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use pushtally_model::{
    Account, AppId, AttributeNames, Audience, Channel, Device, DeviceFacts, Environment,
    FixedEntropy, Notification, Number, OnUnknown, RegistrationId, Revocation, Second, Secret,
    TaskDraft, TaskId, TaskKind, TaskState, Token, TokenKind, Urgency,
};
use pushtally_store::{
    AcceptLimits, Addressed, AuditEntry, Claim, ClaimedJob, DeadToken, DeviceChange, Engine, Job,
    Labelled, Part, Registered, Registration, ReplacedToken, Restoring, SecretHash, StoreError,
    StoredTask, TaskSeq, Unregistered, Updated, memory,
};
use pushtally_store_local::{LocalEngine, LocalError, LocalOptions, restore};

use crate::diary::Diary;
use crate::labelled::{self, LabelStep};

pub(crate) const APP: AppId = AppId(1_400_000_000);
const APPS: [AppId; 2] = [APP, AppId(7)];
const START: u32 = 1_700_000_000;

pub(crate) fn rid(n: u32) -> RegistrationId {
    RegistrationId::new(format!("phone-{n}")).unwrap()
}

pub(crate) fn secret(n: u32) -> SecretHash {
    SecretHash([n as u8; 32])
}

fn account(n: u8) -> Account {
    Account::new(format!("user-{n}")).unwrap()
}

fn token(n: u8) -> Token {
    Token {
        channel: if n.is_multiple_of(2) {
            Channel::Fcm
        } else {
            Channel::Apns
        },
        kind: TokenKind::Alert,
        value: Secret::new(format!("token-{n}")),
        cert_id: 1,
        environment: Environment::Production,
    }
}

fn registration(n: u32, name: Option<&str>) -> Registration {
    Registration {
        registration_id: rid(n),
        account: name.map(|name| Account::new(name).unwrap()),
        secret: secret(n),
        facts: DeviceFacts::default(),
        at: Second(START),
    }
}

pub(crate) async fn register(ports: &Engine, n: u32, name: Option<&str>) -> Registered {
    let devices = &ports.devices;
    let registration = registration(n, name);
    devices
        .register_device(APP, &registration, u64::MAX)
        .await
        .unwrap()
}

pub(crate) fn draft(n: u32) -> TaskDraft {
    TaskDraft {
        app: APP,
        id: TaskId::new(format!("task-{n}")).unwrap(),
        kind: TaskKind::Broadcast,
        urgency: Urgency::Bulk,
        sender: "administrator".to_owned(),
        random: n,
        body_hash: [1; 32],
        data_id: String::new(),
        audience: Audience::Everyone,
        notification: Notification::default(),
        accepted_at: Second(START + n),
        deadline: Second(START + n + 1000),
        on_unknown: if n.is_multiple_of(2) {
            OnUnknown::Repeat
        } else {
            OnUnknown::Skip
        },
        message: None,
    }
}

/// Everything that the ports show.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) devices: BTreeMap<Number, Device>,
    accounts: Vec<(bool, Vec<Number>)>,
    labels: Vec<(AttributeNames, Vec<Option<Labelled>>)>,
    counts: Vec<u64>,
    shards: Vec<Vec<u16>>,
    ends: BTreeMap<AppId, u32>,
    tasks: Vec<(StoredTask, usize, Option<Revocation>)>,
    paused: Vec<bool>,
    audit: Vec<AuditEntry>,
}

pub(crate) async fn look(ports: &Engine) -> Seen {
    let mut seen = Seen {
        devices: BTreeMap::new(),
        accounts: Vec::new(),
        labels: Vec::new(),
        counts: Vec::new(),
        shards: Vec::new(),
        ends: ports.devices.device_numbers_end().await.unwrap(),
        tasks: Vec::new(),
        paused: Vec::new(),
        audit: ports.audit.entries(None, None, 1000).await.unwrap(),
    };
    for app in APPS {
        seen.counts
            .push(ports.devices.count_devices(app).await.unwrap());
        seen.labels.push(labelled::look(ports, app).await);
        seen.paused.push(ports.tasks.app_paused(app).await.unwrap());
        let shards = ports.devices.device_shards(app).await.unwrap();
        for shard in &shards {
            let mut visit = |device: Device| {
                // Numbers of the second app are moved out of the way of the first one's.
                let number = Number(device.number.0 + u32::from(app != APP) * 0x4000_0000);
                assert_eq!(seen.devices.insert(number, device), None);
                ControlFlow::Continue(())
            };
            ports
                .devices
                .visit_shard(app, *shard, &mut visit)
                .await
                .unwrap();
        }
        seen.shards.push(shards);
        for n in 0..4 {
            let devices = ports
                .devices
                .devices_of_account(app, &account(n))
                .await
                .unwrap();
            let known = ports.devices.account_known(app, &account(n)).await.unwrap();
            let numbers = devices.iter().map(|device| device.number).collect();
            seen.accounts.push((known, numbers));
        }
    }
    for task in ports.tasks.list_tasks(None, None, 1000).await.unwrap() {
        let left = ports.tasks.jobs_left(task.seq).await.unwrap();
        let revocation = ports.tasks.revocation(task.seq).await.unwrap();
        seen.tasks.push((task, left, revocation));
    }
    seen
}

/// Numbers in the order in which they were given, by app.
#[derive(Default)]
struct Order(BTreeMap<(AppId, Number), Number>);

impl Order {
    fn give(&mut self, app: AppId, number: Number) {
        let given = self.0.keys().filter(|(other, _)| *other == app).count() as u32;
        let again = self.0.insert((app, number), Number(given));
        assert_eq!(again, None, "number {number} was given before");
    }

    fn of(&self, app: AppId, number: Number) -> Number {
        self.0[&(app, number)]
    }

    /// The number that was given as this one.
    fn given(&self, app: AppId, place: Number) -> Option<Number> {
        let mut all = self.0.iter();
        let found = all.find(|((of, _), given)| *of == app && **given == place);
        found.map(|((_, number), _)| *number)
    }

    fn all(&self, app: AppId) -> impl Iterator<Item = Number> {
        let keys = self.0.keys();
        keys.filter(move |(of, _)| *of == app)
            .map(|(_, number)| *number)
    }

    /// What was seen, with numbers by order; ends and shards follow from the gaps and are left out.
    fn seen(&self, seen: Seen) -> Seen {
        let mut devices = BTreeMap::new();
        for (moved, mut device) in seen.devices {
            let app = APPS[usize::from(moved.0 >= 0x4000_0000)];
            device.number = self.of(app, device.number);
            devices.insert(
                Number(device.number.0 + u32::from(app != APP) * 0x4000_0000),
                device,
            );
        }
        let accounts = seen
            .accounts
            .into_iter()
            .enumerate()
            .map(|(at, (known, numbers))| {
                let app = APPS[at / 4];
                (
                    known,
                    numbers
                        .into_iter()
                        .map(|number| self.of(app, number))
                        .collect(),
                )
            });
        Seen {
            devices,
            accounts: accounts.collect(),
            shards: Vec::new(),
            ends: BTreeMap::new(),
            ..seen
        }
    }

    fn registered(&mut self, app: AppId, answer: Registered) -> Registered {
        match answer {
            Registered::New { number, replaced } => {
                self.give(app, number);
                Registered::New {
                    number: self.of(app, number),
                    replaced: replaced.map(|number| self.of(app, number)),
                }
            }
            Registered::Changed { number } => Registered::Changed {
                number: self.of(app, number),
            },
            Registered::Claimed { number } => Registered::Claimed {
                number: self.of(app, number),
            },
            Registered::Same { number } => Registered::Same {
                number: self.of(app, number),
            },
            Registered::OtherSecret | Registered::Full => answer,
        }
    }

    fn updated(&self, app: AppId, answer: Updated) -> Updated {
        match answer {
            Updated::Changed(number) => Updated::Changed(self.of(app, number)),
            Updated::Same(number) => Updated::Same(self.of(app, number)),
            Updated::Nothing | Updated::OtherSecret => answer,
        }
    }

    fn unregistered(&self, app: AppId, answer: Unregistered) -> Unregistered {
        match answer {
            Unregistered::Done(number) => Unregistered::Done(self.of(app, number)),
            Unregistered::Nothing | Unregistered::OtherSecret => answer,
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Register {
        app: usize,
        phone: u32,
        account: Option<u8>,
        tokens: Vec<u8>,
        wrong: bool,
        max: u64,
    },
    Update {
        app: usize,
        phone: u32,
        tokens: Option<Vec<u8>>,
        model: Option<u8>,
    },
    Unregister {
        app: usize,
        phone: u32,
    },
    /// Of whoever has it, as known so many milliseconds ago.
    Drop {
        app: usize,
        token: u8,
        ago_ms: i64,
    },
    Restore {
        app: usize,
        channel: Channel,
        ago_s: u32,
    },
    Replace {
        app: usize,
        token: u8,
        by: u8,
        ago_ms: i64,
    },
    Accept {
        app: usize,
        n: u32,
        batch: bool,
        shards: Option<Vec<u16>>,
        limits: (u32, u32, usize),
    },
    SetState {
        n: u32,
        state: TaskState,
    },
    Revoke {
        n: u32,
        instead: bool,
    },
    SetAppPaused {
        app: usize,
        paused: bool,
    },
    ClaimAll {
        urgent: bool,
    },
    Note {
        pick: usize,
        numbers: Vec<u32>,
    },
    Finish {
        pick: usize,
        next: Vec<(Option<u16>, bool)>,
    },
    Release {
        pick: usize,
        after_ms: i64,
    },
    Reopen {
        task: u64,
        shards: Vec<u16>,
    },
    Labels {
        app: usize,
        step: LabelStep,
    },
    Audit,
    Time {
        ms: i64,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let tokens = || prop::collection::btree_set(0..5u8, 0..3);
    let tokens = move || tokens().prop_map(|tokens| tokens.into_iter().collect::<Vec<u8>>());
    let state = prop_oneof![
        Just(TaskState::Running),
        Just(TaskState::Paused),
        Just(TaskState::Cancelled)
    ];
    prop_oneof![
        8 => (0..2usize, 0..6u32, prop::option::of(0..3u8), tokens(), prop::bool::weighted(0.1), 2..8u64)
            .prop_map(|(app, phone, account, tokens, wrong, max)| Step::Register { app, phone, account, tokens, wrong, max }),
        3 => (0..2usize, 0..6u32, prop::option::of(tokens()), prop::option::of(0..3u8))
            .prop_map(|(app, phone, tokens, model)| Step::Update { app, phone, tokens, model }),
        3 => (0..2usize, 0..6u32).prop_map(|(app, phone)| Step::Unregister { app, phone }),
        3 => (0..2usize, 0..5u8, 0..4000i64).prop_map(|(app, token, ago_ms)| Step::Drop { app, token, ago_ms }),
        2 => (0..2usize, prop_oneof![Just(Channel::Fcm), Just(Channel::Apns)], 0..9u32)
            .prop_map(|(app, channel, ago_s)| Step::Restore { app, channel, ago_s }),
        2 => (0..2usize, 0..5u8, 0..5u8, 0..4000i64).prop_map(|(app, token, by, ago_ms)| Step::Replace { app, token, by, ago_ms }),
        5 => (0..2usize, 0..8u32, any::<bool>(), prop::option::of(prop::collection::vec(0..4u16, 0..4)), (1..6u32, 0..3u32, 1..6usize))
            .prop_map(|(app, n, batch, shards, limits)| Step::Accept { app, n, batch, shards, limits }),
        2 => (0..8u32, state).prop_map(|(n, state)| Step::SetState { n, state }),
        2 => (0..8u32, any::<bool>()).prop_map(|(n, instead)| Step::Revoke { n, instead }),
        1 => (0..2usize, any::<bool>()).prop_map(|(app, paused)| Step::SetAppPaused { app, paused }),
        4 => any::<bool>().prop_map(|urgent| Step::ClaimAll { urgent }),
        4 => (any::<usize>(), prop::collection::vec((prop::option::of(0..4u16), any::<bool>()), 0..3))
            .prop_map(|(pick, next)| Step::Finish { pick, next }),
        3 => (any::<usize>(), prop::collection::btree_set(0..9u32, 0..4))
            .prop_map(|(pick, numbers)| Step::Note { pick, numbers: numbers.into_iter().collect() }),
        2 => (any::<usize>(), 0..5000i64).prop_map(|(pick, after_ms)| Step::Release { pick, after_ms }),
        1 => (1..9u64, prop::collection::vec(0..4u16, 0..3)).prop_map(|(task, shards)| Step::Reopen { task, shards }),
        10 => (0..2usize, labelled::step()).prop_map(|(app, step)| Step::Labels { app, step }),
        1 => Just(Step::Audit),
        2 => (0..3000i64).prop_map(|ms| Step::Time { ms }),
        1 => Just(Step::Restart),
    ]
}

/// A device's number, or one that no device has.
fn number_of(order: &Order, app: AppId, place: Option<Number>) -> Number {
    let given = place.and_then(|place| order.given(app, place));
    given.unwrap_or(Number(u32::MAX - 1))
}

/// The two engines, and what the history knows.
struct Pair {
    dir: tempfile::TempDir,
    local: Option<LocalEngine>,
    ports: Engine,
    memory: Engine,
    orders: (Order, Order),
    claimed: Vec<Job>,
    known_jobs: Vec<Job>,
    diary: Diary,
    now_ms: i64,
}

macro_rules! both {
    ($pair:ident, $port:ident . $act:ident ( $($arg:expr),* )) => {{
        let local = $pair.ports.$port.$act($($arg),*).await;
        let memory = $pair.memory.$port.$act($($arg),*).await;
        (local, memory)
    }};
}

/// Both succeeded or both failed alike; texts may differ.
fn alike<R: PartialEq + std::fmt::Debug>(
    local: Result<R, StoreError>,
    memory: Result<R, StoreError>,
) {
    match (local, memory) {
        (Ok(local), Ok(memory)) => assert_eq!(local, memory),
        (Err(local), Err(memory)) => {
            assert_eq!(
                std::mem::discriminant(&local),
                std::mem::discriminant(&memory),
                "{local:?}"
            );
        }
        (local, memory) => panic!("{local:?} is not {memory:?}"),
    }
}

impl Pair {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let local = open(&dir);
        Self {
            ports: local.engine(),
            local: Some(local),
            dir,
            memory: memory::engine(),
            orders: Default::default(),
            claimed: Vec::new(),
            known_jobs: Vec::new(),
            diary: Diary::default(),
            now_ms: i64::from(START) * 1000,
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Register {
                app,
                phone,
                account: name,
                tokens,
                wrong,
                max,
            } => {
                let app = APPS[app];
                let mut registration = registration(phone, None);
                registration.at = self.now();
                registration.account = name.map(account);
                registration.facts.tokens = tokens.into_iter().map(token).collect();
                registration.secret = secret(phone + u32::from(wrong));
                let (local, memory) = both!(self, devices.register_device(app, &registration, max));
                let (first, second) = &mut self.orders;
                let (local, memory) = (local.unwrap(), memory.unwrap());
                assert_eq!(first.registered(app, local), second.registered(app, memory));
            }
            Step::Update {
                app,
                phone,
                tokens,
                model,
            } => {
                let change = DeviceChange {
                    tokens: tokens.map(|tokens| tokens.into_iter().map(token).collect()),
                    model: model.map(|model| model.to_string()),
                    at: self.now(),
                    ..DeviceChange::default()
                };
                let app = APPS[app];
                let (local, memory) = both!(
                    self,
                    devices.update_device(app, &rid(phone), secret(phone), &change)
                );
                let (first, second) = &self.orders;
                assert_eq!(
                    first.updated(app, local.unwrap()),
                    second.updated(app, memory.unwrap())
                );
            }
            Step::Unregister { app, phone } => {
                let app = APPS[app];
                let (local, memory) = both!(
                    self,
                    devices.unregister_device(app, &rid(phone), secret(phone), self.now())
                );
                let (first, second) = &self.orders;
                assert_eq!(
                    first.unregistered(app, local.unwrap()),
                    second.unregistered(app, memory.unwrap())
                );
            }
            Step::Drop {
                app: at,
                token: n,
                ago_ms,
            } => {
                let app = APPS[at];
                let since_ms = Some(self.now_ms - ago_ms);
                let mut dropped = Vec::new();
                for (ports, order) in self.ports() {
                    let number = number_of(order, app, self.diary.holder(at, n));
                    let dead = DeadToken {
                        number,
                        token: token(n),
                        since_ms,
                    };
                    let devices = &ports.devices;
                    dropped.push(devices.drop_tokens(app, &[dead], self.now()).await.unwrap());
                }
                assert_eq!(dropped[0], dropped[1]);
            }
            Step::Restore {
                app,
                channel,
                ago_s,
            } => {
                let app = APPS[app];
                let what = Restoring {
                    channel,
                    cert_id: None,
                    since: Second(self.now().0 - ago_s),
                };
                let mut restored = Vec::new();
                for (ports, order) in self.ports() {
                    let all: Vec<Number> = order.all(app).collect();
                    let devices = &ports.devices;
                    let done = devices.restore_tokens(app, &all, &what, self.now());
                    restored.push(done.await.unwrap());
                }
                assert_eq!(restored[0], restored[1]);
            }
            Step::Replace {
                app: at,
                token: n,
                by,
                ago_ms,
            } => {
                let app = APPS[at];
                let mut done = Vec::new();
                for (ports, order) in self.ports() {
                    let replaced = ReplacedToken {
                        number: number_of(order, app, self.diary.holder(at, n)),
                        token: token(n),
                        value: token(by).value,
                        since_ms: self.now_ms - ago_ms,
                    };
                    let devices = &ports.devices;
                    done.push(
                        devices
                            .replace_tokens(app, &[replaced], self.now())
                            .await
                            .unwrap(),
                    );
                }
                assert_eq!(done[0], done[1]);
            }
            Step::Accept {
                app,
                n,
                batch,
                shards,
                limits,
            } => self.accept(APPS[app], n, batch, shards, limits).await,
            Step::SetState { n, state } => {
                let (local, memory) = both!(self, tasks.set_task_state(APP, &draft(n).id, state));
                assert_eq!(local.unwrap(), memory.unwrap());
            }
            Step::Revoke { n, instead } => {
                let revocation = Revocation {
                    at: Second((self.now_ms / 1000) as u32),
                    instead: instead.then(|| Notification {
                        title: self.now_ms.to_string(),
                        ..Notification::default()
                    }),
                };
                let id = draft(n).id;
                let (local, memory) = both!(self, tasks.revoke_task(APP, &id, &revocation, 9));
                assert_eq!(local.unwrap(), memory.unwrap());
            }
            Step::SetAppPaused { app, paused } => {
                let (local, memory) = both!(self, tasks.set_app_paused(APPS[app], paused));
                alike(local, memory);
            }
            Step::ClaimAll { urgent } => self.claim_all(urgent).await,
            Step::Note { pick, numbers } => {
                let Some(job) = self.known_job(pick) else {
                    return;
                };
                let numbers: Vec<Number> = numbers.into_iter().map(Number).collect();
                let (local, memory) = both!(self, tasks.note_calls(&job, &numbers));
                alike(local, memory);
            }
            Step::Finish { pick, next } => self.finish(pick, &next).await,
            Step::Release { pick, after_ms } => {
                if !self.claimed.is_empty() {
                    let job = self.claimed.swap_remove(pick % self.claimed.len());
                    let (local, memory) =
                        both!(self, tasks.release_job(&job, self.now_ms + after_ms));
                    alike(local, memory);
                }
            }
            Step::Reopen { task, shards } => {
                let job = |shard| Job {
                    app: APP,
                    task: TaskSeq(task),
                    shard: Some(shard),
                    part: Part::Plan,
                };
                let jobs: Vec<Job> = shards.into_iter().map(job).collect();
                let (local, memory) = both!(self, tasks.reopen_task(&jobs));
                alike(local, memory);
            }
            Step::Labels { app, step } => {
                let local = labelled::perform(&self.ports, APPS[app], &step, self.now()).await;
                let memory = labelled::perform(&self.memory, APPS[app], &step, self.now()).await;
                assert_eq!(local, memory, "{step:?}");
            }
            Step::Audit => {
                let entry = AuditEntry {
                    at: 0,
                    when: Second(START),
                    app: Some(APP),
                    who: "operator".to_owned(),
                    from: String::new(),
                    what: "push".to_owned(),
                    target: self.now_ms.to_string(),
                    body_hash: String::new(),
                    code: 0,
                };
                let (local, memory) = both!(self, audit.append_entry(&entry));
                alike(local, memory);
            }
            Step::Time { ms } => self.now_ms += ms,
            Step::Restart => self.restart().await,
        }
        let (local, memory) = both!(self, tasks.next_job_at(self.now_ms));
        alike(local, memory);
        self.note_holders().await;
    }

    fn now(&self) -> Second {
        Second((self.now_ms / 1000) as u32)
    }

    fn ports(&self) -> [(&Engine, &Order); 2] {
        let (first, second) = &self.orders;
        [(&self.ports, first), (&self.memory, second)]
    }

    /// Writes down whose each token is, by looking at every device.
    async fn note_holders(&mut self) {
        let seen = self.orders.1.seen(look(&self.memory).await);
        for (at, app) in APPS.into_iter().enumerate() {
            for n in 0..5 {
                let has = |device: &&Device| {
                    let mut tokens = device.facts.tokens.iter();
                    tokens.any(|held| {
                        held.channel == token(n).channel && held.value == token(n).value
                    })
                };
                let of_app = seen
                    .devices
                    .iter()
                    .filter(|(moved, _)| (moved.0 < 0x4000_0000) == (app == APP));
                let holder = of_app.map(|(_, device)| device).find(has);
                self.diary
                    .note(at, n, self.now(), holder.map(|device| device.number));
            }
        }
    }

    /// Whoever had a token at any second is still known, in both engines.
    async fn compare_holders(&self) {
        for (at, app) in APPS.into_iter().enumerate() {
            for n in 0..5 {
                for (second, expected) in self.diary.of(at, n) {
                    let asked = Addressed {
                        channel: token(n).channel,
                        value: token(n).value,
                        at: second,
                    };
                    for (ports, order) in self.ports() {
                        let found = ports
                            .devices
                            .holders(app, std::slice::from_ref(&asked))
                            .await
                            .unwrap();
                        let found = found[0].map(|number| order.of(app, number));
                        assert_eq!(found, expected, "token {n} of app {at} at {second:?}");
                    }
                }
            }
        }
    }

    async fn accept(
        &mut self,
        app: AppId,
        n: u32,
        batch: bool,
        shards: Option<Vec<u16>>,
        (day, gap, open): (u32, u32, usize),
    ) {
        let limits = AcceptLimits {
            broadcasts_per_day: Some(day),
            day_begins: Second(START),
            now_ms: self.now_ms,
            broadcast_gap_ms: gap * 700,
            open_tasks_max: open,
        };
        let mut draft = TaskDraft { app, ..draft(n) };
        if batch {
            draft.kind = TaskKind::Batch;
            draft.urgency = Urgency::Urgent;
            draft.audience = Audience::Accounts(vec![account(1)]);
        }
        draft.accepted_at = Second((self.now_ms / 1000) as u32);
        draft.deadline = Second(draft.accepted_at.0 + n);
        let (local, memory) = both!(self, tasks.accept_task(&draft, shards.as_deref(), &limits));
        alike(local, memory);
    }

    /// In which order may differ after a restart, since turns are not kept.
    async fn claim_all(&mut self, urgent: bool) {
        let claim = if urgent { Claim::Urgent } else { Claim::Any };
        let mut found: [Vec<ClaimedJob>; 2] = Default::default();
        for (ports, found) in [&self.ports, &self.memory].into_iter().zip(&mut found) {
            while let Some(claimed) = ports.tasks.claim_job(claim, self.now_ms).await.unwrap() {
                found.push(claimed);
            }
            found.sort_unstable_by_key(|claimed| claimed.job);
        }
        let [local, memory] = found;
        assert_eq!(local, memory);
        self.claimed.extend(local.iter().map(|claimed| claimed.job));
        self.known_jobs
            .extend(local.iter().map(|claimed| claimed.job));
    }

    fn known_job(&self, pick: usize) -> Option<Job> {
        let at = pick % self.known_jobs.len().max(1);
        self.known_jobs.get(at).copied()
    }

    /// Ends a claimed job, or one that may have ended long ago.
    async fn finish(&mut self, pick: usize, next: &[(Option<u16>, bool)]) {
        let Some(job) = self.known_job(pick) else {
            return;
        };
        let next: Vec<Job> = next
            .iter()
            .map(|(shard, send)| Job {
                shard: *shard,
                part: if *send {
                    Part::Send(Channel::Online)
                } else {
                    Part::Plan
                },
                ..job
            })
            .collect();
        let at = Second((self.now_ms / 1000) as u32);
        let (local, memory) = both!(self, tasks.finish_job(&job, &next, at));
        alike(local, memory);
        self.claimed.retain(|other| *other != job);
    }

    /// The engine is dropped as a crash would leave it, or closed. Claims and waiting times are forgotten.
    async fn restart(&mut self) {
        self.look().await;
        let local = self.local.take().unwrap();
        if self.now_ms % 2 == 0 {
            local.close().unwrap();
        }
        // Ports hold the file of apps: they go too.
        self.ports = self.memory.clone();
        drop(local);
        let local = open(&self.dir);
        self.ports = local.engine();
        self.local = Some(local);
        for job in std::mem::take(&mut self.claimed) {
            self.memory.tasks.release_job(&job, 0).await.unwrap();
        }
        self.now_ms += 6000;
        self.look().await;
    }

    async fn look(&self) {
        self.compare_holders().await;
        let (first, second) = &self.orders;
        assert_eq!(
            first.seen(look(&self.ports).await),
            second.seen(look(&self.memory).await)
        );
        for job in &self.known_jobs {
            let (local, memory) = both!(self, tasks.noted_calls(job));
            assert_eq!(local.unwrap(), memory.unwrap());
        }
    }
}

/// A test beside this one may be starting a process: until that runs its program it holds what is open here, and with it the
/// lock of a directory that was closed meanwhile. The lock is free when the program runs.
pub(crate) fn open_free(dir: &std::path::Path, options: LocalOptions) -> LocalEngine {
    loop {
        match LocalEngine::open(dir, options, &FixedEntropy(5)) {
            Err(LocalError::Locked { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// What a backup restores.
pub(crate) fn restored(backup: &std::path::Path, to: &std::path::Path) -> LocalEngine {
    restore(backup, to, LocalOptions::default(), &FixedEntropy(5)).unwrap();
    open_free(to, LocalOptions::default())
}

fn open(dir: &tempfile::TempDir) -> LocalEngine {
    open_free(dir.path(), LocalOptions::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_answer_the_same_whatever_happens(steps in prop::collection::vec(step(), 20..90)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new();
            for step in steps {
                pair.step(step).await;
            }
            pair.look().await;
            pair.restart().await;
        });
    }
}

/// `PUSHTALLY_SEEDS` runs more histories.
fn cases() -> u32 {
    let asked = std::env::var("PUSHTALLY_SEEDS").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(16)
}
