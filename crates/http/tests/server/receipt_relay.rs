//! Receipts of another system's messages: what of them waits to be passed on, and that ours count all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use pushtally_model::Channel;
use pushtally_store::{RelayLine, StoreError, memory};
use pushtally_webhook::Call;
use serde_json::{Value, json};

use super::events::Refusing;
use super::fixture::{APP, send};
use super::vendors::{Bench, KEY, SUCCESS, path, token};

const OLD: &str = "https://old.example/receipts";

/// What waits to be passed on of a vendor's receipts.
async fn waiting(bench: &Bench, channel: Channel) -> Vec<Call> {
    let line = RelayLine::Receipts(APP, channel);
    let calls = bench.server.engine.relays.read(line, 0, 99, usize::MAX);
    let calls = calls.await.unwrap().into_iter();
    calls.map(|call| Call::decode(call.call).unwrap()).collect()
}

async fn nothing_waits(bench: &Bench) {
    for channel in bench.channels() {
        assert_eq!(waiting(bench, channel).await, [], "{channel:?}");
    }
}

/// As a vendor sends it, with all that it may say.
async fn post(bench: &Bench, path: String, signature: &str, body: &[u8]) -> (u16, Value) {
    let request = http::Request::post(path)
        .header("host", "push.example")
        .header("content-type", "application/json;charset=utf-8")
        .header("x-huawei-callback-id", signature)
        .header("x-of-no-use", "1")
        .body(Full::new(Bytes::copy_from_slice(body)));
    send(bench.server.public, request.unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_both_systems_counts_what_is_ours_and_is_passed_on_as_it_came() {
    let bench = Bench::start_with(memory::engine(), Some(OLD)).await;
    let ours: Value = serde_json::from_str(&bench.body(Channel::Huawei)).unwrap();
    let body = format!(
        "{{ \"statuses\" :\t[{}, {{\"biTag\":\"th\u{e9}irs\",\"token\":\"t\",\"status\":0,\"timestamp\":1}}] }}\r\n",
        ours["statuses"][0]
    );
    let signature = bench.signature("n");
    let query = "?a=%2f+&flag";
    let to = path("huawei", &APP.to_string(), KEY) + query;
    let answer = post(&bench, to, &signature, body.as_bytes()).await;
    let success: Value = serde_json::from_str(SUCCESS).unwrap();
    assert_eq!(answer, (200, success));
    assert_eq!(bench.delivered().await, BTreeMap::from([(3, 1)]));
    let expected = Call {
        query: query[1..].to_owned(),
        content_type: Some("application/json;charset=utf-8".to_owned()),
        headers: vec![("x-huawei-callback-id".to_owned(), signature.into())],
        body: body.into(),
    };
    assert_eq!(waiting(&bench, Channel::Huawei).await, [expected]);
    let metrics = http::Request::get("/metrics").header("host", "x");
    let metrics = metrics.body(Full::new(Bytes::new())).unwrap();
    let (_, metrics) = send(bench.server.operator, metrics).await;
    let metrics = metrics.as_str().unwrap();
    for (channel, count) in [("huawei", 1), ("honor", 0)] {
        let line =
            format!(r#"receipt_relay_waiting_calls{{app="{APP}",channel="{channel}"}} {count}"#);
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vendors_receipts_of_others_are_passed_on_and_none_without_the_setting() {
    for relay_to in [Some(OLD), None] {
        let bench = Bench::start_with(memory::engine(), relay_to).await;
        for channel in bench.channels() {
            let body = bench.body_of_others(channel);
            let (status, _) = bench
                .post_signed(channel, &body, Some(&bench.signature(channel.name())))
                .await;
            assert_eq!(status, 200, "{channel:?}");
            let waiting = waiting(&bench, channel).await;
            let bodies: Vec<&Bytes> = waiting.iter().map(|call| &call.body).collect();
            match relay_to {
                Some(_) => assert_eq!(bodies, [&Bytes::from(body)], "{channel:?}"),
                None => assert!(bodies.is_empty(), "{channel:?}"),
            }
        }
        assert_eq!(bench.delivered().await, BTreeMap::new());
        let unread = bench.post(Channel::Honor, "theirs").await;
        assert_eq!(unread.0, if relay_to.is_some() { 200 } else { 400 });
        bench.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_of_our_messages_alone_stay_here_even_if_their_phone_is_unknown() {
    let bench = Bench::start_with(memory::engine(), Some(OLD)).await;
    for channel in bench.channels() {
        let body = bench.body(channel);
        let unknown = body.replace(&token(channel), "nobodys");
        for (nonce, body) in [("1", body), ("2", unknown)] {
            let signature = bench.signature(&format!("{}-{nonce}", channel.name()));
            let (status, _) = bench.post_signed(channel, &body, Some(&signature)).await;
            assert_eq!(status, 200, "{channel:?}");
        }
    }
    nothing_waits(&bench).await;
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_other_system_can_read_is_passed_on_and_answered_as_the_vendor_wants() {
    let bench = Bench::start_with(memory::engine(), Some(OLD)).await;
    let app = APP.to_string();
    let success: Value = serde_json::from_str(SUCCESS).unwrap();
    let theirs: &[u8] = b"\xFF their own form \0";
    let answer = post(
        &bench,
        path("huawei", &app, KEY),
        &bench.signature("n"),
        theirs,
    )
    .await;
    assert_eq!(answer, (200, success.clone()));
    // Signed for them: ours is counted only if it is signed for us.
    let body = bench.body(Channel::Huawei);
    let signed = "timestamp=1; nonce=n; value=dGhlaXJz";
    let answer = post(&bench, path("huawei", &app, KEY), signed, body.as_bytes()).await;
    assert_eq!(answer, (200, success));
    assert_eq!(bench.delivered().await, BTreeMap::new());
    let waiting_now = waiting(&bench, Channel::Huawei).await;
    let waiting_now: Vec<(&[u8], &[u8])> = waiting_now
        .iter()
        .map(|call| (&*call.body, &*call.headers[0].1))
        .collect();
    let first = bench.signature("n");
    assert_eq!(
        waiting_now,
        [
            (theirs, first.as_bytes()),
            (body.as_bytes(), signed.as_bytes())
        ]
    );
    // Whoever has not the key is passed on nowhere.
    let (status, _) = post(&bench, path("honor", &app, "wrong"), "", theirs).await;
    assert_eq!(status, 404);
    assert_eq!(waiting(&bench, Channel::Honor).await, []);
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_with_an_entry_that_cannot_be_read_is_passed_on_and_an_empty_one_is_not() {
    let bench = Bench::start_with(memory::engine(), Some(OLD)).await;
    let (status, _) = bench.post(Channel::Honor, r#"{"statuses": []}"#).await;
    assert_eq!(status, 200);
    nothing_waits(&bench).await;
    let ours: Value = serde_json::from_str(&bench.body(Channel::Honor)).unwrap();
    let body = json!({"statuses": [ours["statuses"][0], {"theirs": 1}]}).to_string();
    let (status, _) = bench.post(Channel::Honor, &body).await;
    assert_eq!(status, 200);
    assert_eq!(waiting(&bench, Channel::Honor).await.len(), 1);
    assert_eq!(bench.delivered().await, BTreeMap::from([(8, 1)]));
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_asks_the_vendor_to_come_again_and_holds_up_no_count() {
    let mut engine = memory::engine();
    let what = "the queue is full".to_owned();
    engine.relays = Arc::new(Refusing(StoreError::Busy { what }));
    let bench = Bench::start_with(engine, Some(OLD)).await;
    let ours: Value = serde_json::from_str(&bench.body(Channel::Honor)).unwrap();
    let theirs: Value = serde_json::from_str(&bench.body_of_others(Channel::Honor)).unwrap();
    let body = json!({"statuses": [ours["statuses"][0], theirs["statuses"][0]]}).to_string();
    for _ in 0..2 {
        let (status, _) = bench.post(Channel::Honor, &body).await;
        assert_eq!(status, 503);
    }
    assert_eq!(bench.delivered().await, BTreeMap::from([(8, 1)]));
    bench.server.stop().await;
}
