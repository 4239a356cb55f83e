//! An engine on a directory beside one in memory, and what a history knows of both.

use pushtally_model::{Device, Second};
use pushtally_store::{Addressed, Engine, Job, StoreError, memory};
use pushtally_store_local::{LocalEngine, LocalOptions};

use crate::diary::Diary;
use crate::fixture::{APP, APPS, START, open_free, token};
use crate::seen::{Order, look};

/// The two engines, and what the history knows.
pub(crate) struct Pair {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) local: Option<LocalEngine>,
    pub(crate) ports: Engine,
    pub(crate) memory: Engine,
    pub(crate) orders: (Order, Order),
    pub(crate) claimed: Vec<Job>,
    pub(crate) known_jobs: Vec<Job>,
    pub(crate) diary: Diary,
    pub(crate) now_ms: i64,
}

macro_rules! both {
    ($pair:ident, $port:ident . $act:ident ( $($arg:expr),* )) => {{
        let local = $pair.ports.$port.$act($($arg),*).await;
        let memory = $pair.memory.$port.$act($($arg),*).await;
        (local, memory)
    }};
}
pub(crate) use both;

/// Both succeeded or both failed alike; texts may differ.
pub(crate) fn alike<R: PartialEq + std::fmt::Debug>(
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
    pub(crate) fn new() -> Self {
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

    pub(crate) fn now(&self) -> Second {
        Second((self.now_ms / 1000) as u32)
    }

    pub(crate) fn ports(&self) -> [(&Engine, &Order); 2] {
        let (first, second) = &self.orders;
        [(&self.ports, first), (&self.memory, second)]
    }

    /// Writes down whose each token is, by looking at every device.
    pub(crate) async fn note_holders(&mut self) {
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

    /// The engine is dropped as a crash would leave it, or closed. Claims and waiting times are forgotten.
    pub(crate) async fn restart(&mut self) {
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

    pub(crate) async fn look(&self) {
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

fn open(dir: &tempfile::TempDir) -> LocalEngine {
    open_free(dir.path(), LocalOptions::default())
}
