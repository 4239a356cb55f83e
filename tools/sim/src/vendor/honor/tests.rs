//! HONOR's answers and receipts.

use http::HeaderMap;
use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_795_313_600_123;
const SAMPLE: &str = r#"{"android":{"ttl":"86400s","biTag":"n-1001","targetUserType":0,
  "notification":{"title":"Parcel","body":"Arrives today","clickAction":{"type":3},"importance":"NORMAL","notifyId":42,"badge":{"addNum":1,"badgeClass":"com.example.acme.MainActivity"}}},
 "token":["HNTOKENAAAA","HNTOKENBBBB"]}"#;

fn counter() -> HonorCounter {
    HonorCounter::new(HonorAccount {
        app_id: "100002".to_owned(),
        client_id: "client".to_owned(),
        client_secret: "s3cr3t".to_owned(),
    })
}

fn post(path: &str, headers: &[(&'static str, &str)], body: &str) -> Received {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Received {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: map,
        body: body.as_bytes().to_vec(),
        http: 1,
        now_ms: NOW_MS,
    }
}

fn asked(counter: &HonorCounter, form: &str) -> (u16, Value) {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let (answered, _) = counter.answer(&post("/auth/token", &headers, form));
    (
        answered.status,
        serde_json::from_slice(&answered.body).unwrap(),
    )
}

fn access(counter: &HonorCounter) -> String {
    let form = "grant_type=client_credentials&client_id=client&client_secret=s3cr3t";
    let (status, given) = asked(counter, form);
    assert_eq!((status, &given["expires_in"]), (200, &json!(3600)));
    given["access_token"].as_str().unwrap().to_owned()
}

fn send_as(
    counter: &HonorCounter,
    access: &str,
    timestamp: &str,
    body: &str,
) -> (u16, Value, Vec<Taken>) {
    let authorization = format!("Bearer {access}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", authorization.as_str()),
        ("timestamp", timestamp),
    ];
    let received = post("/api/v1/100002/sendMessage", &headers, body);
    let (answered, taken) = counter.answer(&received);
    let body = serde_json::from_slice(&answered.body).unwrap_or_default();
    (answered.status, body, taken)
}

fn send(counter: &HonorCounter, body: &str) -> (u16, Value, Vec<Taken>) {
    send_as(counter, &access(counter), &NOW_MS.to_string(), body)
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
    let request_id = answer["data"]["requestId"].as_str().unwrap();
    let expected = json!({"code": 200, "message": "success", "data": {"sendResult": true, "requestId": request_id}});
    assert_eq!((status, &answer), (200, &expected));
    assert_eq!(taken.len(), 2);
    let first = Taken {
        token: "HNTOKENAAAA".to_owned(),
        title: "Parcel".to_owned(),
        text: "Arrives today".to_owned(),
        collapse: "42".to_owned(),
        mark: "n-1001".to_owned(),
        receipts_url: String::new(),
        receipt_kinds: String::new(),
        request_id: request_id.to_owned(),
    };
    assert_eq!(taken[0], first);
}

#[test]
fn access_is_given_to_the_client_alone_and_expires_when_it_is_made_to() {
    let counter = counter();
    let form = "grant_type=client_credentials&client_id=client&client_secret=x";
    let (status, refused) = asked(&counter, form);
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("unauthorized_client"))
    );
    let now = NOW_MS.to_string();
    let (status, answer, _) = send_as(&counter, "ht-x", &now, SAMPLE);
    assert_eq!((status, &answer["code"]), (401, &json!(80_200_001)));
    let access = access(&counter);
    assert_eq!(send_as(&counter, &access, &now, SAMPLE).2.len(), 2);
    counter.expire();
    let (status, answer, _) = send_as(&counter, &access, &now, SAMPLE);
    assert_eq!((status, &answer["code"]), (401, &json!(80_200_003)));
}

#[test]
fn a_request_says_when_it_is() {
    let counter = counter();
    let access = access(&counter);
    for (timestamp, code) in [
        (NOW_MS + 600_000, 200),
        (NOW_MS - 600_001, 80_100_001),
        (NOW_MS / 1000, 80_100_001),
        (i64::MIN, 80_100_001),
    ] {
        let (_, answer, _) = send_as(&counter, &access, &timestamp.to_string(), SAMPLE);
        assert_eq!(answer["code"], json!(code), "{timestamp}");
    }
    let (_, answer, _) = send_as(&counter, &access, "", SAMPLE);
    assert_eq!(answer["code"], json!(80_100_001));
}

#[test]
fn what_is_wrong_in_a_message_is_refused_by_its_code() {
    let counter = counter();
    let check = |place: &str, value: Value, code: u32| {
        let (_, answer, taken) = send(&counter, &changed(place, value.clone()));
        assert_eq!(
            (&answer["code"], taken.len()),
            (&json!(code), 0),
            "{place} {value}"
        );
        assert_eq!(answer["data"]["sendResult"], json!(false));
    };
    let shown = |name: &str| format!("/android/notification/{name}");
    check("/message", json!({}), 80_100_020);
    check("/android/bi_tag", json!("n"), 80_100_020);
    check("/token", Value::Null, 80_100_001);
    check("/token", json!([]), 80_300_010);
    check("/token", json!(vec!["t"; 1001]), 80_300_010);
    check("/data", json!({"a": 1}), 80_100_001);
    check("/data", json!("x".repeat(4096)), 80_300_008);
    check("/android/ttl", json!("1296001s"), 80_100_004);
    check("/android/notification", Value::Null, 80_100_003);
    check(&shown("title"), Value::Null, 80_100_001);
    check(&shown("clickAction"), Value::Null, 80_100_001);
    check(&shown("clickAction"), json!({"type": 2}), 80_100_001);
    check(&shown("importance"), json!("HIGH"), 80_100_001);
    check(&shown("style"), json!(1), 80_100_001);
    check(&shown("image"), json!("http://x"), 80_100_001);
    check(&shown("badge"), json!({"setNum": 100}), 80_100_001);
}

#[test]
fn tokens_have_their_fates_in_one_batch() {
    let counter = counter();
    let to = |tokens: &[&str]| changed("/token", json!(tokens));
    let (status, answer, taken) = send(&counter, &to(&["gone-1", "a", "bad-1", "mute-1"]));
    assert_eq!(
        (status, &answer["code"], taken.len()),
        (200, &json!(80_100_000), 2)
    );
    assert_eq!(answer["data"]["failTokens"], json!(["bad-1"]));
    assert_eq!(answer["data"]["expireTokens"], json!(["gone-1"]));
    let (_, answer, taken) = send(&counter, &to(&["gone-1"]));
    assert_eq!((&answer["code"], taken.len()), (&json!(80_300_007), 0));
    assert_eq!(answer["data"]["sendResult"], json!(false));
    for status in [500, 503, 200] {
        assert_eq!(send(&counter, &to(&["rate-1", "fail-1"])).0, status);
    }
}

#[test]
fn receipts_say_delivered_or_a_number_that_nobody_knows() {
    let counter = counter();
    let (_, _, taken) = send(
        &counter,
        &changed("/token", json!(["a", "lost-1", "mute-1"])),
    );
    let delivered = taken
        .iter()
        .map(|taken| (taken.clone(), Happened::Delivered));
    let mut happened: Vec<_> = delivered.collect();
    happened.push((taken[0].clone(), Happened::Clicked));
    let calls = counter.receipts(&happened, 1_795_313_700_123);
    assert_eq!((calls.len(), calls[0].url.as_str()), (1, ""));
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    let status = |token: &str, status: i64| json!({"biTag":"n-1001","appid":"100002","token":token,"status":status,"timestamp":1_795_313_700_123_i64,"requestId":taken[0].request_id});
    let expected = json!({"statuses": [status("a", 40_000_002), status("lost-1", 40_000_099)]});
    assert_eq!(body, expected);
}

proptest! {
    #[test]
    fn no_request_panics(body: Vec<u8>, cut in 0usize..400, timestamp in "[0-9]{0,20}") {
        let counter = counter();
        let access = access(&counter);
        let _ = send_as(&counter, &access, &timestamp, &String::from_utf8_lossy(&body));
        let cut = &SAMPLE[..cut.min(SAMPLE.len())];
        let (_, _, taken) = send_as(&counter, &access, &NOW_MS.to_string(), cut);
        prop_assert_eq!(taken.is_empty(), cut.len() < SAMPLE.len());
    }
}
