//! What a vendor refuses of a batch is refused of that one alone, for good, for a while or for the day.

use std::time::Duration;

use pushtally_channel::Outcome;
use pushtally_model::{AndroidContent, Channel, Notification, VivoContent};

use crate::bench::{Bench, plain};
use crate::given::VENDORS;

fn gone_code(channel: Channel, outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::TokenGone { code, .. } => *code,
        other => panic!("{channel:?}: {other:?} says that the token is gone"),
    }
}

/// How long an outcome asks to wait, of one that ends nothing.
fn wait(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Throttled { after }
        | Outcome::Unavailable { after }
        | Outcome::Unknown { after } => Some(*after),
        _ => None,
    }
}

#[tokio::test]
async fn tokens_of_nobody_are_gone_and_the_others_are_sent() {
    // Codes of `gone-` and `bad-`, among others and when there is no other.
    for (channel, among, alone) in [
        (Channel::Apns, (410, 400), (410, 400)),
        (Channel::Xiaomi, (0, 0), (20_301, 20_301)),
        (
            Channel::Huawei,
            (80_100_000, 80_100_000),
            (80_300_007, 80_300_007),
        ),
        (Channel::Fcm, (404, 400), (404, 400)),
        (Channel::Meizu, (110_002, 110_003), (110_002, 110_003)),
        (Channel::Oppo, (10_000, 10_000), (10_000, 10_000)),
        (Channel::Vivo, (2, 1), (2, 1)),
        (
            Channel::Honor,
            (80_100_000, 80_100_000),
            (80_300_007, 80_300_007),
        ),
        (
            Channel::Harmony,
            (80_100_000, 80_100_000),
            (80_300_007, 80_300_007),
        ),
    ] {
        let bench = Bench::of(channel).await;
        let code = |outcome: &Outcome| gone_code(channel, outcome);
        let outcomes = bench.send("t1", &["one", "gone-1", "bad-1", "two"]).await;
        let [one, gone, bad, two] = &outcomes[..] else {
            panic!("{channel:?}: an outcome each");
        };
        assert_eq!((code(gone), code(bad)), among, "{channel:?}");
        assert_eq!([one, two], [&Outcome::Accepted; 2], "{channel:?}");
        let taken = bench.take_taken().into_iter().map(|taken| taken.token);
        let mut taken: Vec<String> = taken.collect();
        taken.sort();
        assert_eq!(taken, ["one", "two"], "{channel:?}");

        let gone = bench.send("t2", &["gone-1"]).await;
        let bad = bench.send("t3", &["bad-1"]).await;
        assert_eq!((code(&gone[0]), code(&bad[0])), alone, "{channel:?}");
        for outcome in bench.send("t4", &["gone-1", "bad-1", "gone-2"]).await {
            code(&outcome);
        }
        assert_eq!(bench.take_taken(), [], "{channel:?}");
        // The valve is as open as before.
        assert_eq!(bench.send("t5", &["one"]).await, [Outcome::Accepted]);
    }
}

#[tokio::test]
async fn apns_says_since_when_a_token_is_gone() {
    let bench = Bench::of(Channel::Apns).await;
    let outcomes = bench.send("t1", &["gone-1"]).await;
    let Outcome::TokenGone { since_ms, .. } = outcomes[0] else {
        panic!("{outcomes:?}");
    };
    assert!(since_ms.is_some_and(|since_ms| since_ms <= bench.now_ms()));
}

/// Each of its two environments knows its own tokens only.
#[tokio::test]
async fn apns_is_asked_in_its_other_environment_once() {
    let bench = Bench::with(Channel::Apns, |credentials| {
        credentials["environments"] = "both".into();
        let url = credentials["production_url"].clone();
        credentials["sandbox_url"] = url;
    });
    let bench = bench.await;
    let outcomes = bench.send("t1", &["bad-1", "one"]).await;
    assert_eq!(gone_code(Channel::Apns, &outcomes[0]), 400);
    assert_eq!(outcomes[1], Outcome::Accepted);
    let calls = bench.take_calls();
    let of_bad = calls.iter().filter(|path| path.ends_with("/bad-1"));
    assert_eq!((of_bad.count(), calls.len()), (2, 3));
}

/// The second time that it is sent, it is taken; nobody gets it twice.
async fn check_once(channel: Channel, tokens: &[&str]) {
    let bench = Bench::of(channel).await;
    let first = bench.send("t1", tokens).await;
    let troubled = tokens.iter().position(|token| token.contains('-')).unwrap();
    let asked = wait(&first[troubled]);
    assert!(asked.is_some(), "{channel:?}: {first:?}");
    let mut again = Vec::new();
    for (token, outcome) in tokens.iter().zip(&first) {
        if *outcome != Outcome::Accepted {
            let after = wait(outcome);
            let after = after.unwrap_or_else(|| panic!("{channel:?}: {token}: {outcome:?}"));
            assert!(!after.is_zero() && after <= Duration::from_secs(60));
            again.push(*token);
        }
    }
    let longest = first.iter().filter_map(wait).max().unwrap();
    bench.advance(longest);
    let second = bench.send("t1", &again).await;
    assert_eq!(
        second,
        vec![Outcome::Accepted; again.len()],
        "{channel:?}: {tokens:?}"
    );
    let counts = bench.service.counts();
    let all = u64::try_from(tokens.len()).unwrap();
    assert_eq!((counts.taken, counts.repeats), (all, 0), "{channel:?}");
}

#[tokio::test]
async fn haste_and_failure_end_nothing() {
    for channel in VENDORS {
        for trouble in ["rate-1", "fail-1"] {
            check_once(channel, &[trouble]).await;
            check_once(channel, &["one", trouble, "two"]).await;
        }
    }
}

/// What a used-up quota means.
#[derive(Debug, PartialEq)]
enum Spent {
    /// The vendor takes it; only a receipt says.
    Taken,
    /// Of this token: later.
    Token,
    /// The whole line waits until the next day.
    Day,
}

/// Until midnight in China.
fn until_midnight(now_ms: i64) -> Duration {
    const DAY_MS: i64 = 24 * 3_600_000;
    let of_day_ms = (now_ms + 8 * 3_600_000) % DAY_MS;
    Duration::from_millis((DAY_MS - of_day_ms).unsigned_abs())
}

#[tokio::test]
async fn a_spent_quota_holds_the_line_as_long_as_the_vendor_means() {
    for (channel, expected) in [
        (Channel::Apns, Spent::Token),
        (Channel::Xiaomi, Spent::Day),
        (Channel::Huawei, Spent::Taken),
        // Its quota is one of a minute, and of the device or the project: see below.
        (Channel::Fcm, Spent::Token),
        (Channel::Meizu, Spent::Day),
        (Channel::Oppo, Spent::Day),
        (Channel::Vivo, Spent::Day),
        (Channel::Honor, Spent::Taken),
        (Channel::Harmony, Spent::Taken),
    ] {
        let bench = Bench::of(channel).await;
        let outcome = bench.send("t1", &["quota-1"]).await.remove(0);
        let found = match &outcome {
            Outcome::Accepted => Spent::Taken,
            Outcome::Throttled { .. } => Spent::Token,
            Outcome::Unavailable { after } if *after == until_midnight(bench.now_ms()) => {
                Spent::Day
            }
            _ => panic!("{channel:?}: {outcome:?}"),
        };
        assert_eq!(found, expected, "{channel:?}");
        bench.take_calls();
        let next = bench.send("t2", &["one"]).await.remove(0);
        match expected {
            Spent::Taken | Spent::Token => assert_eq!(next, Outcome::Accepted, "{channel:?}"),
            Spent::Day => {
                let same = wait(&outcome);
                assert_eq!(wait(&next), same, "{channel:?}");
                assert_eq!(bench.take_calls(), [""; 0], "{channel:?}");
                bench.advance(same.unwrap());
                let next = bench.send("t2", &["one"]).await;
                assert_eq!(next, [Outcome::Accepted], "{channel:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_quota_of_one_device_is_its_own() {
    let bench = Bench::of(Channel::Meizu).await;
    let outcomes = bench.send("t1", &["one", "quota-1"]).await;
    assert_eq!(outcomes[0], Outcome::Accepted);
    assert!(matches!(
        outcomes[1],
        Outcome::Rejected { code: 110_011, .. }
    ));
    let bench = Bench::of(Channel::Oppo).await;
    let outcomes = bench.send("t1", &["one", "quota-1"]).await;
    assert_eq!(outcomes[0], Outcome::Accepted);
    assert!(matches!(outcomes[1], Outcome::Throttled { .. }));
    assert_eq!(bench.send("t2", &["one"]).await, [Outcome::Accepted]);
}

/// FCM does not say whether the device or the project is at its limit, which is one of a minute.
#[tokio::test]
async fn fcm_is_left_alone_at_the_second_limit_in_a_row() {
    let bench = Bench::of(Channel::Fcm).await;
    let after = Duration::from_secs(60);
    let throttled = [Outcome::Throttled { after }];
    for device in ["one", "two", "three"] {
        assert_eq!(bench.send("t1", &["quota-1"]).await, throttled);
        assert_eq!(bench.send("t2", &[device]).await, [Outcome::Accepted]);
    }
    assert_eq!(bench.send("t2", &["quota-1"]).await, throttled);
    let held = [Outcome::Unavailable { after }];
    assert_eq!(bench.send("t3", &["quota-1"]).await, held);
    bench.take_calls();
    assert_eq!(bench.send("t4", &["one"]).await, held);
    assert_eq!(bench.take_calls(), [""; 0]);
    bench.advance(after);
    assert_eq!(bench.send("t4", &["one"]).await, [Outcome::Accepted]);
}

#[tokio::test]
async fn vivo_counts_operation_messages_apart() {
    let of_class = |is_system: bool| Notification {
        android: Some(Box::new(AndroidContent {
            vivo: VivoContent {
                is_system: Some(is_system),
                ..VivoContent::default()
            },
            ..AndroidContent::default()
        })),
        ..plain()
    };
    let bench = Bench::of(Channel::Vivo).await;
    let operation = bench.message("t1", &of_class(false));
    let system = bench.message("t2", &of_class(true));
    let quota = bench.targets(&["quota-1"]);
    let spent = bench.send_message(&operation, &quota).await;
    assert_eq!(wait(&spent[0]), Some(until_midnight(bench.now_ms())));
    let one = bench.targets(&["one"]);
    assert!(wait(&bench.send_message(&operation, &one).await[0]).is_some());
    assert_eq!(bench.send_message(&system, &one).await, [Outcome::Accepted]);
}
