//! Leave to call: got once, got anew when the vendor ends it, refused to those with wrong credentials.

use std::time::Duration;

use pushtally_channel::Outcome;
use pushtally_model::Channel;
use serde_json::{Value, json};

use crate::bench::{Bench, plain};
use crate::given::{VENDORS, huawei_by_jwt};

#[tokio::test]
async fn an_access_that_ended_is_got_anew_once() {
    for (channel, expected) in [
        // Nothing ends.
        (Channel::Xiaomi, &["/v2/message/regid"][..]),
        (
            Channel::Huawei,
            &[
                "/v1/100001/messages:send",
                "/oauth2/v3/token",
                "/v1/100001/messages:send",
            ],
        ),
        (
            Channel::Fcm,
            &[
                "/v1/projects/acme-1/messages:send",
                "/token",
                "/v1/projects/acme-1/messages:send",
            ],
        ),
        (
            Channel::Meizu,
            &["/garcia/api/server/push/varnished/pushByPushId"],
        ),
        (
            Channel::Oppo,
            &[
                "/server/v1/message/notification/unicast_batch",
                "/server/v1/auth",
                "/server/v1/message/notification/unicast_batch",
            ],
        ),
        (
            Channel::Vivo,
            &["/message/send", "/message/auth", "/message/send"],
        ),
        (
            Channel::Honor,
            &[
                "/api/v1/100002/sendMessage",
                "/auth/token",
                "/api/v1/100002/sendMessage",
            ],
        ),
        // Signed anew by ourselves.
        (
            Channel::Harmony,
            &["/v3/200001/messages:send", "/v3/200001/messages:send"],
        ),
    ] {
        let bench = Bench::of(channel).await;
        let outcomes = bench.send("t1", &["one"]).await;
        assert_eq!(outcomes, [Outcome::Accepted], "{channel:?}");
        bench.take_calls();
        bench.service.expire();
        let outcomes = bench.send("t2", &["one"]).await;
        assert_eq!(outcomes, [Outcome::Accepted], "{channel:?}");
        assert_eq!(bench.take_calls(), expected, "{channel:?}");
    }
}

#[tokio::test]
async fn huawei_is_signed_for_anew() {
    let bench = Bench::with(Channel::Huawei, huawei_by_jwt).await;
    assert_eq!(bench.send("t1", &["one"]).await, [Outcome::Accepted]);
    bench.service.expire();
    assert_eq!(bench.send("t2", &["one"]).await, [Outcome::Accepted]);
    assert_eq!(bench.take_calls().len(), 3);
}

/// Apple refuses whoever signs twice within 20 minutes, and all of a half hour are the same, so that nothing helps but to
/// wait: nothing is lost for it.
#[tokio::test]
async fn apns_is_not_signed_for_anew_within_30_minutes() {
    const SIGNED_FOR_MIN: Duration = Duration::from_secs(30 * 60);
    let bench = Bench::of(Channel::Apns).await;
    assert_eq!(bench.send("t1", &["one"]).await, [Outcome::Accepted]);
    bench.advance(Duration::from_secs(60));
    bench.service.expire();
    bench.take_calls();
    let after = SIGNED_FOR_MIN - Duration::from_secs(60);
    for _ in 0..2 {
        let outcomes = bench.send("t2", &["one"]).await;
        assert_eq!(outcomes, [Outcome::Unavailable { after }]);
    }
    assert_eq!(bench.take_calls().len(), 1);
    bench.advance(after);
    assert_eq!(bench.send("t2", &["one"]).await, [Outcome::Accepted]);
}

/// Apple counts a key's signatures, not an app's.
#[tokio::test]
async fn apps_of_one_key_are_signed_for_once() {
    let mut bench = Bench::of(Channel::Apns).await;
    bench.set_account(8, |credentials| {
        credentials["bundle_id"] = json!("com.example.second");
    });
    let message = bench.message("t1", &plain());
    let send = async |bench: &Bench, cert_id| {
        let mut target = bench.target(1, "one");
        target.token.as_mut().unwrap().cert_id = cert_id;
        bench.send_message(&message, &[target]).await
    };
    assert_eq!(send(&bench, 7).await, [Outcome::Accepted]);
    // Another second, and so another signature, had by an account that is made anew, too.
    bench.advance(Duration::from_secs(60));
    bench.set_account(7, |_| {});
    assert_eq!(send(&bench, 7).await, [Outcome::Accepted]);
    assert_eq!(send(&bench, 8).await, [Outcome::Accepted]);
    bench.set_account(7, |credentials| {
        // Whoever knows a key's names, but not the key, has no part in it.
        credentials["private_key"] = json!(include_str!("../keys/rsa.pem"));
    });
    let refused = send(&bench, 7).await;
    assert!(
        matches!(&refused[..], [Outcome::Rejected { .. }]),
        "{refused:?}"
    );
    bench.advance(Duration::from_secs(60 * 60));
    assert_eq!(send(&bench, 8).await, [Outcome::Accepted]);
}

#[tokio::test]
async fn accesses_are_renewed_before_they_end() {
    // Past every vendor's end of an access, the longest of which is a day.
    for channel in VENDORS {
        let bench = Bench::of(channel).await;
        for hours in [0, 1, 24] {
            bench.advance(Duration::from_secs(hours * 3_600 + 1));
            bench.take_calls();
            let outcomes = bench.send(&format!("t{hours}"), &["one"]).await;
            assert_eq!(outcomes, [Outcome::Accepted], "{channel:?}");
            // No call is refused for it.
            assert!(bench.take_calls().len() <= 2, "{channel:?}");
        }
    }
}

/// Many who begin at once share one access.
#[tokio::test]
async fn an_access_is_asked_for_once() {
    for channel in [Channel::Fcm, Channel::Vivo, Channel::Honor] {
        let bench = Bench::of(channel).await;
        let sends = (0..20).map(|at| {
            let bench = &bench;
            async move { bench.send(&format!("t{at}"), &["one"]).await }
        });
        for outcomes in futures_util::future::join_all(sends).await {
            assert_eq!(outcomes, [Outcome::Accepted], "{channel:?}");
        }
        assert_eq!(bench.take_calls().len(), 21, "{channel:?}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_and_drop_no_token() {
    let rows: [(Channel, &str, Value, i64); 14] = [
        (Channel::Apns, "key_id", json!("ABC123DEFX"), 403),
        (Channel::Apns, "team_id", json!("TEAM123457"), 403),
        (Channel::Apns, "bundle_id", json!("com.example.other"), 400),
        (Channel::Xiaomi, "app_secret", json!("wrong"), 21_301),
        (Channel::Xiaomi, "package", json!("com.example.b"), 22_022),
        (Channel::Huawei, "client_secret", json!("wrong"), 401),
        (Channel::Fcm, "private_key_id", json!("wrong"), 400),
        (Channel::Fcm, "project_id", json!("acme-2"), 403),
        (Channel::Meizu, "app_secret", json!("wrong"), 1_006),
        (Channel::Meizu, "app_id", json!("1002"), 110_000),
        (Channel::Oppo, "master_secret", json!("wrong"), 16),
        (Channel::Vivo, "app_secret", json!("wrong"), 10_206),
        (Channel::Honor, "client_secret", json!("wrong"), 400),
        (Channel::Harmony, "key_id", json!("wrong"), 80_200_001),
    ];
    for (channel, name, value, expected) in rows {
        let bench = Bench::with(channel, |credentials| credentials[name] = value).await;
        let outcomes = bench.send("t1", &["one", "gone-1", "bad-1"]).await;
        assert_eq!(outcomes.len(), 3);
        for outcome in outcomes {
            let Outcome::Rejected { code, .. } = outcome else {
                panic!("{channel:?} with another {name}: {outcome:?}");
            };
            assert_eq!(code, expected, "{channel:?} with another {name}");
        }
        assert_eq!(bench.take_taken(), [], "{channel:?}");
    }
}
