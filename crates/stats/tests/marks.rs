//! What the marks of a task answer, small and large, warm and cold, against a naive set.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use pushtally_ledger::{History, HistoryPlace};
use pushtally_model::{
    AppId, Cell, Channel, Event, Kind, Lane, LossId, ManualClock, Number, Origin, Route, Second,
    Source, TaskKey, TaskNumber, Window,
};
use pushtally_stats::{Options, Planned, Stats};
use pushtally_store::{Report, memory};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const APP: AppId = AppId(1_400_000_000);
const TASK: TaskKey = TaskKey {
    number: TaskNumber(5),
    kind: Kind::Push,
    origin: Origin::Own,
};
const WAYS: [(Route, Channel); 3] = [
    (Route::Offline, Channel::Unknown),
    (Route::Offline, Channel::Huawei),
    (Route::Online, Channel::Online),
];

type Marks = BTreeSet<(Cell, Number)>;

/// A random event of what the rules of own tasks allow, added to the naive set.
fn event(marks: &mut Marks, numbers: u32, rng: &mut ChaCha8Rng) -> Event {
    let (route, channel) = WAYS[rng.random_range(0..WAYS.len())];
    let number = Number(rng.random_range(0..numbers) * 257);
    let cell = |lane| Cell::new(route, channel, lane);
    let lanes = [
        Lane::Planned,
        Lane::Planned,
        Lane::Sent,
        Lane::LostBeforeSent,
        Lane::Delivered,
    ];
    let lane = lanes[rng.random_range(0..lanes.len())];
    let marked = |lane| marks.contains(&(cell(lane), number));
    let counts = match lane {
        Lane::Planned => true,
        Lane::Sent => marked(Lane::Planned) && !marked(Lane::LostBeforeSent),
        Lane::LostBeforeSent => marked(Lane::Planned) && !marked(Lane::Sent),
        _ => marked(Lane::Planned),
    };
    if counts {
        marks.insert((cell(lane), number));
    }
    Event {
        app: APP,
        task: TASK,
        cell: cell(lane),
        number,
        at: Second(1_764_136_800),
        loss: LossId::NONE,
    }
}

fn pending(marks: &Marks, shard: Option<u16>) -> Vec<Planned> {
    let ended = |cell: Cell, number| {
        [Lane::Sent, Lane::LostBeforeSent]
            .iter()
            .any(|lane| marks.contains(&(cell.with_lane(*lane), number)))
    };
    let open = marks.iter().filter(|(cell, number)| {
        cell.lane() == Lane::Planned
            && !ended(*cell, *number)
            && shard.is_none_or(|shard| number.shard() == shard)
    });
    open.map(|(cell, number)| (cell.route(), cell.channel(), *number))
        .collect()
}

async fn check(stats: &Stats, marks: &Marks, numbers: u32) {
    let all = stats.pending(TASK, None).await.unwrap();
    assert_eq!(all, pending(marks, None));
    let planned: BTreeSet<u16> = marks
        .iter()
        .filter(|(cell, _)| cell.lane() == Lane::Planned)
        .map(|(_, number)| number.shard())
        .collect();
    let found = stats.planned_shards(TASK).await.unwrap();
    assert!(found.iter().eq(planned.iter()));
    assert_eq!(
        stats.has_planned(TASK, None).await.unwrap(),
        !planned.is_empty()
    );
    for shard in 0..4 {
        let found = stats.pending(TASK, Some(shard)).await.unwrap();
        assert_eq!(found, pending(marks, Some(shard)));
        let has = stats.has_planned(TASK, Some(shard)).await.unwrap();
        assert_eq!(has, planned.contains(&shard));
        let kept: BTreeSet<Number> = marks
            .iter()
            .filter(|(cell, number)| {
                cell.lane() == Lane::Planned
                    && number.shard() == shard
                    && !marks.contains(&(cell.with_lane(Lane::LostBeforeSent), *number))
            })
            .map(|(_, number)| *number)
            .collect();
        let found = stats.sent_or_pending(TASK, shard).await.unwrap();
        assert!(found.iter().eq(kept.iter()));
    }
    for number in (0..numbers).step_by(7).map(|n| Number(n * 257)) {
        let found = stats.marks_of(TASK, number).await.unwrap();
        let expected = marks
            .iter()
            .filter(|(_, n)| *n == number)
            .map(|(cell, _)| *cell);
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

/// What counted is what is traced; of some devices no less.
async fn check_trace(stats: &Stats, marks: &Marks) {
    let devices: BTreeSet<Number> = marks.iter().map(|(_, number)| *number).collect();
    let some: BTreeSet<Number> = devices.iter().step_by(3).copied().collect();
    for wanted in [None, Some(some)] {
        let trace = stats.trace(TASK, wanted.clone(), 0).await.unwrap();
        assert!(!trace.is_cut());
        let told: Marks = trace
            .ways()
            .flat_map(|way| {
                let cell = |lane| Cell::new(way.route, way.channel, lane);
                way.steps().map(move |(lane, _)| (cell(lane), way.number))
            })
            .collect();
        let is_wanted = |number| wanted.as_ref().is_none_or(|some| some.contains(number));
        let expected = marks.iter().filter(|(_, number)| is_wanted(number));
        assert_eq!(told, expected.copied().collect());
    }
}

/// And so is what a history tells, page by page.
async fn check_told(stats: &Stats, marks: &Marks) {
    let devices: BTreeSet<Number> = marks.iter().map(|(_, number)| *number).collect();
    let some: BTreeSet<Number> = devices.iter().step_by(3).copied().collect();
    let expected: Marks = marks
        .iter()
        .filter(|(_, number)| some.contains(number))
        .copied()
        .collect();
    let (mut told, mut before, mut places) = (Marks::new(), None, Vec::new());
    loop {
        let part = History::new(Window::all(), before, 37);
        let part = stats.history((APP, some.clone()), 0, part).await.unwrap();
        places.extend(part.iter().map(HistoryPlace::of));
        for recorded in &part {
            assert!(told.insert((recorded.event.cell, recorded.event.number)));
        }
        if part.len() < 37 {
            break;
        }
        before = places.last().copied();
    }
    assert!(places.is_sorted_by(|newer, older| newer > older));
    assert_eq!(told, expected);
}

async fn check_history(seed: u64, numbers: u32, events: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let engine = memory::engine();
    let clock = Arc::new(ManualClock::at_unix(1_764_136_800));
    // So little memory that pages are evicted as soon as a snapshot has them.
    let options = Options {
        memory_bytes_max: 1 << 12,
        ..Options::default()
    };
    let stats = Stats::open(engine, clock, options).await.unwrap();
    let mut marks = Marks::new();
    for _ in 0..6 {
        // One after the other, as the naive set takes them: within a report, the order is that of the funnel.
        let mut events: Vec<Event> = (0..events)
            .map(|_| event(&mut marks, numbers, &mut rng))
            .collect();
        events.retain(|event| marks.contains(&(event.cell, event.number)));
        stats.report(Source::Us, events).await.unwrap();
        check(&stats, &marks, numbers).await;
        stats.snapshot().await.unwrap();
        check(&stats, &marks, numbers).await;
        check_trace(&stats, &marks).await;
        check_told(&stats, &marks).await;
    }
    stats.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_tells_what_the_marks_hold() {
    for seed in 20..24 {
        check_history(seed, 300, 200).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_of_small_and_large_tasks_equal_a_naive_set_also_when_cold() {
    for seed in 0..8 {
        println!("seed {seed}");
        check_history(seed, 20, 40).await;
        check_history(seed, 700, 600).await;
    }
}
