//! The calls of OPPO's service, as a client sees them.

use form_urlencoded::Serializer;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_795_313_600_000;
const BATCH: &str = "/server/v1/message/notification/unicast_batch";
const UNICAST: &str = "/server/v1/message/notification/unicast";
const SIGN: &str = "addea715f01e16468cb0904739584cee5b76bdf2103bb058cd700133d1e3dc4c";

fn counter() -> OppoCounter {
    OppoCounter::new("app01", "master01")
}

fn received(path: &str, fields: &[(&str, &str)]) -> Received {
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert("content-type", form);
    let mut body = Serializer::new(String::new());
    body.extend_pairs(fields);
    Received {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers,
        body: body.finish().into_bytes(),
        http: 1,
        now_ms: NOW_MS,
    }
}

fn json_of(answered: &Answered) -> Value {
    assert_eq!(answered.status, 200);
    serde_json::from_slice(&answered.body).unwrap()
}

fn ask(counter: &OppoCounter, path: &str, fields: &[(&str, &str)]) -> (Value, Vec<Taken>) {
    let (answered, taken) = counter.answer(&received(path, fields));
    (json_of(&answered), taken)
}

fn access(counter: &OppoCounter) -> String {
    let fields = [
        ("app_key", "app01"),
        ("timestamp", "1795313600000"),
        ("sign", SIGN),
    ];
    let (answer, _) = ask(counter, "/server/v1/auth", &fields);
    assert_eq!(answer["code"], 0, "{answer}");
    assert_eq!(answer["data"]["create_time"], NOW_MS);
    answer["data"]["auth_token"].as_str().unwrap().to_owned()
}

fn message(token: &str) -> Value {
    json!({"target_type": 2, "target_value": token, "notification": {
        "app_message_id": format!("n-{token}"), "title": "Parcel", "content": "Arrives today",
        "call_back_url": "https://push.example.com/cb/oppo", "call_back_parameter": "n-1001",
    }})
}

fn batch(counter: &OppoCounter, tokens: &[&str]) -> (Value, Vec<Taken>) {
    let access = access(counter);
    let messages: Value = tokens.iter().map(|token| message(token)).collect();
    let messages = messages.to_string();
    ask(
        counter,
        BATCH,
        &[("auth_token", &access), ("messages", &messages)],
    )
}

#[test]
fn the_sign_is_that_of_the_reference() {
    assert_eq!(signature(&["app01", "1795313600000", "master01"]), SIGN);
}

#[test]
fn an_access_needs_key_sign_and_time() {
    for (app_key, timestamp, sign, code) in [
        ("", "1795313600000", SIGN, 15),
        ("app01", "", SIGN, 18),
        ("app01", "1795313600000", "", 17),
        ("app02", "1795313600000", SIGN, 14),
        ("app01", "1795313600000", "addea715", 16),
        ("app01", "1795312999999", SIGN, 19),
        ("app01", "1795314200001", SIGN, 19),
        ("app01", "1795313600", SIGN, 19),
        ("app01", "yesterday", SIGN, 19),
    ] {
        let fields = [
            ("app_key", app_key),
            ("timestamp", timestamp),
            ("sign", sign),
        ];
        let (answer, _) = ask(&counter(), "/server/v1/auth", &fields);
        assert_eq!(answer["code"], code, "{fields:?}");
    }
}

#[test]
fn calls_without_a_living_access_are_refused() {
    let counter = counter();
    let text = message("CN_aaaa").to_string();
    let access = access(&counter);
    let code = |fields: &[(&str, &str)]| ask(&counter, UNICAST, fields).0["code"].clone();
    assert_eq!(code(&[("message", &text)]), 29);
    assert_eq!(code(&[("message", &text), ("auth_token", "ot-9")]), 11);
    assert_eq!(code(&[("message", &text), ("auth_token", &access)]), 0);
    let mut in_header = received(UNICAST, &[("message", &text)]);
    let header = HeaderValue::from_str(&access).unwrap();
    in_header.headers.insert("auth_token", header);
    assert_eq!(json_of(&counter.answer(&in_header).0)["code"], 0);
    in_header.now_ms += 24 * 3600 * 1000;
    assert_eq!(json_of(&counter.answer(&in_header).0)["code"], 11);
    counter.expire();
    assert_eq!(code(&[("message", &text), ("auth_token", &access)]), 11);
}

#[test]
fn a_batch_says_what_became_of_each() {
    let counter = counter();
    let tokens = [
        "CN_aaaa", "gone-1", "bad-1", "rate-1", "quota-1", "fail-1", "lost-1", "mute-1",
    ];
    let (answer, taken) = batch(&counter, &tokens);
    let results = answer["data"].as_array().unwrap();
    let codes: Vec<i64> = results
        .iter()
        .map(|result| result["errorCode"].as_i64().unwrap_or(0))
        .collect();
    assert_eq!(codes, [0, 10000, 10000, 13, 33, -1, 0, 0]);
    assert_eq!(results[1]["registrationId"], "gone-1");
    assert_eq!(results[1]["errorMessage"], "Invalid RegistrationId");
    let accepted: Vec<&str> = taken.iter().map(|taken| &*taken.token).collect();
    assert_eq!(accepted, ["CN_aaaa", "lost-1", "mute-1"]);
    assert_eq!(results[0]["messageId"], *taken[0].request_id);
    // What is refused once is taken afterwards.
    let (_, taken) = batch(&counter, &["rate-1", "fail-1", "quota-1"]);
    assert_eq!(taken.len(), 2);
}

#[test]
fn a_single_push_answers_with_a_code() {
    let counter = counter();
    let access = access(&counter);
    for (token, code) in [
        ("CN_aaaa", 0),
        ("gone-1", 10000),
        ("fail-1", -1),
        ("fail-1", 0),
    ] {
        let text = message(token).to_string();
        let fields = [("auth_token", &*access), ("message", &text)];
        let (answer, taken) = ask(&counter, UNICAST, &fields);
        assert_eq!(answer["code"], code, "{token}");
        assert_eq!(taken.len(), usize::from(code == 0), "{token}");
    }
}

#[test]
fn a_batch_is_refused_when_it_is_empty_too_long_or_no_list() {
    let counter = counter();
    let access = access(&counter);
    let long = Value::from(vec![message("x"); 1001]).to_string();
    for (messages, code) in [("", 40), ("[]", 40), ("{}", 41), ("[", 41), (&*long, 41)] {
        let fields = [("auth_token", &*access), ("messages", messages)];
        let (answer, _) = ask(&counter, BATCH, &fields);
        assert_eq!(answer["code"], code, "{messages:.20}");
    }
}

#[test]
fn in_a_batch_each_message_is_judged_alone_and_pushed_once() {
    let counter = counter();
    let access = access(&counter);
    let untitled = json!({"target_type": 2, "target_value": "b", "notification": {"content": "x"}});
    let tagged = json!({"target_type": 6, "target_value": "c", "notification": {}});
    let (first, again) = (message("a"), message("a"));
    let messages = json!([first, untitled, tagged, 7, again]).to_string();
    let fields = [("auth_token", &*access), ("messages", &messages)];
    let (answer, taken) = ask(&counter, BATCH, &fields);
    let codes: Vec<&Value> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["errorCode"])
        .collect();
    assert_eq!(
        codes,
        [&json!(null), &json!(40), &json!(41), &json!(40), &json!(32)]
    );
    assert_eq!(taken.len(), 1);
}

#[test]
fn a_broadcast_lists_its_bad_ids_by_code() {
    let counter = counter();
    let access = access(&counter);
    let path = "/server/v1/message/notification/save_message_content";
    let fields = [
        ("auth_token", &*access),
        ("title", "Parcel"),
        ("content", "Arrives today"),
        ("off_line_ttl", "3600"),
    ];
    let (answer, _) = ask(&counter, path, &fields);
    let id = answer["data"]["message_id"].as_str().unwrap().to_owned();
    let broadcast = |id: &str, kind: &str, ids: &str| {
        let fields = [
            ("auth_token", &*access),
            ("message_id", id),
            ("target_type", kind),
            ("target_value", ids),
        ];
        ask(
            &counter,
            "/server/v1/message/notification/broadcast",
            &fields,
        )
    };
    let (answer, taken) = broadcast(&id, "2", "CN_aaaa;gone-1;CN_cccc");
    assert_eq!(answer["data"]["10000"], json!(["gone-1"]));
    assert_eq!(answer["data"]["status"], "call_success");
    assert_eq!(taken.len(), 2);
    assert_eq!((&*taken[0].title, &*taken[0].request_id), ("Parcel", &*id));
    assert_eq!(broadcast("m0", "2", "CN_aaaa").0["code"], 31);
    assert_eq!(broadcast(&id, "1", "").0["code"], 30);
    assert_eq!(broadcast(&id, "2", &"x;".repeat(1001)).0["code"], 41);
}

#[test]
fn what_is_no_form_by_post_to_a_known_path_is_refused() {
    let counter = counter();
    let get = Received {
        method: "GET".to_owned(),
        ..received(BATCH, &[])
    };
    assert_eq!(json_of(&counter.answer(&get).0)["code"], 12);
    let fields = [("app_key", "app01")];
    let elsewhere = received("/server/v2/auth", &fields);
    assert_eq!(counter.answer(&elsewhere).0.status, 404);
    let with_type = |content_type: &'static str| {
        let mut received = received("/server/v1/auth", &fields);
        let content_type = HeaderValue::from_static(content_type);
        received.headers.insert("content-type", content_type);
        json_of(&counter.answer(&received).0)["code"].clone()
    };
    assert_eq!(with_type("application/json"), 15);
    assert_eq!(
        with_type("application/x-www-form-urlencoded; charset=gbk"),
        25
    );
    assert_eq!(
        with_type("application/x-www-form-urlencoded;charset=UTF-8"),
        17
    );
}

#[test]
fn receipts_are_merged_by_address_and_say_no_clicks() {
    let counter = counter();
    let taken = |token: &str, id: &str, url: &str| Taken {
        token: token.to_owned(),
        title: String::new(),
        text: String::new(),
        collapse: String::new(),
        mark: "n-1001".to_owned(),
        receipts_url: url.to_owned(),
        receipt_kinds: String::new(),
        request_id: id.to_owned(),
    };
    let (one, other) = ("https://a.example/cb", "https://b.example/cb");
    let happened = [
        (taken("CN_aaaa", "m1", one), Happened::Delivered),
        (taken("CN_cccc", "m1", one), Happened::Delivered),
        (taken("CN_dddd", "m2", one), Happened::Gone),
        (taken("lost-1", "m3", other), Happened::Delivered),
        (taken("CN_aaaa", "m1", one), Happened::Clicked),
        (taken("mute-1", "m4", one), Happened::Delivered),
        (taken("CN_eeee", "m5", ""), Happened::Delivered),
    ];
    let calls = counter.receipts(&happened, 1_795_313_700_123);
    let bodies: Vec<(&str, Value)> = calls
        .iter()
        .map(|call| (&*call.url, serde_json::from_slice(&call.body).unwrap()))
        .collect();
    let entry = |id: &str, ids: &str, event: &str| {
        json!({"messageId": id, "appId": "app01", "taskId": "", "registrationIds": ids,
            "eventTime": "1795313700123", "param": "n-1001", "eventType": event})
    };
    assert_eq!(
        bodies,
        [
            (
                one,
                json!([
                    entry("m1", "CN_aaaa,CN_cccc", "push_arrive"),
                    entry("m2", "CN_dddd", "regid_invalid")
                ])
            ),
            (other, json!([entry("m3", "lost-1", "regid_invalid")])),
        ]
    );
    assert_eq!(counter.receipts(&happened[4..], 0), []);
}

proptest! {
    #[test]
    fn no_request_is_too_strange(
        path in 0..5_usize, body: Vec<u8>, at in 0..200_usize, byte: char, time: i64,
    ) {
        let counter = counter();
        let access = access(&counter);
        let paths = [
            "/server/v1/auth", UNICAST, BATCH,
            "/server/v1/message/notification/save_message_content",
            "/server/v1/message/notification/broadcast",
        ];
        let mut raw = received(paths[path], &[]);
        raw.body = body;
        raw.now_ms = time;
        counter.answer(&raw);
        let mut text = json!([message("CN_aaaa")]).to_string();
        let at = at.min(text.len());
        text.replace_range(at.., &byte.to_string());
        let fields = [
            ("auth_token", &*access), ("messages", &*text), ("message", &*text), ("title", &*text),
            ("message_id", &*text), ("target_value", &*text), ("target_type", "2"),
        ];
        counter.answer(&received(paths[path], &fields));
    }
}
