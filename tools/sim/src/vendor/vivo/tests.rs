//! The calls of vivo's service, as a client sees them.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_795_313_600_000;
const SIGN: &str = "7d7e895457cdf3c2f30efb189286c203";

fn counter() -> VivoCounter {
    VivoCounter::new("10001", "key-0001", "sec-0001")
}

fn received(path: &str, access: &str, body: &Value) -> Received {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    headers.insert("content-type", json);
    headers.insert("authtoken", HeaderValue::from_str(access).unwrap());
    Received {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers,
        body: body.to_string().into_bytes(),
        http: 1,
        now_ms: NOW_MS,
    }
}

fn ask(counter: &VivoCounter, path: &str, access: &str, body: &Value) -> (Value, Vec<Taken>) {
    let (answered, taken) = counter.answer(&received(path, access, body));
    assert_eq!(answered.status, 200);
    (serde_json::from_slice(&answered.body).unwrap(), taken)
}

fn auth_body() -> Value {
    json!({"appId": "10001", "appKey": "key-0001", "timestamp": NOW_MS, "sign": SIGN})
}

fn access(counter: &VivoCounter) -> String {
    let (answer, _) = ask(counter, "/message/auth", "", &auth_body());
    assert_eq!(answer["result"], 0, "{answer}");
    answer["authToken"].as_str().unwrap().to_owned()
}

fn message(token: &str) -> Value {
    json!({"appId": "10001", "regId": token, "notifyType": 4, "title": "Parcel",
        "content": "Arrives today", "skipType": 1, "classification": 1,
        "requestId": format!("n-{token}"), "extra": {"callback.id": "7", "callback.param": "n-1001"}})
}

#[test]
fn an_access_needs_id_key_sign_and_time() {
    for (name, value, result) in [
        ("appId", json!(""), 10200),
        ("appKey", json!(null), 10201),
        ("timestamp", json!(null), 10202),
        ("sign", json!(7.5), 10206),
        ("sign", json!(""), 10203),
        ("appId", json!("10002"), 10204),
        ("appKey", json!("key-0002"), 10205),
        ("sign", json!("7d7e"), 10206),
        ("timestamp", json!(NOW_MS + 1), 10206),
    ] {
        let mut body = auth_body();
        body[name] = value;
        let (answer, _) = ask(&counter(), "/message/auth", "", &body);
        assert_eq!(answer["result"], result, "{body}");
    }
    let mut late = received("/message/auth", "", &auth_body());
    late.now_ms += 600_001;
    let (answered, _) = counter().answer(&late);
    let answer: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!(answer["result"], 10207);
    let numeric =
        json!({"appId": 10001, "appKey": "key-0001", "timestamp": "1795313600000", "sign": SIGN});
    assert_eq!(
        ask(&counter(), "/message/auth", "", &numeric).0["result"],
        0
    );
}

#[test]
fn accesses_are_limited_by_the_second() {
    let counter = counter();
    for _ in 0..10 {
        access(&counter);
    }
    let (answer, _) = ask(&counter, "/message/auth", "", &auth_body());
    assert_eq!(answer["result"], 10250);
    let mut later = received("/message/auth", "", &auth_body());
    later.now_ms += 1000;
    let (answered, _) = counter.answer(&later);
    let answer: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!(answer["result"], 0);
}

#[test]
fn calls_without_a_living_access_are_refused() {
    let counter = counter();
    let access = access(&counter);
    let result = |access: &str| ask(&counter, "/message/send", access, &message("vr-1")).0;
    assert_eq!(result("")["result"], 10000);
    assert_eq!(result("vt-9")["result"], 10000);
    assert_eq!(result(&access)["result"], 0);
    let mut late = received("/message/send", &access, &message("vr-1"));
    late.now_ms += 24 * 3600 * 1000;
    assert_eq!(counter.answer(&late).1, []);
    counter.expire();
    assert_eq!(result(&access)["result"], 10000);
}

#[test]
fn a_single_push_meets_its_tokens_fate() {
    let counter = counter();
    let access = access(&counter);
    for (token, result, invalid_user) in [
        ("vr-1", 0, json!(null)),
        ("bad-1", 10302, json!({"userid": "bad-1", "status": 1})),
        ("gone-1", 10302, json!({"userid": "gone-1", "status": 2})),
        ("rate-1", 10072, json!(null)),
        ("rate-1", 0, json!(null)),
        ("quota-1", 10073, json!(null)),
        ("lost-1", 0, json!(null)),
        ("mute-1", 0, json!(null)),
    ] {
        let (answer, taken) = ask(&counter, "/message/send", &access, &message(token));
        assert_eq!(answer["result"], result, "{token}");
        assert_eq!(answer["invalidUser"], invalid_user, "{token}");
        assert_eq!(taken.len(), usize::from(result == 0), "{token}");
        assert_eq!(answer["taskId"].is_string(), result == 0, "{token}");
    }
    let mut operation = message("quota-1");
    operation["classification"] = json!(0);
    let (answer, _) = ask(&counter, "/message/send", &access, &operation);
    assert_eq!(answer["result"], 10070);
    let failing = received("/message/send", &access, &message("fail-1"));
    assert_eq!(counter.answer(&failing).0.status, 500);
    assert_eq!(counter.answer(&failing).0.status, 200);
}

#[test]
fn a_single_push_has_one_target_and_is_the_apps() {
    let counter = counter();
    let access = access(&counter);
    for (name, value, result) in [
        ("regId", json!(""), 10054),
        ("alias", json!("a"), 10054),
        ("appId", json!("10002"), 10045),
        ("pushMode", json!(1), 10302),
        ("title", json!(""), 10085),
    ] {
        let mut body = message("vr-1");
        body[name] = value;
        let (answer, taken) = ask(&counter, "/message/send", &access, &body);
        assert_eq!(
            (&answer["result"], taken.len()),
            (&json!(result), 0),
            "{body}"
        );
    }
}

#[test]
fn a_list_names_its_invalid_users_and_fails_as_a_whole() {
    let counter = counter();
    let access = access(&counter);
    let mut payload = message("");
    payload.as_object_mut().unwrap().remove("regId");
    let (answer, _) = ask(&counter, "/message/saveListPayload", &access, &payload);
    let task = answer["taskId"].as_str().unwrap().to_owned();
    let push = |tokens: &[&str], task: &str| {
        let body = json!({"appId": "10001", "regIds": tokens, "taskId": task,
            "requestId": "n-1001-l1", "pushMode": 0});
        counter.answer(&received("/message/pushToList", &access, &body))
    };
    let result = |tokens: &[&str], task: &str| {
        let (answered, _) = push(tokens, task);
        let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
        (answered.status, answer["result"].clone())
    };
    let (answered, taken) = push(&["vr-1", "gone-1", "bad-1", "vr-2"], &task);
    let answer: Value = serde_json::from_slice(&answered.body).unwrap();
    let invalid = json!([{"status": 2, "userid": "gone-1"}, {"status": 1, "userid": "bad-1"}]);
    assert_eq!(answer["invalidUsers"], invalid);
    assert_eq!(answer["requestId"], "n-1001-l1");
    let accepted: Vec<&str> = taken.iter().map(|taken| &*taken.token).collect();
    assert_eq!(accepted, ["vr-1", "vr-2"]);
    assert_eq!(
        (&*taken[0].request_id, &*taken[0].receipt_kinds),
        (&*task, "7")
    );
    assert_eq!(result(&["vr-1", "rate-1"], &task), (200, json!(10072)));
    assert_eq!(result(&["vr-1", "rate-1"], &task), (200, json!(0)));
    assert_eq!(result(&["vr-1", "quota-1"], &task), (200, json!(10252)));
    assert_eq!(result(&["vr-1", "fail-1"], &task), (500, json!(null)));
    assert_eq!(result(&["vr-1", "fail-1"], &task), (200, json!(0)));
    assert_eq!(result(&["vr-1"], &task), (200, json!(OTHER_RULE)));
    assert_eq!(result(&["vr-1", ""], &task), (200, json!(OTHER_RULE)));
    assert_eq!(result(&["x"; 1001], &task), (200, json!(OTHER_RULE)));
    assert_eq!(result(&["vr-1", "vr-2"], "1"), (200, json!(OTHER_RULE)));
}

#[test]
fn what_is_no_json_by_post_to_a_known_path_is_refused() {
    let counter = counter();
    let status = |change: fn(&mut Received)| {
        let mut received = received("/message/auth", "", &auth_body());
        change(&mut received);
        counter.answer(&received).0.status
    };
    assert_eq!(status(|_| {}), 200);
    assert_eq!(status(|received| received.method = "GET".to_owned()), 405);
    assert_eq!(
        status(|received| received.path = "/message/all".to_owned()),
        404
    );
    assert_eq!(status(|received| received.body = b"[]".to_vec()), 400);
    let form = |received: &mut Received| {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        received.headers.insert("content-type", form);
    };
    assert_eq!(status(form), 415);
}

#[test]
fn receipts_are_merged_by_task_and_say_arrivals_alone() {
    let counter = counter();
    let taken = |token: &str, task: &str, url: &str, id: &str| Taken {
        token: token.to_owned(),
        title: String::new(),
        text: String::new(),
        collapse: String::new(),
        mark: "n-1001".to_owned(),
        receipts_url: url.to_owned(),
        receipt_kinds: id.to_owned(),
        request_id: task.to_owned(),
    };
    let url = "https://push.example.com/cb/vivo";
    let happened = [
        (taken("vr-1", "900002", url, ""), Happened::Delivered),
        (taken("vr-2", "900002", url, ""), Happened::Delivered),
        (taken("vr-3", "900003", "", "7"), Happened::Delivered),
        (taken("vr-1", "900002", url, ""), Happened::Clicked),
        (taken("vr-4", "900002", url, ""), Happened::Gone),
        (taken("lost-1", "900002", url, ""), Happened::Delivered),
        (taken("mute-1", "900002", url, ""), Happened::Delivered),
        (taken("vr-5", "900004", "", ""), Happened::Delivered),
    ];
    let calls = counter.receipts(&happened, 1_795_313_700_123);
    let bodies: Vec<(&str, Value)> = calls
        .iter()
        .map(|call| (&*call.url, serde_json::from_slice(&call.body).unwrap()))
        .collect();
    let entry = |targets: &str| json!({"param": "n-1001", "targets": targets, "ackTime": 1_795_313_700_123_i64, "ackType": "0"});
    assert_eq!(
        bodies,
        [
            ("", json!({"900003": entry("vr-3")})),
            (url, json!({"900002": entry("vr-1,vr-2")})),
        ]
    );
    assert_eq!(counter.receipts(&happened[3..], 0), []);
}

proptest! {
    #[test]
    fn no_request_is_too_strange(
        path in 0..4_usize, body: Vec<u8>, at in 0..200_usize, byte: char, time: i64,
    ) {
        let counter = counter();
        let access = access(&counter);
        let paths = [
            "/message/auth", "/message/send", "/message/saveListPayload", "/message/pushToList",
        ];
        let mut raw = received(paths[path], &access, &json!({}));
        raw.body = body;
        counter.answer(&raw);
        let mut text = message("vr-1").to_string();
        let at = at.min(text.len() - 1);
        text.replace_range(at..=at, &byte.to_string());
        raw.body = text.into_bytes();
        counter.answer(&raw);
        raw.now_ms = time;
        raw.body = auth_body().to_string().into_bytes();
        counter.answer(&raw);
    }
}
