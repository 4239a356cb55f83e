//! Vendors' receipts: what the address answers, and what counts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use pushtally_model::{Channel, Secret};
use serde_json::{Value, json};

use super::fixture::{APP, NOW_S, Server, Setup, app, send};
use super::vendors::{Bench, CALLBACK_KEY, KEY, SUCCESS, path, signature};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vendors_receipt_counts_once_and_is_answered_as_it_wants() {
    let bench = Bench::start().await;
    for repetition in 0..2 {
        for given in &bench.given {
            let channel = given.channel;
            let signature = bench.signature(&format!("n-{repetition}"));
            let answer = bench
                .post_signed(channel, &bench.body(channel), Some(&signature))
                .await;
            let expected = match channel {
                Channel::Huawei | Channel::Harmony => serde_json::from_str(SUCCESS).unwrap(),
                Channel::Honor => json!({"code": "0", "message": "success"}),
                _ => json!(""),
            };
            assert_eq!(answer, (200, expected), "{channel:?}");
        }
        let mut expected = BTreeMap::new();
        for given in &bench.given {
            *expected.entry(given.platform).or_insert(0) += 1;
        }
        assert_eq!(bench.delivered().await, expected, "after {repetition}");
    }
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_not_the_whole_address_finds_nothing_there() {
    let bench = Bench::start().await;
    let app = APP.to_string();
    let body = bench.body(Channel::Honor);
    let call = async |method: &str, path: String| {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "push.example");
        let body = Full::new(Bytes::from(body.clone()));
        let (status, answer) = send(bench.server.public, request.body(body).unwrap()).await;
        assert!(!answer.to_string().contains(KEY), "{answer}");
        (
            status,
            answer["type"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let mut unlike = Vec::new();
    for (vendor, sdkappid, key) in [
        ("honor", app.as_str(), "receipts-kez"),
        ("honor", app.as_str(), "receipts-key2"),
        ("honor", app.as_str(), "receipts-ke"),
        ("honor", "1400000001", KEY),
        ("honor", "x", KEY),
        ("honor", "-1", KEY),
        ("nokia", app.as_str(), KEY),
        ("HONOR", app.as_str(), KEY),
        // They send none.
        ("apns", app.as_str(), KEY),
        ("fcm", app.as_str(), KEY),
        // No address of receipts, but with the key in it.
        ("honor", app.as_str(), ""),
        ("honor", app.as_str(), "receipts-key/"),
        ("honor", app.as_str(), "receipts-key/more"),
        ("honor", "", KEY),
    ] {
        for method in ["POST", "GET"] {
            let (status, kind) = call(method, path(vendor, sdkappid, key)).await;
            assert_eq!(status, 404, "{method} {vendor} {sdkappid} {key}");
            unlike.push(kind);
        }
    }
    // Nor does the answer say what was wrong.
    unlike.dedup();
    assert_eq!(unlike.len(), 1, "{unlike:?}");
    for method in ["GET", "PUT", "DELETE"] {
        let (status, _) = call(method, path("honor", &app, KEY)).await;
        assert_eq!(status, 405, "{method}");
    }
    assert_eq!(bench.delivered().await, BTreeMap::new());
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_without_a_key_or_an_account_takes_no_receipts() {
    let mut with_key = app();
    with_key.receipts_key = Some(Secret::new(KEY));
    for app in [app(), with_key] {
        let setup = Setup {
            apps: vec![app],
            ..Setup::default()
        };
        let server = Server::start(setup).await;
        for key in [KEY, "x"] {
            let request = http::Request::post(path("honor", &APP.to_string(), key));
            let request = request.header("host", "x").body(Full::new(Bytes::new()));
            let (status, _) = send(server.public, request.unwrap()).await;
            assert_eq!(status, 404);
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_none_are_refused_and_bad_entries_hold_up_no_good_one() {
    let bench = Bench::start().await;
    for (at, given) in bench.given.iter().enumerate() {
        let channel = given.channel;
        for (nth, body) in ["", "x", "{", "null", "\u{FFFD}"].into_iter().enumerate() {
            let signature = bench.signature(&format!("bad-{at}-{nth}"));
            let (status, answer) = bench.post_signed(channel, body, Some(&signature)).await;
            assert_eq!(status, 400, "{channel:?} {body:?}: {answer}");
            let title = answer["title"].as_str();
            assert_eq!(title, Some("The request is malformed"), "{channel:?}");
        }
    }
    assert_eq!(bench.delivered().await, BTreeMap::new());

    // One that is good among those that are not: the vendor is told that all is well, or it would send it for ever.
    let good: Value = serde_json::from_str(&bench.body(Channel::Honor)).unwrap();
    let good = &good["statuses"][0];
    let body = json!({"statuses": [7, {"token": ""}, good, {"status": 40_000_002}, null]});
    let (status, _) = bench.post(Channel::Honor, &body.to_string()).await;
    assert_eq!(status, 200);
    let of_nobody = json!({"statuses": [{"token": "nobodys", "status": 40_000_002, "biTag": "x"}]});
    let (status, _) = bench.post(Channel::Honor, &of_nobody.to_string()).await;
    assert_eq!(status, 200);
    assert_eq!(bench.delivered().await, BTreeMap::from([(8, 1)]));
    let metrics = http::Request::get("/metrics").header("host", "x");
    let metrics = metrics.body(Full::new(Bytes::new())).unwrap();
    let (_, metrics) = send(bench.server.operator, metrics).await;
    let metrics = metrics.as_str().unwrap();
    for (result, count) in [("recorded", 1), ("unmatched", 1), ("bad", 4)] {
        let line = format!(r#"receipts_total{{channel="honor",result="{result}"}} {count}"#);
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_bound_is_refused_whole() {
    let bench = Bench::start().await;
    let good: Value = serde_json::from_str(&bench.body(Channel::Honor)).unwrap();
    let padded = |len: usize| {
        let mut body = good.clone();
        body["padding"] = json!("");
        let without = body.to_string().len();
        body["padding"] = json!("x".repeat(len - without));
        body.to_string()
    };
    let (status, answer) = bench.post(Channel::Honor, &padded((2 << 20) + 1)).await;
    assert_eq!(status, 413, "{answer}");
    assert_eq!(bench.delivered().await, BTreeMap::new());
    let (status, _) = bench.post(Channel::Honor, &padded(2 << 20)).await;
    assert_eq!(status, 200);
    assert_eq!(bench.delivered().await, BTreeMap::from([(8, 1)]));
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_huawei_did_not_sign_now_and_once_counts_nothing() {
    let bench = Bench::start().await;
    let (channel, body) = (Channel::Huawei, bench.body(Channel::Huawei));
    let good = bench.signature("n-1");
    let now_ms = NOW_S * 1000;
    let other_key = STANDARD.encode("another key");
    for (what, bad) in [
        ("none", None),
        ("empty", Some(String::new())),
        ("another key's", Some(signature(now_ms, "n-1", &other_key))),
        ("another nonce", Some(good.replace("n-1", "n-2"))),
        (
            "too old",
            Some(signature(now_ms - 600_001, "n-1", CALLBACK_KEY)),
        ),
        (
            "of the future",
            Some(signature(now_ms + 600_001, "n-1", CALLBACK_KEY)),
        ),
        ("cut", Some(good[..good.len() - 8].to_owned())),
    ] {
        let (status, answer) = bench.post_signed(channel, &body, bad.as_deref()).await;
        assert_eq!(status, 400, "{what}: {answer}");
        assert!(!answer.to_string().contains(CALLBACK_KEY), "{answer}");
    }
    assert_eq!(bench.delivered().await, BTreeMap::new());
    let (status, _) = bench.post_signed(channel, &body, Some(&good)).await;
    assert_eq!(status, 200);
    // Whoever heard it once cannot say something else with it, but a vendor that did not hear the answer says it again.
    let other = body.replace("\"status\":0", "\"status\":2");
    assert_ne!(other, body);
    let (status, _) = bench.post_signed(channel, &other, Some(&good)).await;
    assert_eq!(status, 400);
    for again in [good, bench.signature("n-3")] {
        let (status, _) = bench.post_signed(channel, &body, Some(&again)).await;
        assert_eq!(status, 200, "{again}");
    }
    assert_eq!(bench.delivered().await, BTreeMap::from([(3, 1)]));
    bench.server.stop().await;
}
