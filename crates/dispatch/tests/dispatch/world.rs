//! One process after the other over one in-memory engine, with phones and vendors around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pushtally_channel::Channel as Carrier;
use pushtally_dispatch::{AcceptError, Dispatch, Parts, Push, Settings, Turn};
use pushtally_model::{
    Account, App, AppId, Audience, Channel, Clock, DeviceFacts, Entropy, Environment, ManualClock,
    Notification, Number, RegistrationId, Secret, TaskKind, Token, TokenKind,
};
use pushtally_stats::{Options, Stats};
use pushtally_store::{
    Claim, Engine, Registered, Registration, SecretHash, StoreError, StoredTask, memory,
};

use crate::fuse::Fuse;
use crate::fused::{FusedTasks, fused};
use crate::phones::{Connected, Memory, Script, Scripted};

pub(crate) const START: i64 = 1_764_136_800;

/// Different bytes every time.
#[derive(Debug, Default)]
struct Counting(AtomicU32);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), std::io::Error> {
        let drawn = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        buffer
            .iter_mut()
            .zip(drawn)
            .for_each(|(to, from)| *to = from);
        Ok(())
    }
}

/// A process.
pub(crate) struct Process {
    pub(crate) stats: Arc<Stats>,
    pub(crate) dispatch: Arc<Dispatch>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) inner: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) connected: Arc<Connected>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) channels: BTreeMap<Channel, Arc<Scripted>>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) settings: Settings,
    entropy: Arc<Counting>,
    script: Script,
    tasks: Option<Arc<FusedTasks>>,
    process: Option<Process>,
    seed: u64,
    hiccups: bool,
}

/// The channels that something implements. What has a token of another one is lost for want of credentials.
pub(crate) const IMPLEMENTED: [Channel; 3] = [Channel::Online, Channel::Apns, Channel::Fcm];

impl World {
    /// With no workers: jobs are worked by turns.
    pub(crate) async fn calm(script: Script) -> Self {
        let settings = Settings {
            workers: 0,
            chunks_at_once: 1,
            vendor_chunks_at_once: 1,
            broadcast_gap_ms: 0,
            return_grace: std::time::Duration::ZERO,
            ..Settings::default()
        };
        let mut world = Self::new(0, false, script, settings);
        world.start().await;
        world
    }

    /// Not started.
    pub(crate) fn new(seed: u64, hiccups: bool, script: Script, settings: Settings) -> Self {
        Self {
            inner: memory::engine(),
            clock: Arc::new(ManualClock::at_unix(START)),
            connected: Arc::default(),
            memory: Arc::default(),
            channels: BTreeMap::new(),
            fuse: Fuse::new(seed, false),
            settings,
            entropy: Arc::default(),
            script,
            tasks: None,
            process: None,
            seed,
            hiccups,
        }
    }

    pub(crate) fn dispatch(&self) -> &Arc<Dispatch> {
        &self.process.as_ref().unwrap().dispatch
    }

    pub(crate) fn stats(&self) -> &Arc<Stats> {
        &self.process.as_ref().unwrap().stats
    }

    pub(crate) fn channel(&self, channel: Channel) -> &Scripted {
        &self.channels[&channel]
    }

    /// The process is gone; what it had handed to the log may or may not be in it.
    pub(crate) async fn crash(&mut self) {
        if let Some(process) = self.process.take() {
            drop(process.dispatch);
            // A ledger whose log has crashed says so.
            let _ = process.stats.close().await;
        }
        if let Some(tasks) = self.tasks.take() {
            tasks.forget_claims().await;
        }
        self.memory.crash();
    }

    /// Starts a process. `false` when it crashed while starting.
    async fn try_start(&mut self, crash_at: Option<(u32, bool)>) -> bool {
        self.seed += 1_000_003;
        self.fuse = Fuse::new(self.seed, self.hiccups);
        let (engine, tasks) = fused(&self.inner, &self.fuse);
        self.tasks = Some(tasks);
        let scripted = |channel| {
            let scripted = Scripted::new(channel, self.script, &self.memory, &self.fuse, self.seed);
            (channel, scripted)
        };
        self.channels = IMPLEMENTED.into_iter().map(scripted).collect();
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let stats = Stats::open(engine.clone(), Arc::clone(&clock), Options::default())
            .await
            .unwrap();
        if let Some((calls, before)) = crash_at {
            self.fuse.light(calls, before);
        }
        let carriers = self
            .channels
            .iter()
            .map(|(channel, scripted)| (*channel, Arc::clone(scripted) as Arc<dyn Carrier>));
        let parts = Parts {
            tasks: engine.tasks,
            devices: engine.devices,
            accounts: engine.accounts,
            identities: engine.identities,
            stats: Arc::clone(&stats),
            presence: Arc::clone(&self.connected) as _,
            channels: carriers.collect(),
            clock,
            entropy: Arc::clone(&self.entropy) as _,
        };
        let started = tokio::select! {
            biased;
            () = self.fuse.blown() => None,
            started = Dispatch::start(parts, self.settings.clone()) => Some(started),
        };
        match started {
            Some(Ok(dispatch)) => {
                self.process = Some(Process { stats, dispatch });
                true
            }
            // A start that meets a full disk or a crash is tried again.
            Some(Err(StoreError::Busy { .. } | StoreError::Full { .. })) | None => {
                let _ = stats.close().await;
                self.crash().await;
                false
            }
            Some(Err(error)) => panic!("{error}"),
        }
    }

    pub(crate) async fn start(&mut self) {
        while !self.try_start(None).await {}
        self.fuse.put_out();
    }

    /// Answers whether the first attempt went through.
    pub(crate) async fn start_with_crash(&mut self, calls: u32, before: bool) -> bool {
        let started = self.try_start(Some((calls, before))).await;
        if !started {
            self.start().await;
        }
        self.fuse.put_out();
        started
    }

    /// Works until nothing may run now. At most so many turns.
    pub(crate) async fn work(&self, turns_max: usize) -> usize {
        for turns in 0..turns_max {
            if let Turn::Idle { .. } = self.dispatch().turn(Claim::Any).await {
                return turns;
            }
        }
        panic!("still working after {turns_max} turns");
    }

    /// Works, moving the clock to wherever a job waits, until no job is left to wait for.
    pub(crate) async fn work_to_the_end(&self) {
        for _ in 0..10_000 {
            if !matches!(self.dispatch().turn(Claim::Any).await, Turn::Idle { .. }) {
                continue;
            }
            let now_ms = self.clock.now_ms();
            match self.inner.tasks.next_job_at(now_ms).await.unwrap() {
                Some(at_ms) => self.clock.advance_ms((at_ms - now_ms).max(1)),
                None => return,
            }
        }
        panic!("the work has no end");
    }

    pub(crate) async fn register(
        &self,
        app: AppId,
        phone: &str,
        account: Option<&str>,
        facts: DeviceFacts,
    ) -> Number {
        let registration = Registration {
            registration_id: RegistrationId::new(phone).unwrap(),
            account: account.map(|account| Account::new(account).unwrap()),
            secret: SecretHash([7; 32]),
            facts,
            at: self.clock.now(),
        };
        let registered = self
            .inner
            .devices
            .register_device(app, &registration, 1 << 20);
        match registered.await.unwrap() {
            Registered::New { number, .. }
            | Registered::Changed { number }
            | Registered::Same { number } => number,
            refused => panic!("{refused:?}"),
        }
    }

    pub(crate) async fn accept(&self, app: &App, push: Push) -> Result<StoredTask, AcceptError> {
        self.dispatch().accept(app, push).await
    }
}

pub(crate) fn app(id: u32) -> App {
    let mut app = App::new(AppId(id), Secret::new("key"));
    app.broadcasts_per_day = 0;
    app
}

pub(crate) fn token(channel: Channel, value: &str) -> Token {
    Token {
        channel,
        kind: TokenKind::Alert,
        value: Secret::new(value),
        cert_id: 0,
        environment: Environment::Production,
    }
}

pub(crate) fn facts(
    token_of: Option<Channel>,
    vendor: Option<Channel>,
    phone: &str,
) -> DeviceFacts {
    DeviceFacts {
        tokens: token_of
            .map(|channel| token(channel, phone))
            .into_iter()
            .collect(),
        vendor,
        ..DeviceFacts::default()
    }
}

/// A push to everyone, or to these names.
pub(crate) fn push(random: u32, names: Option<&[&str]>) -> Push {
    Push {
        kind: names.map_or(TaskKind::Broadcast, |_| TaskKind::Batch),
        sender: "administrator".to_owned(),
        random,
        body_hash: [0; 32],
        data_id: String::new(),
        audience: match names {
            None => Audience::Everyone,
            Some(names) => {
                let accounts = names.iter().map(|name| Account::new(*name).unwrap());
                Audience::Accounts(accounts.collect())
            }
        },
        notification: Notification {
            title: "title".to_owned(),
            ..Notification::default()
        },
        life_time_s: None,
        on_unknown: None,
        id: None,
        message: None,
    }
}
