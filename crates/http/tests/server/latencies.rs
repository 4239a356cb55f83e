//! Latencies: percentiles of what a naive pairing of the same history gives, by task, route and channel, and together.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use pushtally_model::{Channel, Lane, Second, Source};
use pushtally_store::Report as _;
use serde_json::{Value, json};

use super::fixture::{NOW_S, Server, Setup, code, events};
use super::recorded::{imported, key_of, own_task, reached, work};
use super::series::get;

/// A task, an account, a stage, a platform and how many seconds ago.
type Happened = (u8, u8, u8, u8, i64);
/// Seconds from one stage to the next, and how many came first although they were later.
type Taken = (Vec<i64>, u64);

/// What each step of a task on a platform took, of the first seconds of every account.
fn taken(happened: &[Happened], task: u8, platform: u8, from: u8, to: u8) -> Taken {
    let mut first = BTreeMap::new();
    for (of, account, stage, on, seconds) in happened {
        if (*of, *on) == (task, platform) {
            first.entry((*account, *stage)).or_insert(NOW_S - seconds);
        }
    }
    let (mut taken, mut clamped) = (Vec::new(), 0);
    for ((account, stage), end) in &first {
        if *stage == to
            && let Some(begin) = first.get(&(*account, from))
        {
            taken.push((end - begin).max(0));
            clamped += u64::from(end < begin);
        }
    }
    taken.sort_unstable();
    (taken, clamped)
}

fn holds(told: &Value, (taken, clamped): &Taken) {
    assert_eq!(told["pairs"], json!(taken.len()), "{told} {taken:?}");
    assert_eq!(told["clamped"], json!(clamped), "{told}");
    for (name, percent) in [("p50_s", 50), ("p90_s", 90), ("p99_s", 99)] {
        let rank = (taken.len() * percent).div_ceil(100);
        let exact = rank.checked_sub(1).map(|rank| taken[rank]);
        let told = told[name].as_i64();
        assert_eq!(told.is_some(), exact.is_some());
        if let (Some(told), Some(exact)) = (told, exact) {
            assert!((told - exact).abs() <= exact / 128, "{told}, not {exact}");
        }
    }
}

fn merge(all: impl Iterator<Item = Taken>) -> Taken {
    let (mut taken, mut clamped) = (Vec::new(), 0);
    for (mut some, of_them) in all {
        taken.append(&mut some);
        clamped += of_them;
    }
    taken.sort_unstable();
    (taken, clamped)
}

/// An imported `PushStage` 1 with `ErrCode` 0 is evidence of planned and sent.
async fn check(happened: Vec<Happened>) -> u64 {
    let server = Server::start(Setup::default()).await;
    let all: Vec<_> = happened
        .iter()
        .map(|(task, account, stage, platform, seconds)| {
            imported((*task, *account, *platform), (*stage, 0), *seconds)
        })
        .collect();
    for some in all.chunks(100) {
        assert_eq!(code(&server.import(&events(some)).await), 0);
    }
    let (status, reply) = get(&server, "latencies?task=t0&task=t1&task=none&task=t0").await;
    assert_eq!(status, 200, "{reply}");
    let platforms = [(1, "apns"), (2, "xiaomi")];
    let mut pairs = 0;
    for (step, from, to) in [("delivery", 1, 2), ("click", 2, 3)] {
        for (place, task) in [(0, 0), (1, 1), (3, 0)] {
            let of = &reply["tasks"][place];
            assert_eq!(of["task"], format!("t{task}"));
            for (platform, channel) in platforms {
                let expected = taken(&happened, task, platform, from, to);
                let rows = of["routes"].as_array().unwrap();
                let row = rows.iter().find(|row| row["channel"] == channel);
                match row {
                    Some(row) => holds(&row[step], &expected),
                    None => assert_eq!(expected.0.len(), 0),
                }
            }
            let all = platforms.map(|(platform, _)| taken(&happened, task, platform, from, to));
            holds(&of["total"][step], &merge(all.into_iter()));
        }
        let both = [0, 1]
            .into_iter()
            .flat_map(|task| platforms.map(|(on, _)| (task, on)));
        let all = both.map(|(task, platform)| taken(&happened, task, platform, from, to));
        holds(&reply["merged"]["total"][step], &merge(all));
        pairs += reply["merged"]["total"][step]["pairs"].as_u64().unwrap();
    }
    assert_eq!(reply["tasks"][2]["routes"], json!([]));
    server.stop().await;
    pairs
}

#[test]
fn percentiles_of_any_imported_history_are_those_of_a_naive_pairing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    });
    let one = (0..2_u8, 0..25_u8, 1..=3_u8, 1..=2_u8, 1..190_000_i64);
    let ran = runner.run(&prop::collection::vec(one, 1..250), |history| {
        seen.set(seen.get() + runtime.block_on(check(history)));
        Ok(())
    });
    ran.unwrap();
    assert!(seen.get() > 100, "{} pairs", seen.get());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_tasks_window_is_of_the_later_time_and_ends_with_the_log() {
    let server = Server::start(Setup::default()).await;
    let id = own_task(&server).await;
    work(&server).await;
    let task = key_of(&server, &id).await;
    let now_s = u32::try_from(NOW_S).unwrap();
    let lane = |lane, at| reached(task, (Channel::Fcm, lane), 1_000, Second(at));
    let history = [
        lane(Lane::Planned, now_s),
        lane(Lane::Clicked, now_s + 9),
        lane(Lane::Delivered, now_s + 4),
        lane(Lane::Sent, now_s + 5),
        lane(Lane::Sent, now_s + 1),
    ];
    for event in history {
        server
            .state
            .stats
            .report(Source::Us, vec![event])
            .await
            .unwrap();
    }
    for (start, end, delivered, clicked) in
        [(0, 10, 1, 1), (0, 9, 1, 0), (4, 5, 1, 0), (5, 10, 0, 1)]
    {
        let (start, end) = (now_s + start, now_s + end);
        let path = format!("latencies?task={id}&start={start}&end={end}");
        let (status, reply) = get(&server, &path).await;
        assert_eq!(status, 200, "{reply}");
        let total = &reply["tasks"][0]["total"];
        // Sent counts with the second that was recorded first, which is after the delivery.
        let delivery = json!({"pairs": delivered, "clamped": delivered,
            "p50_s": (delivered > 0).then_some(0), "p90_s": (delivered > 0).then_some(0),
            "p99_s": (delivered > 0).then_some(0)});
        let took = (clicked > 0).then_some(5);
        let click =
            json!({"pairs": clicked, "clamped": 0, "p50_s": took, "p90_s": took, "p99_s": took});
        assert_eq!(
            total,
            &json!({"delivery": delivery, "click": click}),
            "{path}"
        );
    }
    for (path, status, field) in [
        ("latencies".to_owned(), 400, "task"),
        ("latencies?task=a&family=push".to_owned(), 400, "family"),
        (
            "latencies?task=a&as_of=1741200000000".to_owned(),
            400,
            "as_of",
        ),
        ("latencies?task=a&start=9&end=9".to_owned(), 400, "end"),
    ] {
        let (answered, problem) = get(&server, &path).await;
        assert_eq!(
            (answered, &problem["field"]),
            (status, &json!(field)),
            "{path}"
        );
    }
    server.clock.advance_ms(31 * 86_400_000);
    let (status, problem) = get(&server, &format!("latencies?task={id}")).await;
    assert_eq!(status, 410, "{problem}");
    let earliest_ms = (NOW_S + 86_400) * 1000;
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("`{earliest_ms}`")), "{detail}");
    server.stop().await;
}
