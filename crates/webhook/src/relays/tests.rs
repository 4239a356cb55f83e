//! Relays against a real receiver on this machine.

use std::time::Duration;

use bytes::Bytes;
use pushtally_model::{FixedEntropy, Secret};
use pushtally_store::{RelayBacklog, RelayQueue as _, memory};
use tokio::net::TcpListener;

use super::*;
use crate::Call;
use crate::receiver::{Heard, Reaction, Receiver};

/// Far beyond what any of these tests needs; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

const APP: AppId = AppId(1_400_000_000);

/// Where receipts go, changed while relays run.
#[derive(Debug, Default)]
struct Moving(Mutex<BTreeMap<(AppId, Channel), Target>>);

impl ReceiptTargets for Moving {
    fn targets(&self) -> BTreeMap<(AppId, Channel), Target> {
        self.0.lock().clone()
    }
}

struct Bench {
    directory: Arc<Directory>,
    receipts: Arc<Moving>,
    queue: Arc<Doorbell>,
}

impl Bench {
    fn new(relay_to: Option<String>) -> Self {
        let bench = Self {
            directory: Arc::new(Directory::default()),
            receipts: Arc::default(),
            queue: Doorbell::new(memory::engine().relays),
        };
        bench.relay_to(relay_to);
        bench
    }

    fn relay_to(&self, relay_to: Option<String>) {
        let mut app = App::new(APP, Secret::new("key"));
        app.relay_to = relay_to;
        self.directory.replace([app]);
    }

    fn start(&self) -> Relays {
        self.start_with(quick())
    }

    fn start_with(&self, settings: Settings) -> Relays {
        let entropy = Arc::new(FixedEntropy(0x80));
        Relays::start(
            Arc::clone(&self.directory),
            Arc::clone(&self.receipts) as _,
            Arc::clone(&self.queue),
            entropy,
            settings,
        )
        .unwrap()
    }

    async fn push(&self, query: &str, content_type: Option<&str>, body: impl Into<Bytes>) -> u64 {
        let content_type = content_type.map(str::to_owned);
        let call = Call {
            query: query.to_owned(),
            content_type,
            headers: Vec::new(),
            body: body.into(),
        };
        self.queue.push(APP.into(), call.encode()).await.unwrap()
    }
}

fn quick() -> Settings {
    Settings {
        targets: pushtally_dial::Targets::anywhere(),
        call_timeout: Duration::from_millis(200),
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(4),
        poll: Duration::from_millis(5),
        ..Settings::default()
    }
}

/// What the one relay of a test has done, and what waits.
#[derive(Debug)]
struct Progress {
    passed_on: u64,
    failed: u64,
    dropped: u64,
    failing: bool,
    backlog: RelayBacklog,
}

async fn progress(bench: &Bench, relays: &Relays) -> Option<Progress> {
    let backlog = bench.queue.backlog(APP.into()).await.unwrap();
    let report = *relays.counters().report().first()?;
    Some(Progress {
        passed_on: report.passed_on,
        failed: report.failed,
        dropped: report.dropped,
        failing: report.failing,
        backlog,
    })
}

async fn until(bench: &Bench, relays: &Relays, condition: impl Fn(&Progress) -> bool) -> Progress {
    let wait = async {
        loop {
            if let Some(progress) = progress(bench, relays).await
                && condition(&progress)
            {
                return progress;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the condition never held")
}

#[tokio::test]
async fn query_content_type_and_body_arrive_unchanged() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(Some(receiver.url("/im/callback?token=x")));
    let relays = bench.start();
    let body: Vec<u8> = (0..=u8::MAX).cycle().take(300_000).collect();
    bench
        .push(
            "SdkAppid=1&Sign=%2b+~&empty=&flag",
            Some("application/json; charset=UTF-8"),
            body.clone(),
        )
        .await;
    let report = until(&bench, &relays, |report| report.passed_on == 1).await;
    assert_eq!(
        (report.failed, report.dropped, report.failing),
        (0, 0, false)
    );
    let expected = Heard {
        path_and_query: "/im/callback?token=x&SdkAppid=1&Sign=%2b+~&empty=&flag".to_owned(),
        content_type: Some("application/json; charset=UTF-8".to_owned()),
        signature: None,
        body: body.into(),
    };
    assert_eq!(*receiver.heard.lock(), [expected]);
    relays.stop().await;
    assert_eq!(bench.queue.backlog(APP.into()).await.unwrap().calls, 0);
}

#[tokio::test]
async fn calls_wait_for_a_receiver_that_is_down() {
    // Connections to a bound port that nobody serves are refused once the listener is gone.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = listener.local_addr().unwrap();
    drop(listener);
    let bench = Bench::new(Some(format!("http://{dead}/")));
    let relays = bench.start();
    for body in ["a", "b", "c"] {
        bench.push("q=1", None, body).await;
    }
    let report = until(&bench, &relays, |report| report.failed >= 9).await;
    assert_eq!(
        (
            report.passed_on,
            report.dropped,
            report.backlog.calls,
            report.failing
        ),
        (0, 0, 3, true)
    );
    // It comes back, elsewhere, so that the test owns the port.
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    bench.relay_to(Some(receiver.url("/")));
    relays.directory_changed();
    let report = until(&bench, &relays, |report| report.passed_on == 3).await;
    assert!(!report.failing);
    assert_eq!(
        receiver.bodies().into_values().collect::<Vec<_>>(),
        [1, 1, 1]
    );
    relays.stop().await;
}

#[tokio::test]
async fn every_second_answer_an_error_loses_nothing() {
    let receiver = Receiver::new(|n, _| Reaction::Answer(if n % 2 == 0 { 500 } else { 200 })).await;
    let bench = Bench::new(Some(receiver.url("/")));
    for n in 0..200 {
        bench.push("q=1", None, format!("call {n}")).await;
    }
    let relays = bench.start();
    let report = until(&bench, &relays, |report| report.passed_on == 200).await;
    assert_eq!((report.dropped, report.backlog.calls), (0, 0));
    assert_eq!(receiver.bodies().len(), 200);
    assert_eq!(
        receiver.heard.lock().len() as u64,
        report.passed_on + report.failed
    );
    relays.stop().await;
}

#[tokio::test]
async fn a_slow_call_delays_no_other() {
    let slow_first = |n, heard: &Heard| {
        if heard.body == "slow" && n < 50 {
            Reaction::Hang
        } else {
            Reaction::Answer(200)
        }
    };
    let receiver = Receiver::new(slow_first).await;
    let bench = Bench::new(Some(receiver.url("/")));
    bench.push("", None, "slow").await;
    for n in 0..99 {
        bench.push("", None, format!("call {n}")).await;
    }
    let relays = bench.start();
    let report = until(&bench, &relays, |report| report.passed_on == 99).await;
    assert_eq!(
        report.backlog.calls, 100,
        "the cursor must not pass the slow one"
    );
    let report = until(&bench, &relays, |report| report.backlog.calls == 0).await;
    assert_eq!((report.passed_on, report.dropped), (100, 0));
    relays.stop().await;
}

#[tokio::test]
async fn a_refused_call_is_dropped_after_ten_tries() {
    let refuse_one =
        |_, heard: &Heard| Reaction::Answer(if heard.body == "poison" { 403 } else { 200 });
    let receiver = Receiver::new(refuse_one).await;
    let bench = Bench::new(Some(receiver.url("/")));
    bench.push("", None, "poison").await;
    bench.push("", None, "good").await;
    let relays = bench.start();
    let report = until(&bench, &relays, |report| report.backlog.calls == 0).await;
    assert_eq!(
        (report.passed_on, report.failed, report.dropped),
        (1, 10, 1)
    );
    assert_eq!(receiver.bodies().into_values().collect::<Vec<_>>(), [1, 10]);
    relays.stop().await;
}

#[tokio::test]
async fn a_call_that_many_have_overtaken_is_dropped() {
    let fail_one =
        |_, heard: &Heard| Reaction::Answer(if heard.body == "poison" { 500 } else { 200 });
    let receiver = Receiver::new(fail_one).await;
    let bench = Bench::new(Some(receiver.url("/")));
    bench.push("", None, "poison").await;
    for n in 0..1_100 {
        bench.push("", None, format!("call {n}")).await;
    }
    let relays = bench.start();
    let report = until(&bench, &relays, |report| report.backlog.calls == 0).await;
    assert_eq!((report.passed_on, report.dropped), (1_100, 1));
    relays.stop().await;
}

#[tokio::test]
async fn unreadable_calls_are_dropped_and_counted() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(Some(receiver.url("/")));
    bench
        .queue
        .push(APP.into(), Bytes::from_static(b"\xFFnot a call"))
        .await
        .unwrap();
    bench.push("", None, "good").await;
    let relays = bench.start();
    let report = until(&bench, &relays, |report| report.backlog.calls == 0).await;
    assert_eq!((report.passed_on, report.dropped), (1, 1));
    relays.stop().await;
}

#[tokio::test]
async fn stopping_keeps_what_was_not_passed_on_and_repeats_nothing_else() {
    let receiver = Receiver::new(|n, _| Reaction::Answer(if n < 3 { 200 } else { 503 })).await;
    let bench = Bench::new(Some(receiver.url("/")));
    let one_by_one = Settings {
        in_flight_max: 1,
        ..quick()
    };
    let relays = bench.start_with(one_by_one.clone());
    for n in 0..5 {
        bench.push("", None, format!("call {n}")).await;
    }
    until(&bench, &relays, |report| report.failed > 2).await;
    relays.stop().await;
    let heard = receiver.heard.lock().len();
    assert_eq!(bench.queue.cursor(APP.into()).await.unwrap(), 3);
    assert_eq!(bench.queue.backlog(APP.into()).await.unwrap().calls, 2);

    let second = Receiver::new(|_, _| Reaction::Answer(200)).await;
    bench.relay_to(Some(second.url("/")));
    let relays = bench.start_with(one_by_one);
    until(&bench, &relays, |report| report.backlog.calls == 0).await;
    let bodies: Vec<Bytes> = second
        .heard
        .lock()
        .iter()
        .map(|heard| heard.body.clone())
        .collect();
    assert_eq!(bodies, ["call 3", "call 4"]);
    assert_eq!(
        receiver.heard.lock().len(),
        heard,
        "a stopped relay must be silent"
    );
    relays.stop().await;
}

#[tokio::test]
async fn relays_follow_the_directory() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(None);
    let relays = bench.start();
    bench.push("", None, "waiting").await;
    assert_eq!(relays.counters().report(), []);
    bench.relay_to(Some(receiver.url("/")));
    until(&bench, &relays, |report| report.passed_on == 1).await;
    relays.stop().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(307)).await;
    let bench = Bench::new(Some(receiver.url("/")));
    let relays = bench.start();
    bench.push("", None, "call").await;
    let report = until(&bench, &relays, |report| report.failed >= 3).await;
    assert_eq!(report.passed_on, 0);
    relays.stop().await;
}

#[tokio::test]
async fn receipts_go_to_their_vendors_address_with_their_headers_and_wait_for_nobody_else() {
    let stuck = Receiver::new(|_, _| Reaction::Hang).await;
    let receiver = Receiver::new(|_, _| Reaction::Answer(204)).await;
    let bench = Bench::new(Some(stuck.url("/")));
    let to = |receiver: &Receiver, path: &str| Target::parse(&receiver.url(path)).unwrap();
    let targets = [
        ((APP, Channel::Huawei), to(&receiver, "/huawei?old=1")),
        ((APP, Channel::Vivo), to(&stuck, "/")),
    ];
    *bench.receipts.0.lock() = BTreeMap::from(targets);
    let call = Call {
        query: "a=%2F".to_owned(),
        content_type: Some("application/json".to_owned()),
        headers: vec![("x-huawei-callback-id".to_owned(), b"timestamp=1".to_vec())],
        body: Bytes::from_static(b"{ }\n"),
    };
    // More than are under way at once: whoever hangs keeps all of them.
    let lines = [Channel::Vivo, Channel::Huawei].map(|vendor| RelayLine::Receipts(APP, vendor));
    for line in [RelayLine::Webhooks(APP), lines[0]] {
        for _ in 0..quick().in_flight_max * 2 {
            bench.queue.push(line, call.encode()).await.unwrap();
        }
    }
    bench.queue.push(lines[1], call.encode()).await.unwrap();
    let patient = Settings {
        call_timeout: PATIENCE,
        stop_grace: Duration::from_millis(1),
        ..quick()
    };
    let relays = bench.start_with(patient);
    let arrived = async {
        while bench.queue.backlog(lines[1]).await.unwrap().calls > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE / 2, arrived).await.unwrap();
    let expected = Heard {
        path_and_query: "/huawei?old=1&a=%2F".to_owned(),
        content_type: call.content_type.clone(),
        signature: Some("timestamp=1".to_owned()),
        body: call.body.clone(),
    };
    assert_eq!(*receiver.heard.lock(), [expected]);
    let reports = relays.counters().report();
    let of_huawei = reports.iter().find(|report| report.line == lines[1]);
    assert_eq!(of_huawei.map(|report| report.passed_on), Some(1));
    relays.stop().await;
}

#[tokio::test]
async fn receipts_whose_address_is_gone_wait_for_another() {
    let receiver = Receiver::new(|_, _| Reaction::Answer(200)).await;
    let bench = Bench::new(None);
    let line = RelayLine::Receipts(APP, Channel::Oppo);
    let call = Call {
        query: String::new(),
        content_type: None,
        headers: Vec::new(),
        body: Bytes::from_static(b"[]"),
    };
    bench.queue.push(line, call.encode()).await.unwrap();
    let relays = bench.start();
    assert_eq!(relays.counters().report(), []);
    let target = Target::parse(&receiver.url("/")).unwrap();
    bench.receipts.0.lock().insert((APP, Channel::Oppo), target);
    until(&bench, &relays, |report| report.passed_on == 1).await;
    relays.stop().await;
    assert_eq!(bench.queue.backlog(line).await.unwrap().calls, 0);
}
