//! Series and losses: the points of a series are exact windows, and add up to the window that they divide.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use pushtally_ledger::Tally;
use pushtally_model::{Cell, Kind, Lane, Scope, Second, Window};
use serde_json::{Value, json};

use super::fixture::{APP, NOW_S, Server, Setup, code, event, events, send};

/// How far back events lie: over three days.
const SPAN_S: i64 = 200_000;

pub(crate) type Cells = BTreeMap<(String, String, String), u64>;

pub(crate) async fn get(server: &Server, path: &str) -> (u16, Value) {
    let request = http::Request::get(format!("/v1/apps/{APP}/{path}")).header("host", "x");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    send(server.operator, request).await
}

/// A webhook event that happened so many seconds ago.
pub(crate) fn ago(event: &str, seconds: i64) -> String {
    let (task_time, event_time) = (NOW_S - SPAN_S, NOW_S - seconds);
    event
        .replace(
            &format!(r#""TaskTime":{NOW_S}"#),
            &format!(r#""TaskTime":{task_time}"#),
        )
        .replace(
            &format!(r#""EventTime":{NOW_S}"#),
            &format!(r#""EventTime":{event_time}"#),
        )
}

/// What a point tells, by route, channel and name.
fn told(point: &Value, into: &mut Cells) {
    for row in point["routes"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        for name in ["planned", "sent", "delivered", "clicked", "lost"] {
            let count = row[name].as_u64().unwrap();
            if count > 0 {
                *into
                    .entry((text("route"), text("channel"), name.to_owned()))
                    .or_default() += count;
            }
        }
    }
}

/// The same of a sum of the ledger.
pub(crate) fn counted(tally: &Tally) -> Cells {
    let mut cells = Cells::new();
    for (cell, count) in tally.cells() {
        let name = match cell.lane() {
            Lane::Planned => "planned",
            Lane::Sent => "sent",
            Lane::Delivered => "delivered",
            Lane::Clicked => "clicked",
            Lane::LostBeforeSent => "lost",
            Lane::LostBeforeDelivered | Lane::LostBeforeClicked => continue,
        };
        let route = format!("{:?}", Cell::route(cell)).to_lowercase();
        *cells
            .entry((route, cell.channel().name().to_owned(), name.to_owned()))
            .or_default() += count;
    }
    cells
}

type Happened = (u8, u8, u8, u8, bool, i64);
/// Where a window begins, its length, and how many points it has about.
type Asked = (i64, i64, i64);

fn history() -> impl Strategy<Value = (Vec<Happened>, Vec<Asked>)> {
    let happened = (
        0..3_u8,
        0..20_u8,
        1..=3_u8,
        1..=4_u8,
        prop::bool::weighted(0.3),
        1..SPAN_S,
    );
    let asked = (0..SPAN_S, 1..SPAN_S, 1..40_i64);
    (
        prop::collection::vec(happened, 1..90),
        prop::collection::vec(asked, 1..5),
    )
}

async fn check((happened, asked): (Vec<Happened>, Vec<Asked>)) -> u64 {
    let server = Server::start(Setup::default()).await;
    let all: Vec<_> = happened
        .into_iter()
        .map(|(task, account, stage, platform, lost, seconds)| {
            let (task, account) = (format!("t{task}"), format!("a{account}"));
            let event = event(&task, &account, stage, if lost { 410 } else { 0 });
            let platform = format!(r#""PushPlatform":{platform}"#);
            ago(&event.replace(r#""PushPlatform":1"#, &platform), seconds)
        })
        .collect();
    assert_eq!(code(&server.import(&events(&all)).await), 0);
    let mut sum = 0;
    for (start, len, points) in asked {
        let start = NOW_S - SPAN_S + start;
        let (end, step) = (start + len, (len / points).max(1));
        let ask = format!("series?start={start}&end={end}&step={step}&family=push");
        let (mut paths, mut scopes) = (vec![ask.clone()], vec![Scope::Overall(APP, Kind::Push)]);
        for task in ["t0", "t1"] {
            let found = server.state.identities.find_task(APP, Kind::Push, task);
            if let Some(key) = found.await.unwrap() {
                paths.push(format!("{ask}&task={task}"));
                scopes.push(Scope::Task(key.number));
            }
        }
        for (path, scope) in paths.iter().zip(scopes) {
            let (status, reply) = get(&server, path).await;
            assert_eq!(status, 200, "{reply}");
            sum += holds(&server, &reply, scope, (start, end, step)).await;
        }
    }
    server.stop().await;
    sum
}

/// Every point is its own window's sum, and all together the whole window's. Answers how many devices were told of.
async fn holds(server: &Server, reply: &Value, scope: Scope, asked: (i64, i64, i64)) -> u64 {
    let (start, end, step) = asked;
    let second = |at: i64| Second(u32::try_from(at).unwrap());
    let tally = async |from: i64, to: i64| {
        let window = Window::new(second(from), second(to)).unwrap();
        counted(&server.state.stats.tally(APP, scope, window).await.unwrap())
    };
    let mut together = Cells::new();
    for point in reply["series"][0]["points"].as_array().unwrap() {
        let at = point["at"].as_i64().unwrap();
        assert_eq!((at - start) % step, 0);
        let mut of_point = Cells::new();
        told(point, &mut of_point);
        assert_eq!(of_point, tally(at, (at + step).min(end)).await, "{point}");
        told(point, &mut together);
    }
    assert_eq!(together, tally(start, end).await, "{reply}");
    together.values().sum()
}

#[test]
fn the_points_of_any_series_of_any_history_add_up_to_its_window() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    });
    let ran = runner.run(&history(), |history| {
        seen.set(seen.get() + runtime.block_on(check(history)));
        Ok(())
    });
    ran.unwrap();
    assert!(seen.get() > 0, "every window was empty");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_tells_each_second_and_leaves_out_those_without_counts() {
    let server = Server::start(Setup::default()).await;
    let body = events(&[
        ago(&event("t", "a", 1, 0), 10),
        ago(&event("t", "b", 1, 410), 10),
        ago(&event("t", "a", 2, 0), 7),
    ]);
    assert_eq!(code(&server.import(&body).await), 0);
    let (start, end) = (NOW_S - 12, NOW_S);
    let (status, reply) = get(
        &server,
        &format!("series?start={start}&end={end}&step=1&task=t&task=none"),
    )
    .await;
    assert_eq!(status, 200, "{reply}");
    let row = |planned: u8, sent: u8, delivered: u8, lost: u8| {
        json!([{"route": "offline", "channel": "apns", "planned": planned, "sent": sent,
            "delivered": delivered, "clicked": 0, "lost": lost}])
    };
    let expected = json!([
        {"family": "push", "task": "t", "points": [
            {"at": NOW_S - 10, "routes": row(2, 1, 0, 1)},
            {"at": NOW_S - 7, "routes": row(0, 0, 1, 0)},
        ]},
        {"family": "push", "task": "none", "points": []},
    ]);
    assert_eq!(reply["series"], expected);
    let (_, lost) = get(&server, &format!("losses?task=t&start={start}&end={end}")).await;
    let expected = json!([{"before": "sent", "route": "offline", "channel": "apns", "code": 410,
        "text": "OK", "count": 1}]);
    assert_eq!(lost["scopes"][0]["losses"], expected);
    let (_, before) = get(&server, &format!("losses?task=t&end={start}")).await;
    assert_eq!(before["scopes"][0]["losses"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_or_no_window_is_refused_with_its_parameter() {
    let server = Server::start(Setup::default()).await;
    for (path, field, detail) in [
        ("series?start=0&end=10", "step", "`step` must be given"),
        (
            "series?start=0&end=1501&step=1&family=push",
            "step",
            "1501 points",
        ),
        ("series?start=0&end=751&step=1", "step", "1502 points"),
        ("series?step=1", "step", "more than 1500"),
        (
            "series?start=9&end=9&step=1",
            "end",
            "`end` must be after `start`",
        ),
        ("losses?start=9&end=8", "end", "`end` must be after `start`"),
        ("losses?step=1", "step", "not known"),
    ] {
        let (status, problem) = get(&server, path).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{path}");
        let told = problem["detail"].as_str().unwrap();
        assert!(told.contains(detail), "{path}: {told}");
    }
    let (status, _) = get(&server, "series?start=0&end=1500&step=1&family=push").await;
    assert_eq!(status, 200);
    server.stop().await;
}
