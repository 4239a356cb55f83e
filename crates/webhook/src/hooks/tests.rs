//! Webhooks against a real receiver on this machine, over the in-memory engine.

mod bench;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use pushtally_ledger::Batch;
use pushtally_model::{App, AppId, Lane, Number, Second};
use pushtally_store::{BatchVisitor, LogReport, StoreError};

use super::*;
use crate::place::{end_of, place};
use crate::receiver::{Reaction, Receiver};
use crate::settings::{CALL_EVENTS_MAX, RING_EVENTS_MAX};
use bench::Bench;

/// Far beyond what any of these tests needs; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

const APP: AppId = AppId(1_400_000_000);
const NOW_S: u32 = 1_700_000_000;

fn quick() -> HookSettings {
    HookSettings {
        targets: pushtally_dial::Targets::anywhere(),
        call_timeout: Duration::from_millis(200),
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(4),
        tail_poll: Duration::from_millis(1),
        poll: Duration::from_millis(5),
        ..HookSettings::default()
    }
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let held = tokio::time::timeout(PATIENCE, wait).await;
    held.expect("the condition never held");
}

fn report(hooks: &Hooks, app: AppId) -> HookReport {
    let reports = hooks.counters().report();
    *reports.iter().find(|report| report.app == app).unwrap()
}

/// How often each event, by account and stage, was in a call that a receiver heard.
fn heard(receiver: &Receiver) -> BTreeMap<(String, String), usize> {
    let mut heard = BTreeMap::new();
    for call in receiver.heard.lock().iter() {
        let text = std::str::from_utf8(&call.body).unwrap();
        assert!(text.lines().count() <= CALL_EVENTS_MAX);
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words[1], "task");
            *heard
                .entry((words[2].to_owned(), words[3].to_owned()))
                .or_default() += 1;
        }
    }
    heard
}

/// The numbers of all events heard.
fn numbers(receiver: &Receiver) -> Vec<u64> {
    let heard = receiver.heard.lock();
    let lines = heard
        .iter()
        .flat_map(|call| std::str::from_utf8(&call.body).unwrap().lines());
    lines
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn each_event_is_sent_once_with_a_number_of_its_own_and_the_cursor_follows() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(500, &[(APP, &receiver.url("/hook?token=x"))]).await;
    bench.record_all(Lane::Sent).await;
    let (hooks, book) = bench.start(quick()).await;
    bench.record_all(Lane::Planned).await;
    bench.record_all(Lane::Delivered).await;
    bench.record_all(Lane::LostBeforeClicked).await;
    until(|| report(&hooks, APP).sent == 1000).await;
    let heard = heard(&receiver);
    assert_eq!(heard.len(), 1000, "what was before the webhook is not sent");
    assert!(heard.values().all(|times| *times == 1));
    assert!(heard.contains_key(&("user-499".to_owned(), "Clicked".to_owned())));
    let numbers: BTreeSet<u64> = numbers(&receiver).into_iter().collect();
    assert_eq!(numbers.len(), 1000);
    let query = receiver.heard.lock()[0].path_and_query.clone();
    let expected = format!("/hook?token=x&app={APP}&kind=Push&now={NOW_S}");
    assert_eq!(query, expected);
    let end = bench.engine.log.report().await.unwrap().next - 1;
    until(|| book.cursor(APP) == Some(end_of(end))).await;
    assert_eq!(hooks.held(), Some(Position::single(end)));
    hooks.stop().await;
    let stored = bench.engine.outboxes.outboxes().await.unwrap();
    assert_eq!(stored[0].1.cursor, end_of(end));
}

/// Every event arrives whatever a receiver does, while recording goes on and waits for nothing.
async fn all_arrive(script: impl Fn(usize) -> Reaction + Send + Sync + 'static) {
    let receiver = Receiver::new(move |n, _| script(n)).await;
    let bench = Bench::new(700, &[(APP, &receiver.url("/"))]).await;
    let (hooks, _) = bench.start(quick()).await;
    for lane in [Lane::Sent, Lane::Delivered, Lane::Clicked] {
        bench.record_all(lane).await;
    }
    until(|| report(&hooks, APP).sent == 2100).await;
    assert_eq!(heard(&receiver).len(), 2100);
    assert!(report(&hooks, APP).failed > 0);
    hooks.stop().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_gets_everything_when_it_answers_again() {
    all_arrive(|n| match n {
        0..20 => Reaction::Hang,
        _ => Reaction::Answer(200),
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_answers_500_gets_everything_when_it_does_not() {
    all_arrive(|n| Reaction::Answer(if n < 60 { 500 } else { 200 })).await;
}

#[tokio::test]
async fn a_receiver_that_refuses_is_asked_again_as_any_other() {
    all_arrive(|n| Reaction::Answer(if n < 200 { 403 } else { 200 })).await;
}

#[tokio::test]
async fn a_receiver_that_drops_every_second_call_gets_everything() {
    all_arrive(|n| match n % 2 {
        0 => Reaction::Close,
        _ => Reaction::Answer(200),
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_down_gets_everything_when_it_is_back() {
    // Connections to a bound port that nobody serves are refused once the listener is gone.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let bench = Bench::new(100, &[(APP, &dead)]).await;
    let (hooks, _) = bench.start(quick()).await;
    bench.record_all(Lane::Sent).await;
    until(|| report(&hooks, APP).failed >= 9).await;
    assert!(report(&hooks, APP).failing);
    // It comes back elsewhere, so that the test owns the port.
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    bench.urls(&[(APP, &receiver.url("/"))]);
    hooks.changed();
    until(|| report(&hooks, APP).sent == 100).await;
    assert_eq!(heard(&receiver).len(), 100);
    assert!(!report(&hooks, APP).failing);
    hooks.stop().await;
}

#[tokio::test]
async fn an_app_that_falls_behind_reads_the_log_alone_and_loses_nothing() {
    let receiver = Receiver::new(|n, _| match n {
        0..16 => Reaction::Hang,
        _ => Reaction::Answer(200),
    })
    .await;
    let bench = Bench::new(2_000, &[(APP, &receiver.url("/"))]).await;
    let (hooks, book) = bench.start(quick()).await;
    let lanes = [
        Lane::Sent,
        Lane::Delivered,
        Lane::Clicked,
        Lane::LostBeforeSent,
        Lane::LostBeforeDelivered,
    ];
    for lane in lanes {
        bench.record_all(lane).await;
    }
    const { assert!(2_000 * 5 > 2 * RING_EVENTS_MAX) };
    until(|| report(&hooks, APP).sent == 10_000).await;
    let distinct: BTreeSet<u64> = numbers(&receiver).into_iter().collect();
    assert_eq!(distinct.len(), 10_000);
    let end = bench.engine.log.report().await.unwrap().next - 1;
    until(|| book.cursor(APP) == Some(end_of(end))).await;
    hooks.stop().await;
}

#[tokio::test]
async fn a_start_goes_on_where_the_stored_cursor_is() {
    let receiver = Receiver::new(|n, _| Reaction::Answer(if n < 3 { 200 } else { 500 })).await;
    let bench = Bench::new(1_000, &[(APP, &receiver.url("/"))]).await;
    let (hooks, _) = bench.start(quick()).await;
    bench.record_all(Lane::Sent).await;
    until(|| report(&hooks, APP).failed >= 40).await;
    // As a crash leaves it: nothing is stored in the end.
    drop(hooks);
    let second = Receiver::new(|_, _| Reaction::Answer(200)).await;
    bench.urls(&[(APP, &second.url("/"))]);
    let (hooks, _) = bench.start(quick()).await;
    bench.record_all(Lane::Delivered).await;
    let arrived = || {
        let mut all = heard(&second);
        let answered = receiver.heard.lock();
        for call in answered.iter().take(3) {
            for line in std::str::from_utf8(&call.body).unwrap().lines() {
                let words: Vec<&str> = line.split(' ').collect();
                all.insert((words[2].to_owned(), words[3].to_owned()), 1);
            }
        }
        all.len()
    };
    until(|| arrived() == 2_000).await;
    hooks.stop().await;
}

#[tokio::test]
async fn a_dead_receiver_delays_no_other_app() {
    let dead = Receiver::new(|_, _| Reaction::Hang).await;
    let alive = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let other = AppId(7);
    let apps = [(other, dead.url("/")), (APP, alive.url("/"))];
    let bench = Bench::new(300, &apps.each_ref().map(|(app, url)| (*app, url.as_str()))).await;
    let settings = HookSettings {
        call_timeout: PATIENCE,
        stop_grace: Duration::ZERO,
        ..quick()
    };
    let (hooks, book) = bench.start(settings).await;
    until(|| book.cursor(other).is_some()).await;
    for numbers in bench.devices.chunks(10) {
        bench.record(other, numbers, Lane::Sent).await;
        bench.record(APP, numbers, Lane::Sent).await;
    }
    until(|| report(&hooks, APP).sent == 300).await;
    assert_eq!(report(&hooks, other).sent, 0);
    hooks.stop().await;
}

#[tokio::test]
async fn what_a_dead_receiver_does_not_take_in_time_is_a_dead_letter_that_can_be_replayed() {
    let receiver = Receiver::new(|n, _| Reaction::Answer(if n < 200 { 500 } else { 200 })).await;
    let bench = Bench::new(300, &[(APP, &receiver.url("/"))]).await;
    let settings = HookSettings {
        wait_s_max: 100,
        ..quick()
    };
    let (hooks, book) = bench.start(settings).await;
    let old = bench.record(APP, &bench.devices[..200], Lane::Sent).await;
    until(|| report(&hooks, APP).failed >= 3).await;
    assert_eq!(
        hooks.held(),
        Some(Position::single(old - 1)),
        "it holds back"
    );
    bench.clock.advance_ms(60_000);
    let young = bench.record(APP, &bench.devices[200..], Lane::Sent).await;
    bench.clock.advance_ms(41_000);
    until(|| report(&hooks, APP).letters == 1).await;
    let letter = book.all()[&APP].letters[0].clone();
    assert_eq!(
        (letter.after, letter.to, letter.events, letter.replaying),
        (end_of(old - 1), end_of(old), Some(200), false)
    );
    assert_eq!(letter.at, Second(NOW_S + 101));
    assert_eq!(hooks.held(), Some(Position::single(young - 1)), "no longer");
    assert_eq!(report(&hooks, APP).dead, 200);
    until(|| report(&hooks, APP).sent == 100).await;
    assert_eq!(book.replay(APP, Some(letter.id)).await.unwrap(), 1);
    hooks.changed();
    until(|| report(&hooks, APP).sent == 300).await;
    until(|| report(&hooks, APP).letters == 0).await;
    assert_eq!(heard(&receiver).len(), 300);
    let stored = bench.engine.outboxes.outboxes().await.unwrap();
    assert_eq!(stored[0].1.letters, []);
    hooks.stop().await;
}

#[tokio::test]
async fn what_was_recorded_while_nothing_ran_is_sent_however_old_it_is() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(50, &[(APP, &receiver.url("/"))]).await;
    let settings = HookSettings {
        wait_s_max: 100,
        ..quick()
    };
    let (hooks, _) = bench.start(settings.clone()).await;
    hooks.stop().await;
    bench.record_all(Lane::Sent).await;
    bench.clock.advance_ms(1_000_000);
    let (hooks, _) = bench.start(settings).await;
    until(|| report(&hooks, APP).sent == 50).await;
    assert_eq!(report(&hooks, APP).letters, 0);
    hooks.stop().await;
}

/// A log that has dropped its first batches.
struct Dropped {
    log: Arc<dyn Log>,
    first: u64,
}

#[async_trait]
impl Log for Dropped {
    async fn append(&self, batch: &Batch) -> Result<Position, StoreError> {
        self.log.append(batch).await
    }

    async fn replay(&self, _: &Position, _: &mut BatchVisitor<'_>) -> Result<(), StoreError> {
        panic!("webhooks never replay")
    }

    async fn read_on(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        let after = Position::single(after.of(0).max(self.first - 1));
        self.log.read_on(&after, visit).await
    }

    async fn report(&self) -> Result<LogReport, StoreError> {
        self.log.report().await
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        self.log.verify().await
    }

    async fn drop_before(&self, included: &Position, ms: i64) -> Result<usize, StoreError> {
        self.log.drop_before(included, ms).await
    }
}

#[tokio::test]
async fn what_the_log_no_longer_has_is_a_dead_letter_that_says_so() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(50, &[(APP, &receiver.url("/"))]).await;
    let (hooks, _) = bench.start(quick()).await;
    hooks.stop().await;
    bench.record(APP, &bench.devices[..30], Lane::Sent).await;
    bench.record(APP, &bench.devices[30..], Lane::Sent).await;
    let log = Dropped {
        log: Arc::clone(&bench.engine.log),
        first: 2,
    };
    let (hooks, book) = bench.start_over(Arc::new(log), quick()).await;
    until(|| report(&hooks, APP).sent == 20).await;
    let letter = book.all()[&APP].letters[0].clone();
    assert_eq!((letter.to, letter.events), (end_of(1), None));
    book.replay(APP, None).await.unwrap();
    hooks.changed();
    until(|| !book.all()[&APP].letters[0].replaying).await;
    let letter = book.all()[&APP].letters[0].clone();
    assert_eq!(letter.why, "the log no longer had them");
    hooks.stop().await;
}

#[tokio::test]
async fn what_has_no_name_any_more_is_counted_and_not_sent() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(3, &[(APP, &receiver.url("/"))]).await;
    let (hooks, book) = bench.start(quick()).await;
    let gone = Number(999_999);
    let numbers = [bench.devices[0], gone, bench.devices[1]];
    let at = bench.record(APP, &numbers, Lane::Sent).await;
    until(|| report(&hooks, APP).sent == 2).await;
    until(|| book.cursor(APP) == Some(end_of(at))).await;
    assert_eq!(report(&hooks, APP).nameless, 1);
    let expected = [place(at, 0), place(at, 1)];
    assert_eq!(numbers_of(&receiver), expected);
    hooks.stop().await;
}

fn numbers_of(receiver: &Receiver) -> Vec<u64> {
    let mut numbers = numbers(receiver);
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn a_command_that_is_off_sends_nothing_and_holds_nothing_back() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(3, &[]).await;
    let mut app = App::new(APP, Secret::new("key"));
    app.webhook = Some(Webhook {
        push: false,
        ..Webhook::new(receiver.url("/"))
    });
    bench.directory.replace([app]);
    let (hooks, book) = bench.start(quick()).await;
    let at = bench.record(APP, &bench.devices, Lane::Sent).await;
    until(|| book.cursor(APP) == Some(end_of(at))).await;
    assert!(receiver.heard.lock().is_empty());
    hooks.stop().await;
}
