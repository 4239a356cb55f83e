//! A vendor that is down is left alone, and tried again.

use pushtally_channel::Outcome;
use pushtally_model::Channel;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::bench::{Bench, CLOSED, Urls};
use crate::given::{Given, VENDORS};

fn is_unavailable(outcomes: &[Outcome]) -> bool {
    let mut outcomes = outcomes.iter();
    outcomes.all(|outcome| matches!(outcome, Outcome::Unavailable { .. }))
}

/// With what was sent before, which decides whether there is an access.
async fn check_down(channel: Channel, is_warm: bool) {
    let bench = Bench::of(channel).await;
    let requests = || bench.service.counts().requests;
    if is_warm {
        assert_eq!(bench.send("t0", &["one"]).await, [Outcome::Accepted]);
    }
    bench.service.set_down(true);
    for failures in 1..=3_u64 {
        let before = requests();
        let outcomes = bench.send("t1", &["gone-1"]).await;
        assert!(is_unavailable(&outcomes), "{channel:?}: {outcomes:?}");
        assert!(requests() > before, "{channel:?} after {failures}");
    }
    // Three in a row close it: the time that is left is told, nothing is called.
    let before = requests();
    let outcomes = bench.send("t1", &["one", "two"]).await;
    let Outcome::Unavailable { after } = outcomes[0] else {
        panic!("{channel:?}: {outcomes:?}");
    };
    assert!(after >= CLOSED, "{channel:?}: {after:?}");
    assert_eq!(requests(), before, "{channel:?}");
    // One probe, which fails and closes it again.
    bench.advance(after);
    assert!(is_unavailable(&bench.send("t1", &["one"]).await));
    assert_eq!(requests(), before + 1, "{channel:?}");
    let outcomes = bench.send("t1", &["one"]).await;
    let Outcome::Unavailable { after } = outcomes[0] else {
        panic!("{channel:?}: {outcomes:?}");
    };
    assert_eq!(requests(), before + 1, "{channel:?}");

    bench.service.set_down(false);
    bench.advance(after);
    assert_eq!(bench.send("t1", &["one"]).await, [Outcome::Accepted]);
    let outcomes = bench.send("t2", &["one", "two"]).await;
    assert_eq!(outcomes, vec![Outcome::Accepted; 2], "{channel:?}");
}

#[tokio::test]
async fn a_vendor_that_is_down_is_left_alone_and_tried_again() {
    for channel in VENDORS {
        check_down(channel, true).await;
        check_down(channel, false).await;
    }
}

/// Before or after the call was heard: a connection that is kept does not say.
#[tokio::test]
async fn a_vendor_that_is_not_there_any_more_ends_nothing() {
    for channel in VENDORS {
        let mut bench = Bench::of(channel).await;
        assert_eq!(bench.send("t1", &["one"]).await, [Outcome::Accepted]);
        bench.stop().await;
        let outcomes = bench.send("t2", &["one", "two"]).await;
        let open = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Unavailable { .. } | Outcome::Unknown { .. }
            )
        };
        assert!(outcomes.iter().all(open), "{channel:?}: {outcomes:?}");
    }
}

/// A vendor that hears a call and hangs up may have done it; one that hangs up when asked for an access, or that nobody
/// reached, has not.
#[tokio::test]
async fn what_may_have_been_heard_is_told_from_what_was_not() {
    for (channel, signs_in) in [
        (Channel::Xiaomi, false),
        (Channel::Meizu, false),
        (Channel::Oppo, true),
        (Channel::Vivo, true),
        (Channel::Honor, true),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let urls = Urls {
            vendor: format!("http://{}", listener.local_addr().unwrap()),
            receipts: String::new(),
        };
        let hangs_up = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // Some of it is enough.
                stream.read_exact(&mut [0; 64]).await.unwrap();
            }
        });
        let bench = Bench::with(channel, |given| {
            *given = (Given::of(channel).credentials)(&urls);
        });
        let bench = bench.await;
        let outcomes = bench.send("t1", &["one"]).await;
        let unknown = matches!(outcomes[..], [Outcome::Unknown { .. }]);
        assert_eq!(unknown, !signs_in, "{channel:?}: {outcomes:?}");
        assert!(
            unknown || is_unavailable(&outcomes),
            "{channel:?}: {outcomes:?}"
        );
        hangs_up.abort();
        let _ = hangs_up.await;
        let outcomes = bench.send("t2", &["one"]).await;
        assert!(is_unavailable(&outcomes), "{channel:?}: {outcomes:?}");
    }
}
