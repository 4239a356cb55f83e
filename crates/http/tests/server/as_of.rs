//! `as_of`: what a call answers of an earlier moment is what it answered then.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use pushtally_model::{Channel, Clock as _, Lane, Source};
use pushtally_store::Report as _;
use serde_json::{Value, json};

use super::fixture::{NOW_S, Server, Setup, code, events};
use super::recorded::{imported, key_of, own_task, reached, work};
use super::series::get;

/// A task, an account, a stage, a platform, whether it was lost, and how many seconds ago.
type Happened = (u8, u8, u8, u8, bool, i64);
/// Milliseconds that pass, and what is imported then.
type Step = (i64, Vec<Happened>);

fn told(happened: &Happened) -> String {
    let (task, account, stage, platform, lost, seconds) = *happened;
    let err_code = if lost { 410 } else { 0 };
    imported((task, account, platform), (stage, err_code), seconds)
}

/// Every question, without and with what makes it one of an earlier moment.
async fn answers(server: &Server, as_of: &str) -> Vec<Value> {
    let (start, end) = (NOW_S - 200_000, NOW_S);
    let mut answers = Vec::new();
    for path in [
        format!("series?start={start}&end={end}&step=9000&task=t0&task=t1&task=none{as_of}"),
        format!("series?start={start}&end={end}&step=200000&family=push&task=t1{as_of}"),
        format!("losses?start={start}&end={end}&task=t1&task=t0{as_of}"),
        format!("losses?task=t0{as_of}"),
    ] {
        let (status, mut reply) = get(server, &path).await;
        assert_eq!(status, 200, "{path}: {reply}");
        reply.as_object_mut().unwrap().remove("as_of_ms");
        answers.push(reply);
    }
    answers
}

async fn check(steps: Vec<Step>) -> usize {
    let server = Server::start(Setup::default()).await;
    let mut noted: Vec<(i64, Vec<Value>)> = Vec::new();
    for (passed_ms, happened) in steps {
        server.clock.advance_ms(passed_ms);
        let some: Vec<String> = happened.iter().map(told).collect();
        assert_eq!(code(&server.import(&events(&some)).await), 0);
        let now_ms = server.clock.now_ms();
        // Of a millisecond its last state is told.
        noted.retain(|(ms, _)| *ms != now_ms);
        noted.push((now_ms, answers(&server, "").await));
    }
    for (ms, answered) in &noted {
        let again = answers(&server, &format!("&as_of={ms}")).await;
        // A task has its family as soon as it is known, and order among equal losses is nobody's: all are compared whole.
        assert_eq!(&again, answered, "as of {ms}");
    }
    server.stop().await;
    noted.len()
}

#[test]
fn every_answer_of_any_imported_history_is_given_again_as_of_its_moment() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    });
    let weighted = prop::bool::weighted(0.3);
    let one = (
        0..2_u8,
        0..9_u8,
        1..=3_u8,
        1..=2_u8,
        weighted,
        1..190_000_i64,
    );
    // Often two imports in one millisecond.
    let step = (0..3_i64, prop::collection::vec(one, 1..12));
    let ran = runner.run(&prop::collection::vec(step, 1..14), |steps| {
        seen.set(seen.get() + runtime.block_on(check(steps)));
        Ok(())
    });
    ran.unwrap();
    assert!(seen.get() > 20, "{} moments", seen.get());
}

/// The task and the numbers of its report.
async fn report(server: &Server, id: &str, as_of: &str) -> (u16, Value) {
    let (status, reply) = get(server, &format!("tasks/{id}{as_of}")).await;
    let numbers = json!({ "total": reply["total"], "routes": reply["routes"] });
    (status, if status == 200 { numbers } else { reply })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_tasks_funnel_is_told_as_it_was_known_and_out_of_reach_says_from_when() {
    let server = Server::start(Setup::default()).await;
    let id = own_task(&server).await;
    let accepted_ms = server.clock.now_ms();
    let before = report(&server, &id, "").await;
    server.clock.advance_ms(7);
    work(&server).await;
    let after = report(&server, &id, "").await;
    assert_eq!((before.0, after.0), (200, 200));
    assert_ne!(before.1, after.1);
    server.clock.advance_ms(1_000);
    for (ms, expected) in [
        (accepted_ms - 5_000, &before),
        (accepted_ms, &before),
        (accepted_ms + 6, &before),
        (accepted_ms + 7, &after),
        (server.clock.now_ms(), &after),
    ] {
        let told = report(&server, &id, &format!("?as_of={ms}")).await;
        assert_eq!(&told, expected, "as of {ms}");
    }
    let (_, whole) = get(&server, &format!("tasks/{id}?as_of={accepted_ms}")).await;
    assert_eq!(whole["as_of_ms"], json!(accepted_ms));

    let now_ms = server.clock.now_ms();
    for (path, expected, field) in [
        (
            format!("tasks/{id}?as_of={}", now_ms + 1),
            400,
            Some("as_of"),
        ),
        (format!("tasks/{id}?as_of={NOW_S}"), 400, Some("as_of")),
        (format!("tasks/{id}?as-of={now_ms}"), 400, Some("as-of")),
        (format!("tasks/none?as_of={now_ms}"), 404, Some("id")),
        (format!("losses?as_of={now_ms}"), 400, Some("task")),
        (
            format!("losses?task=t&as_of={}", now_ms + 1),
            400,
            Some("as_of"),
        ),
        (
            format!("series?start=0&end=9&step=1&family=push&as_of={now_ms}"),
            400,
            Some("task"),
        ),
    ] {
        let (status, problem) = get(&server, &path).await;
        assert_eq!(
            (status, problem["field"].as_str()),
            (expected, field),
            "{path}"
        );
    }
    let reach_ms = (now_ms / 1000 - 30 * 86_400) * 1000;
    for path in [
        format!("tasks/{id}?as_of={}", reach_ms - 1),
        format!("losses?task=none&as_of={}", reach_ms - 1),
    ] {
        let (status, problem) = get(&server, &path).await;
        assert_eq!(status, 410, "{problem}");
        assert_eq!(problem["type"], "urn:pushtally:problem:out-of-reach");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("`{reach_ms}`")), "{detail}");
    }
    let (status, _) = get(&server, &format!("tasks/{id}?as_of={reach_ms}")).await;
    assert_eq!(status, 200);
    outlived(&server, &id, after.1).await;
    server.stop().await;
}

/// A task of which the log has lost the beginning is told as far back as nothing has come since.
async fn outlived(server: &Server, id: &str, known: Value) {
    server.clock.advance_ms(40 * 86_400_000);
    let at = |now_ms: i64| format!("?as_of={}", now_ms - 86_400_000);
    let told = report(server, id, &at(server.clock.now_ms())).await;
    assert_eq!(told, (200, known));
    let (task, clicked) = (key_of(server, id).await, (Channel::Unknown, Lane::Clicked));
    let late = vec![reached(task, clicked, 1, server.clock.now())];
    server
        .state
        .stats
        .report(Source::Client, late)
        .await
        .unwrap();
    let now_ms = server.clock.now_ms();
    let (status, problem) = report(server, id, &at(now_ms)).await;
    assert_eq!(status, 410, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("`{now_ms}`")), "{detail}");
    let (status, _) = report(server, id, &format!("?as_of={now_ms}")).await;
    assert_eq!(status, 200);
}
