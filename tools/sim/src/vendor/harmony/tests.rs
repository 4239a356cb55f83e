//! Huawei's answers and receipts for HarmonyOS NEXT.

use http::HeaderMap;
use proptest::prelude::*;

use super::super::huawei::account_tests::{NOW_MS, account, claims, jwt};
use super::*;

const SAMPLE: &str = r#"{"payload":{"notification":{"category":"EXPRESS","title":"Parcel","body":"Arrives today","notifyId":42,"clickAction":{"actionType":0}}},
 "target":{"token":["HWTOKENAAAA"]},
 "pushOptions":{"testMessage":false,"ttl":86400,"biTag":"n-1001","receiptId":"RCP0001","collapseKey":-1}}"#;

fn counter() -> HarmonyCounter {
    let url = "https://push.example.com/cb/harmony".to_owned();
    HarmonyCounter::new(HarmonyAccount {
        project_id: "900".to_owned(),
        package: "com.example.acme".to_owned(),
        service_account: account(),
        receipt_urls: [("RCP0001".to_owned(), url)].into(),
        callback: None,
    })
}

fn send_as(
    counter: &HarmonyCounter,
    access: &str,
    push_type: &str,
    body: &str,
) -> (u16, Value, Vec<Taken>) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("push-type", push_type.parse().unwrap());
    headers.insert("authorization", format!("Bearer {access}").parse().unwrap());
    let (answered, taken) = counter.answer(&Received {
        method: "POST".to_owned(),
        path: "/v3/900/messages:send".to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
        http: 1,
        now_ms: NOW_MS,
    });
    let body = serde_json::from_slice(&answered.body).unwrap_or_default();
    (answered.status, body, taken)
}

fn send(counter: &HarmonyCounter, body: &str) -> (u16, Value, Vec<Taken>) {
    send_as(counter, &jwt(&claims()), "0", body)
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
fn the_documented_message_is_taken() {
    let (status, answer, taken) = send(&counter(), SAMPLE);
    assert_eq!((status, &answer["code"]), (200, &json!("80000000")));
    let expected = Taken {
        token: "HWTOKENAAAA".to_owned(),
        title: "Parcel".to_owned(),
        text: "Arrives today".to_owned(),
        collapse: "42".to_owned(),
        mark: "n-1001".to_owned(),
        receipts_url: "https://push.example.com/cb/harmony".to_owned(),
        receipt_kinds: String::new(),
        request_id: answer["requestId"].as_str().unwrap().to_owned(),
    };
    assert_eq!(taken, [expected]);
}

#[test]
fn only_a_jwt_that_has_not_expired_gives_access() {
    let counter = counter();
    let (status, answer, _) = send_as(&counter, "hw/000000", "0", SAMPLE);
    assert_eq!((status, &answer["code"]), (401, &json!("80200001")));
    let jwt = jwt(&claims());
    assert_eq!(send_as(&counter, &jwt, "0", SAMPLE).0, 200);
    counter.expire();
    let (status, answer, _) = send_as(&counter, &jwt, "0", SAMPLE);
    assert_eq!((status, &answer["code"]), (401, &json!("80200005")));
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
    let shown = |name: &str| format!("/payload/notification/{name}");
    check("/payload", Value::Null, "80100003");
    check("/target", Value::Null, "80100001");
    check("/target/token", json!([]), "80300010");
    check("/target/token", json!(vec!["t"; 1001]), "80300010");
    check("/payload/extraData", json!("x".repeat(4096)), "80300008");
    check("/pushOptions/ttl", json!("86400s"), "80100004");
    check("/pushOptions/ttl", json!(0), "80100004");
    check("/pushOptions/collapseKey", json!(-2), "80100013");
    check("/pushOptions/receiptId", json!("RCP0002"), "80300013");
    check("/pushOptions/bi_tag", json!("n"), "80100020");
    check("/pushOptions", json!([]), "80100020");
    check(&shown("title"), Value::Null, "80100001");
    check(&shown("body"), json!(""), "80100001");
    check(&shown("category"), json!("express"), "80100001");
    check(&shown("clickAction"), Value::Null, "80100001");
    check(&shown("clickAction"), json!({"actionType": 1}), "80100001");
    check(&shown("image"), json!("http://x/i.png"), "80100001");
    check(&shown("soundDuration"), json!(5), "80100001");
    check(&shown("badge"), json!({"addNum": 100}), "80100001");
    check(&shown("notifyId"), json!("42"), "80100001");
    let (_, answer, _) = send_as(&counter, &jwt(&claims()), "3", SAMPLE);
    assert_eq!(answer["code"], "80100001");
    let (_, answer, _) = send_as(
        &counter,
        &jwt(&claims()),
        "1",
        &changed("/target/token", json!(["a", "b"])),
    );
    assert_eq!(answer["code"], "80100002");
    let mut test: Value = serde_json::from_str(SAMPLE).unwrap();
    test["pushOptions"]["testMessage"] = json!(true);
    test["target"]["token"] = json!(vec!["t"; 11]);
    let (_, answer, _) = send(&counter, &test.to_string());
    assert_eq!(answer["code"], "80300030");
}

#[test]
fn a_push_that_shows_nothing_needs_no_notification() {
    let body = changed("/payload", json!({"extraData": "{\"a_b\":1}"}));
    let access = jwt(&claims());
    let (status, _, taken) = send_as(&counter(), &access, "6", &body);
    assert_eq!((status, taken.len()), (200, 1));
    let (status, answer, _) = send_as(&counter(), &access, "0", &body);
    assert_eq!((status, &answer["code"]), (400, &json!("80100001")));
}

#[test]
fn tokens_have_their_fates_by_reason() {
    let counter = counter();
    let to = |tokens: &[&str]| changed("/target/token", json!(tokens));
    let text =
        |answer: &Value| serde_json::from_str::<Value>(answer["msg"].as_str().unwrap()).unwrap();
    let (status, answer, taken) = send(&counter, &to(&["gone-1", "a", "bad-1", "gone-2"]));
    assert_eq!(
        (status, &answer["code"], taken.len()),
        (200, &json!("80100000"), 1)
    );
    let expected = json!({"illegalTokens": {" tokenFormatError ": ["bad-1"], "tokenPlatformNotSupport": ["gone-1", "gone-2"]}, "success": 1, "failure": 3});
    assert_eq!(text(&answer), expected);
    let (status, answer, taken) = send(&counter, &to(&["bad-1"]));
    assert_eq!(
        (status, &answer["code"], taken.len()),
        (400, &json!("80300007"), 0)
    );
    let expected = json!({"illegalTokens": {" tokenFormatError ": ["bad-1"]}, "failure": 1});
    assert_eq!(text(&answer), expected);
    for status in [500, 503, 200] {
        assert_eq!(send(&counter, &to(&["rate-1", "fail-1"])).0, status);
    }
}

#[test]
fn receipts_have_the_second_form_and_the_same_signature() {
    let mut counter = counter();
    counter.account.callback = Some(HuaweiCallback {
        user: "cbuser".to_owned(),
        secret: "raw".to_owned(),
        is_base64: false,
    });
    let (_, _, taken) = send(&counter, SAMPLE);
    let happened = [(taken[0].clone(), Happened::Delivered)];
    let calls = counter.receipts(&happened, 1_795_313_700_123);
    assert_eq!(calls[0].url, "https://push.example.com/cb/harmony");
    assert_eq!(calls[0].headers[1].0, "x-huawei-callback-id");
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    let expected = json!({"statuses":[{"token":"HWTOKENAAAA","pushType":0,"appPackageName":"com.example.acme","biTag":"n-1001","requestId":taken[0].request_id,"deliveryStatus":{"result":0,"timestamp":1_795_313_700_123_i64}}]});
    assert_eq!(body, expected);
}

proptest! {
    #[test]
    fn no_request_panics(body: Vec<u8>, cut in 0usize..400, push_type in "[0-9]{0,2}") {
        let (counter, access) = (counter(), jwt(&claims()));
        let _ = send_as(&counter, &access, &push_type, &String::from_utf8_lossy(&body));
        let cut = &SAMPLE[..cut.min(SAMPLE.len())];
        let (_, _, taken) = send_as(&counter, &access, "0", cut);
        prop_assert_eq!(taken.is_empty(), cut.len() < SAMPLE.len());
    }
}
