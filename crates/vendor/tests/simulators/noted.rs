//! Every call is noted with the vendor's own name of it, for disputes.

use pushtally_channel::Channel as _;
use pushtally_model::{Channel, Number, VendorCall};

use crate::bench::{Bench, plain};
use crate::given::VENDORS;

async fn calls(bench: &Bench, id: &str, tokens: &[&str]) -> Vec<VendorCall> {
    let message = bench.message(id, &plain());
    let sent = bench.carrier.send(&message, &bench.targets(tokens)).await;
    sent.calls
}

#[tokio::test]
async fn every_vendor_names_what_it_took_and_for_whom_is_noted() {
    for channel in VENDORS {
        let bench = Bench::of(channel).await;
        let calls = calls(&bench, "t1", &["one", "two", "three"]).await;
        let mut whom: Vec<Number> = Vec::new();
        for call in &calls {
            assert_eq!((call.status, call.code), (200, 0), "{channel:?}");
            assert_eq!(call.at_ms, bench.now_ms(), "{channel:?}");
            assert_ne!(call.request_id, "", "{channel:?}");
            assert!(call.numbers.is_sorted(), "{channel:?}");
            whom.extend(&call.numbers);
        }
        whom.sort_unstable();
        assert_eq!(whom, [1, 2, 3].map(Number), "{channel:?}");
    }
}

#[tokio::test]
async fn what_was_refused_or_not_answered_is_noted_without_tokens() {
    for channel in VENDORS {
        let bench = Bench::of(channel).await;
        // The access is had first.
        calls(&bench, "t1", &["one"]).await;
        bench.service.set_down(true);
        let refused = calls(&bench, "t2", &["t0ken-of-one"]).await;
        let [call] = &refused[..] else {
            panic!("{channel:?}: one call: {refused:?}");
        };
        let is_silent = call.status == 0 && !call.text.is_empty();
        assert!(is_silent || call.status >= 500, "{channel:?}: {call:?}");
        assert_eq!(call.numbers, [Number(1)], "{channel:?}");
        assert!(
            !format!("{call:?}").contains("t0ken"),
            "{channel:?}: {call:?}"
        );
    }
}

#[tokio::test]
async fn nobody_is_called_for_who_has_no_account() {
    let bench = Bench::of(Channel::Fcm).await;
    let message = bench.message("t1", &plain());
    let mut target = bench.target(1, "one");
    target.token.as_mut().unwrap().cert_id = 99;
    let sent = bench.carrier.send(&message, &[target]).await;
    assert_eq!(sent.calls, []);
}
