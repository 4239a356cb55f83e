//! What a vendor reports is read as what happened.

use std::collections::BTreeSet;

use pushtally_channel::Outcome;
use pushtally_model::Channel;
use pushtally_vendor::Arrival;

use crate::bench::{Bench, MARK};
use crate::given::huawei_by_jwt;

/// What a vendor reports beside arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reports {
    clicks: bool,
    /// Of `lost-`.
    gone: Option<&'static str>,
    /// Of `quota-`.
    spent: Option<&'static str>,
}

const ORDINARY: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

async fn check(bench: &Bench, reports: Reports, signed: bool) {
    let channel = bench.channel;
    let mut tokens = ORDINARY.to_vec();
    tokens.extend(["lost-1", "mute-1"]);
    if reports.spent.is_some() {
        tokens.push("quota-1");
    }
    let outcomes = bench.send("t1", &tokens).await;
    let accepted = vec![Outcome::Accepted; tokens.len()];
    assert_eq!(outcomes, accepted, "{channel:?}");
    let request_ids: BTreeSet<String> = bench
        .take_taken()
        .into_iter()
        .map(|taken| taken.request_id)
        .collect();

    let found = || {
        let mut found = BTreeSet::new();
        for receipts in bench.receipts() {
            assert_eq!(receipts.bad, 0, "{channel:?}");
            assert_eq!(receipts.nonce.is_empty(), !signed, "{channel:?}");
            for receipt in receipts.receipts {
                assert_eq!(receipt.mark, MARK, "{channel:?}");
                assert!(request_ids.contains(&receipt.request_id), "{channel:?}");
                let at_ms = receipt.at_ms;
                assert!(at_ms.is_none_or(|at_ms| at_ms == bench.now_ms()));
                let arrival = match receipt.arrival {
                    Arrival::Delivered => "delivered",
                    Arrival::Clicked => "clicked",
                    Arrival::Lost(_) => "lost",
                    Arrival::Gone(_) => "gone",
                    Arrival::Pending(_) => "pending",
                    Arrival::Replaced(_) => "replaced",
                };
                found.insert((receipt.token.expose().to_owned(), arrival));
            }
        }
        found
    };
    let clicks = |found: &BTreeSet<(String, &str)>| {
        found.iter().filter(|(_, kind)| *kind == "clicked").count()
    };
    let mut expected: BTreeSet<(String, &str)> = ORDINARY
        .iter()
        .map(|token| ((*token).to_owned(), "delivered"))
        .collect();
    for (token, kind) in [("lost-1", reports.gone), ("quota-1", reports.spent)] {
        expected.extend(kind.map(|kind| (token.to_owned(), kind)));
    }
    // One of three is clicked; which, is the simulator's choice.
    let clicked = if reports.clicks { 2 } else { 0 };
    bench
        .until("all receipts", || found().len() >= expected.len() + clicked)
        .await;
    let mut found = found();
    assert_eq!(clicks(&found), clicked, "{channel:?}: {found:?}");
    found.retain(|(_, kind)| *kind != "clicked");
    assert_eq!(found, expected, "{channel:?}");
    let counts = bench.service.counts();
    assert_eq!(counts.refused_receipts, 0, "{channel:?}");
}

#[tokio::test]
async fn receipts_say_what_happened() {
    let arrivals = Reports {
        clicks: false,
        gone: None,
        spent: None,
    };
    let huawei = Reports {
        gone: Some("gone"),
        spent: Some("lost"),
        ..arrivals
    };
    for (channel, reports) in [
        (
            Channel::Xiaomi,
            Reports {
                clicks: true,
                gone: Some("gone"),
                ..arrivals
            },
        ),
        (Channel::Huawei, huawei),
        (
            Channel::Meizu,
            Reports {
                clicks: true,
                ..arrivals
            },
        ),
        (
            Channel::Oppo,
            Reports {
                gone: Some("gone"),
                ..arrivals
            },
        ),
        (Channel::Vivo, arrivals),
        (
            Channel::Honor,
            Reports {
                gone: Some("pending"),
                spent: Some("pending"),
                ..arrivals
            },
        ),
        (Channel::Harmony, huawei),
    ] {
        let signed = matches!(channel, Channel::Huawei | Channel::Harmony);
        check(&Bench::of(channel).await, reports, signed).await;
    }
    let by_project = Bench::with(Channel::Huawei, huawei_by_jwt).await;
    check(&by_project, huawei, true).await;
}

/// Without an id of the console's, vivo is told the address with a single push.
#[tokio::test]
async fn vivo_reports_a_single_one_to_the_address_that_it_is_told() {
    let without_id = |credentials: &mut serde_json::Value| {
        credentials["callback_id"] = serde_json::json!("");
    };
    let bench = Bench::with(Channel::Vivo, without_id).await;
    assert_eq!(bench.send("t1", &["one"]).await, [Outcome::Accepted]);
    bench
        .until("a receipt", || !bench.receipts().is_empty())
        .await;
    let receipt = bench.receipts().remove(0).receipts.remove(0);
    assert_eq!(
        (receipt.mark.as_str(), receipt.token.expose()),
        (MARK, "one")
    );
    // A list is taken too, and nothing is heard of it.
    let outcomes = bench.send("t2", &["one", "two"]).await;
    assert_eq!(outcomes, vec![Outcome::Accepted; 2]);
}

/// APNs and FCM report nothing: the app has to.
#[tokio::test]
async fn vendors_without_receipts_send_none() {
    for channel in [Channel::Apns, Channel::Fcm] {
        let bench = Bench::of(channel).await;
        assert_eq!(bench.send("t1", &["one"]).await, [Outcome::Accepted]);
        let counts = bench.service.counts();
        assert_eq!((counts.taken, counts.delivered), (1, 0), "{channel:?}");
    }
}
