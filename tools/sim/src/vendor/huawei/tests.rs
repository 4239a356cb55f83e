//! Huawei's answers and receipts.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::Value;

use super::account::tests::{NOW_MS, account, claims, jwt};
use super::*;

const SAMPLE: &str = r#"{"validate_only":false,"message":{"android":{"ttl":"86400s","urgency":"NORMAL","category":"EXPRESS","bi_tag":"n-1001","receipt_id":"RCP0001",
 "notification":{"title":"Parcel","body":"Arrives today","click_action":{"type":3},"importance":"NORMAL","notify_id":42}},
 "token":["HWTOKENAAAA","HWTOKENBBBB"]}}"#;

fn counter() -> HuaweiCounter {
    let url = "https://push.example.com/cb/huawei".to_owned();
    HuaweiCounter::new(HuaweiAccount {
        app_id: "100001".to_owned(),
        app_secret: "s3cr3t".to_owned(),
        project_id: "900".to_owned(),
        service_account: Some(account()),
        has_high_right: false,
        receipt_urls: [("RCP0001".to_owned(), url)].into(),
        callback: None,
    })
}

fn post(path: &str, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Received {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Received {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: map,
        body: body.into(),
        http: 1,
        now_ms: NOW_MS,
    }
}

fn access(counter: &HuaweiCounter) -> String {
    let form = "grant_type=client_credentials&client_id=100001&client_secret=s3cr3t";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let (answered, _) = counter.answer(&post("/oauth2/v3/token", &headers, form));
    assert_eq!(answered.status, 200);
    let text = String::from_utf8(answered.body.clone()).unwrap();
    assert!(text.contains("hw\\/"), "the slash is escaped: {text}");
    let given: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!(
        (&given["expires_in"], &given["token_type"]),
        (&json!(3600), &json!("Bearer"))
    );
    given["access_token"].as_str().unwrap().to_owned()
}

fn send_as(counter: &HuaweiCounter, access: &str, body: &str) -> (u16, Value, Vec<Taken>) {
    let authorization = format!("Bearer {access}");
    let headers = [
        ("content-type", "application/json; charset=UTF-8"),
        ("authorization", authorization.as_str()),
    ];
    let received = post("/v1/100001/messages:send", &headers, body);
    let (answered, taken) = counter.answer(&received);
    let body = serde_json::from_slice(&answered.body).unwrap_or_default();
    (answered.status, body, taken)
}

fn send(counter: &HuaweiCounter, body: &str) -> (u16, Value, Vec<Taken>) {
    send_as(counter, &access(counter), body)
}

fn to(tokens: &[&str]) -> String {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["message"]["token"] = json!(tokens);
    body.to_string()
}

#[test]
fn the_documented_message_is_taken() {
    let (status, answer, taken) = send(&counter(), SAMPLE);
    assert_eq!(
        (status, &answer["code"], &answer["msg"]),
        (200, &json!("80000000"), &json!("Success"))
    );
    assert_eq!(taken.len(), 2);
    let expected = Taken {
        token: "HWTOKENAAAA".to_owned(),
        title: "Parcel".to_owned(),
        text: "Arrives today".to_owned(),
        collapse: "42".to_owned(),
        mark: "n-1001".to_owned(),
        receipts_url: "https://push.example.com/cb/huawei".to_owned(),
        receipt_kinds: String::new(),
        request_id: answer["requestId"].as_str().unwrap().to_owned(),
    };
    assert_eq!(taken[0], expected);
}

#[test]
fn a_project_and_a_jwt_are_taken_too() {
    let counter = counter();
    let authorization = format!("Bearer {}", jwt(&claims()));
    let headers = [
        ("content-type", "application/json"),
        ("authorization", authorization.as_str()),
    ];
    let (answered, taken) = counter.answer(&post("/v2/900/messages:send", &headers, SAMPLE));
    assert_eq!((answered.status, taken.len()), (200, 2));
    counter.expire();
    let (answered, taken) = counter.answer(&post("/v2/900/messages:send", &headers, SAMPLE));
    assert_eq!((answered.status, taken.len()), (401, 0));
    let answer: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!(answer["code"], "80200005");
    for path in [
        "/v2/100001/messages:send",
        "/v1/900/messages:send",
        "/v3/900/messages:send",
        "/",
    ] {
        assert_eq!(
            counter.answer(&post(path, &headers, SAMPLE)).0.status,
            404,
            "{path}"
        );
    }
}

#[test]
fn access_is_needed_and_expires_when_it_is_made_to() {
    let counter = counter();
    let access = access(&counter);
    let (status, answer, _) = send_as(&counter, "another", SAMPLE);
    assert_eq!((status, &answer["code"]), (401, &json!("80200001")));
    assert_eq!(send_as(&counter, &access, SAMPLE).0, 200);
    counter.expire();
    let (status, answer, taken) = send_as(&counter, &access, SAMPLE);
    assert_eq!(
        (status, &answer["code"], taken.len()),
        (401, &json!("80200003"), 0)
    );
    assert_eq!(send(&counter, SAMPLE).0, 200);
}

#[test]
fn a_stranger_gets_no_access() {
    let check = |form: &str, content_type: &str, status: u16| {
        let headers = [("content-type", content_type)];
        let (answered, _) = counter().answer(&post("/oauth2/v3/token", &headers, form));
        assert_eq!(answered.status, status, "{form}");
        assert!(String::from_utf8(answered.body).unwrap().contains("error"));
    };
    let form = "application/x-www-form-urlencoded";
    check(
        "grant_type=client_credentials&client_id=100001&client_secret=x",
        form,
        401,
    );
    check(
        "grant_type=password&client_id=100001&client_secret=s3cr3t",
        form,
        400,
    );
    check("grant_type=client_credentials&client_id=100001", form, 400);
    check(
        "grant_type=client_credentials&client_id=100001&client_secret=s3cr3t",
        "text/plain",
        400,
    );
}

/// Changes one place of the sample.
fn changed(place: &str, value: Value) -> String {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
    body.to_string()
}

#[test]
fn what_is_wrong_in_a_message_is_refused_by_its_code() {
    let counter = counter();
    let check = |place: &str, value: Value, code: &str| {
        let (status, answer, taken) = send(&counter, &changed(place, value.clone()));
        assert_eq!(
            (&answer["code"], status, taken.len()),
            (&json!(code), 400, 0),
            "{place} {value}"
        );
    };
    let shown = |name: &str| format!("/message/android/notification/{name}");
    check("/message", Value::Null, "80100003");
    check("/message/token", Value::Null, "80100001");
    check("/message/token", json!("HWTOKENAAAA"), "80100001");
    check("/message/token", json!([]), "80300010");
    check("/message/token", json!(vec!["t"; 1001]), "80300010");
    check("/message/topic", json!("news"), "80100001");
    check("/message/data", json!({"a": 1}), "80100001");
    check("/message/data", json!("x".repeat(4096)), "80300008");
    check("/message/android/ttl", json!("86400"), "80100004");
    check("/message/android/ttl", json!("1296001s"), "80100004");
    check("/message/android/ttl", json!(86400), "80100004");
    check("/message/android/collapse_key", json!(101), "80100013");
    check("/message/android/urgency", json!("HIGH"), "80300011");
    check("/message/android/urgency", json!("LOW"), "80100001");
    check("/message/android/category", json!("ORDER"), "80100001");
    check("/message/android/receipt_id", json!("RCP0002"), "80300013");
    check("/message/android/biTag", json!("n-1001"), "80100020");
    check("/message/android/notification", Value::Null, "80100003");
    check(&shown("title"), Value::Null, "80100001");
    check(&shown("body"), json!(""), "80100001");
    check(&shown("click_action"), Value::Null, "80100001");
    check(&shown("click_action"), json!({"type": 1}), "80100001");
    check(
        &shown("click_action"),
        json!({"type": 2, "url": "http://x"}),
        "80100001",
    );
    check(&shown("importance"), json!("MAX"), "80100001");
    check(&shown("image"), json!("http://x/i.png"), "80100001");
    check(&shown("style"), json!(1), "80100001");
    check(&shown("style"), json!(2), "80100001");
    check(&shown("badge"), json!({"add_num": 0}), "80100001");
    check(&shown("badge"), json!({"set_num": 100}), "80100001");
    check(&shown("notify_id"), json!(-1), "80100001");
    check(&shown("buttons"), json!([{}, {}, {}, {}]), "80100001");
    let (status, answer, _) = send(&counter, "{");
    assert_eq!((status, &answer["code"]), (400, &json!("80100003")));
}

#[test]
fn tokens_have_their_fates_in_one_batch() {
    let counter = counter();
    let (status, answer, taken) = send(&counter, &to(&["gone-1", "a", "bad-1", "lost-1"]));
    assert_eq!((status, &answer["code"]), (200, &json!("80100000")));
    let text: Value = serde_json::from_str(answer["msg"].as_str().unwrap()).unwrap();
    let expected = json!({"success": 2, "failure": 2, "illegal_tokens": ["gone-1", "bad-1"]});
    assert_eq!(text, expected);
    let tokens: Vec<_> = taken.iter().map(|taken| taken.token.as_str()).collect();
    assert_eq!(tokens, ["a", "lost-1"]);

    let (status, answer, taken) = send(&counter, &to(&["gone-1", "bad-1"]));
    assert_eq!(
        (status, &answer["code"], taken.len()),
        (400, &json!("80300007"), 0)
    );

    let both = to(&["rate-1", "fail-1", "a"]);
    let (status, answer, taken) = send(&counter, &both);
    assert_eq!(
        (status, &answer["code"], taken.len()),
        (500, &json!("81000001"), 0)
    );
    let (status, answer, taken) = send(&counter, &both);
    assert_eq!((status, answer, taken.len()), (503, Value::Null, 0));
    let (status, _, taken) = send(&counter, &both);
    assert_eq!((status, taken.len()), (200, 3));
}

#[test]
fn a_check_and_too_many_tests_send_nothing() {
    let counter = counter();
    let (status, _, taken) = send(&counter, &changed("/validate_only", json!(true)));
    assert_eq!((status, taken.len()), (200, 0));
    let mut test: Value = serde_json::from_str(SAMPLE).unwrap();
    test["message"]["android"]["target_user_type"] = json!(1);
    test["message"]["token"] = json!(vec!["t"; 500]);
    assert_eq!(send(&counter, &test.to_string()).2.len(), 500);
    let (_, answer, taken) = send(&counter, &test.to_string());
    assert_eq!((&answer["code"], taken.len()), (&json!("80300029"), 0));
}

fn taken(token: &str) -> Taken {
    Taken {
        token: token.to_owned(),
        title: String::new(),
        text: String::new(),
        collapse: String::new(),
        mark: "n-1001".to_owned(),
        receipts_url: String::new(),
        receipt_kinds: String::new(),
        request_id: "1795".to_owned(),
    }
}

#[test]
fn receipts_are_merged_and_say_what_happened() {
    let happened = [
        (taken("HWTOKENAAAA"), Happened::Delivered),
        (taken("HWTOKENAAAA"), Happened::Clicked),
        (taken("mute-1"), Happened::Delivered),
        (taken("lost-1"), Happened::Delivered),
        (taken("quota-1"), Happened::Delivered),
        (taken("b"), Happened::Gone),
    ];
    let calls = counter().receipts(&happened, 1_795_313_700_123);
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0].headers,
        [("content-type", "application/json".to_owned())]
    );
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    let first = json!({"biTag":"n-1001","appid":"100001","token":"HWTOKENAAAA","status":0,"timestamp":1_795_313_700_123_i64,"requestId":"1795"});
    assert_eq!(body["statuses"][0], first);
    let statuses = body["statuses"].as_array().unwrap().iter();
    let statuses: Vec<_> = statuses
        .map(|status| status["status"].as_i64().unwrap())
        .collect();
    assert_eq!(statuses, [0, 2, 102, 2]);
    assert!(counter().receipts(&happened[1..3], 0).is_empty());
}

#[test]
fn receipts_are_signed_when_a_callback_is_configured() {
    let mut counter = counter();
    let callback = HuaweiCallback {
        user: "cbuser".to_owned(),
        secret: "c2VjcmV0a2V5MDAwMDAwMDAwMDAwMDAwMDA=".to_owned(),
        is_base64: true,
    };
    counter.account.callback = Some(callback.clone());
    let happened = vec![(taken("a"), Happened::Delivered); 101];
    let calls = counter.receipts(&happened, 1_795_313_700_123);
    let lens: Vec<_> = calls
        .iter()
        .map(|call| {
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            body["statuses"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(lens, [100, 1]);
    let signed = |call: &ReceiptCall| call.headers[1].clone();
    let expected = callback.sign(1_795_313_700_123, "00000001-0000-4000-8000-01a201090d1b");
    assert_eq!(signed(&calls[0]), ("x-huawei-callback-id", expected));
    assert_ne!(signed(&calls[1]), signed(&calls[0]));
}

proptest! {
    #[test]
    fn no_request_panics(body: Vec<u8>, cut in 0usize..400, form in ".*") {
        let counter = counter();
        let access = access(&counter);
        let _ = send_as(&counter, &access, &String::from_utf8_lossy(&body));
        let cut = &SAMPLE[..cut.min(SAMPLE.len())];
        let (_, _, taken) = send_as(&counter, &access, cut);
        prop_assert_eq!(taken.is_empty(), cut.len() < SAMPLE.len());
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let _ = counter.answer(&post("/oauth2/v2/token", &headers, form));
    }
}
