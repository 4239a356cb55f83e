//! HTTP/2 as Apple speaks it: limits of streams, refused ones, GOAWAY.

use std::collections::BTreeMap;
use std::time::Duration;

use pushtally_channel::Outcome;
use pushtally_model::Channel;

use crate::bench::{Bench, plain};

/// Calls take turns on so many.
const CONNECTIONS: u64 = 2;

fn tokens(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("token{at}")).collect()
}

async fn send(bench: &Bench, id: &str, count: usize) -> Vec<Outcome> {
    let tokens = tokens(count);
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    bench.send(id, &tokens).await
}

/// The `apns-id` of each token; one that was taken twice fails the test.
fn ids(bench: &Bench) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for taken in bench.take_taken() {
        let before = ids.insert(taken.token.clone(), taken.request_id);
        assert_eq!(before, None, "{} was taken twice", taken.token);
    }
    ids
}

fn accepted(count: usize) -> Vec<Outcome> {
    vec![Outcome::Accepted; count]
}

#[tokio::test]
async fn no_more_are_under_way_on_a_connection_than_the_vendor_allows() {
    let bench = Bench::served(Channel::Apns, |settings| {
        settings.streams_max = Some(4);
        settings.answer_after = Duration::from_millis(2);
    });
    let bench = bench.await;
    // The first answer of each connection has told the limit.
    for _ in 0..CONNECTIONS {
        assert_eq!(send(&bench, "t0", 1).await, accepted(1));
    }
    assert_eq!(send(&bench, "t1", 100).await, accepted(100));
    let counts = bench.service.counts();
    assert_eq!((counts.at_once, counts.refused), (4, 0), "{counts:?}");
    assert_eq!(counts.connections, CONNECTIONS, "{counts:?}");
}

/// Apple's limit is one until then, and a new connection begins with many calls.
#[tokio::test]
async fn a_connection_has_one_call_until_a_jwt_was_good() {
    let bench = Bench::served(Channel::Apns, |settings| {
        settings.answer_after = Duration::from_millis(2);
    });
    let bench = bench.await;
    assert_eq!(send(&bench, "t1", 100).await, accepted(100));
    let counts = bench.service.counts();
    assert_eq!((counts.refused, counts.requests), (0, 100), "{counts:?}");
    assert!(counts.at_once > 1, "{counts:?}");
    assert_eq!(counts.connections, CONNECTIONS, "{counts:?}");
}

#[tokio::test]
async fn streams_that_are_refused_go_by_another_connection() {
    let bench = Bench::served(Channel::Apns, |settings| {
        settings.refused_first = 16;
    });
    let bench = bench.await;
    assert_eq!(send(&bench, "t1", 32).await, accepted(32));
    let counts = bench.service.counts();
    assert_eq!(counts.refused, 16, "{counts:?}");
    assert_eq!(counts.connections, CONNECTIONS, "{counts:?}");
    assert_eq!(ids(&bench).len(), 32);
}

#[tokio::test]
async fn what_is_beyond_the_last_stream_is_repeated_under_the_same_id() {
    let bench = Bench::served(Channel::Apns, |settings| {
        // Its half of the calls is more.
        settings.goaway_after = 10;
        settings.answer_after = Duration::from_millis(2);
    });
    let bench = bench.await;
    assert_eq!(send(&bench, "t1", 32).await, accepted(32));
    let counts = bench.service.counts();
    assert!(
        counts.unseen >= 1 && counts.connections > CONNECTIONS,
        "{counts:?}"
    );
    assert_eq!(counts.requests, 32, "none was looked at twice");
    let first = ids(&bench);
    assert_eq!(first.len(), 32);
    // Few at a time: of many on connections that all go away some would have to wait.
    let message = bench.message("t1", &plain());
    let tokens = tokens(32);
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    for part in bench.targets(&tokens).chunks(4) {
        assert_eq!(bench.send_message(&message, part).await, accepted(4));
    }
    assert_eq!(ids(&bench), first);
}

/// It is not hurried for ever: what is left waits, as with any vendor in trouble.
#[tokio::test]
async fn a_vendor_that_always_goes_away_loses_nothing() {
    let bench = Bench::served(Channel::Apns, |settings| settings.goaway_after = 1);
    let bench = bench.await;
    let outcomes = send(&bench, "t1", 32).await;
    let taken = ids(&bench).len();
    // How many depends on how many connections there is time for. One that breaks while it is written to may have been heard.
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|one| is(one)).count();
    let accepted = count(|one| *one == Outcome::Accepted);
    let unknown = count(|one| matches!(one, Outcome::Unknown { .. }));
    let unavailable = count(|one| matches!(one, Outcome::Unavailable { .. }));
    assert_eq!(accepted + unknown + unavailable, 32, "{outcomes:?}");
    assert!((1..=32).contains(&taken), "{taken}");
    assert!(
        (accepted..=accepted + unknown).contains(&taken),
        "{taken}: {outcomes:?}"
    );
}
