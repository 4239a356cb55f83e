use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pushtally_model::{
    Channel, Kind, Number, Origin, Route, Second, Stage, TaskKey, TaskNumber, What,
};
use tokio::task::JoinSet;

use super::*;

const APP: AppId = AppId(1);
const QUIET_APP: AppId = AppId(2);
const MANY: u32 = BURST_CALLERS_MIN as u32;

/// A ledger that counts its calls, and refuses when told to.
#[derive(Default)]
struct Ledger {
    calls: AtomicUsize,
    full: AtomicBool,
}

#[async_trait]
impl Report for Ledger {
    async fn report(&self, _: Source, _: Vec<Event>) -> Outcome {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.full.load(Ordering::Relaxed) {
            true => Err(busy("ledger")),
            false => Ok(()),
        }
    }
}

struct World {
    ledger: Arc<Ledger>,
    gatherer: Arc<Gatherer>,
    start: Instant,
    _running: JoinSet<()>,
}

impl World {
    fn new() -> Self {
        let ledger = Arc::new(Ledger::default());
        let gatherer = Arc::new(Gatherer::new(Arc::clone(&ledger) as Arc<dyn Report>));
        let run = Arc::clone(&gatherer);
        let mut running = JoinSet::new();
        running.spawn(async move { run.run().await });
        Self {
            ledger,
            gatherer,
            start: Instant::now(),
            _running: running,
        }
    }

    /// These phones of an app report at once; yields for each how it ended, and how long after the start.
    fn report(&self, phones: u32, tell: Tell) -> JoinSet<(Outcome, Duration)> {
        let mut callers = JoinSet::new();
        for phone in 0..phones {
            let (gatherer, start) = (Arc::clone(&self.gatherer), self.start);
            callers.spawn(async move {
                let outcome = gatherer.record(vec![event(phone)], tell).await;
                (outcome, start.elapsed())
            });
        }
        callers
    }
}

fn event(phone: u32) -> Event {
    let way = (Route::Online, Channel::Online);
    let delivered = What::Reached(Stage::Delivered);
    let task = TaskKey {
        number: TaskNumber(1),
        kind: Kind::Push,
        origin: Origin::Own,
    };
    Event::new(APP, task, Number(phone), way, delivered, Second(1)).unwrap()
}

/// When the last was told that it is recorded.
async fn told(callers: JoinSet<(Outcome, Duration)>) -> Duration {
    let ended = callers.join_all().await;
    assert!(ended.iter().all(|(outcome, _)| outcome.is_ok()));
    ended.into_iter().map(|(_, after)| after).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn few_are_told_at_once() {
    let world = World::new();
    let phones = world.report(MANY - 1, Tell::AfterBurst(APP));
    assert_eq!(told(phones).await, Duration::ZERO);
    assert_eq!(world.ledger.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_burst_waits_for_its_end_and_nobody_else_does() {
    let world = World::new();
    let burst = world.report(MANY, Tell::AfterBurst(APP));
    let impatient = world.report(MANY, Tell::AtOnce);
    let quiet = world.report(MANY - 1, Tell::AfterBurst(QUIET_APP));
    assert_eq!(told(impatient).await, Duration::ZERO);
    assert_eq!(told(quiet).await, Duration::ZERO);
    assert_eq!(told(burst).await, BURST_LULL);
    assert_eq!(world.ledger.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_burst_without_an_end_is_told_in_time_in_few_calls() {
    let world = World::new();
    let first = world.report(MANY, Tell::AfterBurst(APP));
    let mut later = Vec::new();
    while world.start.elapsed() < 2 * BURST_WAIT_MAX {
        later.push(world.report(MANY, Tell::AfterBurst(APP)));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let first = told(first).await;
    assert!((BURST_WAIT_MAX..BURST_WAIT_MAX + BURST_LULL).contains(&first));
    let calls = world.ledger.calls.load(Ordering::Relaxed);
    let calls_max = 2 * BURST_WAIT_MAX.as_millis() / BURST_GATHER.as_millis();
    assert!(calls as u128 <= calls_max + 2, "{calls} calls");
    for callers in later {
        told(callers).await;
    }
    assert!(world.start.elapsed() <= 3 * BURST_WAIT_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_at_once_and_only_to_whom_it_concerns() {
    let world = World::new();
    let recorded = world.report(MANY, Tell::AfterBurst(APP));
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.ledger.full.store(true, Ordering::Relaxed);
    let refused = world.report(MANY, Tell::AfterBurst(APP));
    for (outcome, after) in refused.join_all().await {
        assert!(matches!(outcome, Err(StoreError::Busy { .. })));
        assert_eq!(after, BURST_GATHER);
    }
    assert_eq!(told(recorded).await, BURST_LULL);
}
