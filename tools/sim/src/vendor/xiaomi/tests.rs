//! Xiaomi's counter by its contract.

use http::HeaderMap;
use proptest::prelude::*;

use super::*;

fn counter() -> XiaomiCounter {
    XiaomiCounter::new(XiaomiApp {
        app_secret: "EXAMPLESECRET0000".to_owned(),
        package: "com.example.acme".to_owned(),
        channels: vec!["100123".to_owned()],
    })
}

fn received(body: &str) -> Received {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", "key=EXAMPLESECRET0000"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    Received {
        method: "POST".to_owned(),
        path: "/v2/message/regid".to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
        http: 1,
        now_ms: 1_795_313_600_000,
    }
}

/// The reference's sample, with fields changed or, by `None`, left out.
fn form(changes: &[(&str, Option<&str>)]) -> String {
    let sample = [
        ("registration_id", "rA+1,rB+2"),
        ("restricted_package_name", "com.example.acme"),
        ("pass_through", "0"),
        ("title", "Parcel"),
        ("description", "Arrives today"),
        ("payload", r#"{"mid":"n-1001"}"#),
        ("time_to_live", "86400000"),
        ("notify_id", "42"),
        ("extra.channel_id", "100123"),
        ("extra.callback", "https://push.example.com/cb/xiaomi"),
        ("extra.callback.param", "n-1001"),
        ("extra.callback.type", "19"),
    ];
    let changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in sample.iter().filter(|(name, _)| !changed(name)) {
        form.append_pair(name, value);
    }
    for (name, value) in changes {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    form.finish()
}

fn to(counter: &XiaomiCounter, tokens: &str) -> (u16, Value, Vec<String>) {
    let body = form(&[("registration_id", Some(tokens))]);
    let (answered, taken) = counter.answer(&received(&body));
    let body = serde_json::from_slice(&answered.body).unwrap_or_default();
    let taken = taken.into_iter().map(|taken| taken.token).collect();
    (answered.status, body, taken)
}

fn code_of(received: &Received) -> Value {
    let (answered, taken) = counter().answer(received);
    let body: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!(answered.status, 200);
    assert_eq!(taken.is_empty(), body["code"] != 0, "{body}");
    body["code"].clone()
}

#[test]
fn the_sample_is_taken_for_both_tokens() {
    let (answered, taken) = counter().answer(&received(&form(&[])));
    let body: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!((answered.status, &body["code"]), (200, &json!(0)));
    assert_eq!(body["data"]["bad_regids"], Value::Null);
    assert_eq!(
        taken[1],
        Taken {
            token: "rB+2".to_owned(),
            title: "Parcel".to_owned(),
            text: "Arrives today".to_owned(),
            collapse: "42".to_owned(),
            mark: "n-1001".to_owned(),
            receipts_url: "https://push.example.com/cb/xiaomi".to_owned(),
            receipt_kinds: "19".to_owned(),
            request_id: body["data"]["id"].as_str().unwrap().to_owned(),
        }
    );
}

#[test]
fn what_is_wrong_has_its_code() {
    let check = |changes: &[(&str, Option<&str>)], code: i64| {
        assert_eq!(code_of(&received(&form(changes))), code, "{changes:?}");
    };
    let many = vec!["r"; 1_001].join(",");
    let title = "t".repeat(50);
    let text = "t".repeat(128);
    let payload = "p".repeat(4_097);
    let param = "p".repeat(65);
    let extra = "e".repeat(1_024);
    check(&[("registration_id", None)], 10_016);
    check(&[("registration_id", Some(&many))], 10_017);
    check(&[("registration_id", Some("a,,b"))], 10_017);
    check(&[("restricted_package_name", None)], 10_016);
    check(&[("restricted_package_name", Some("com.other"))], 22_022);
    check(&[("pass_through", None)], 10_016);
    check(&[("pass_through", Some("2"))], 10_017);
    check(&[("title", None)], 10_016);
    check(&[("title", None), ("pass_through", Some("1"))], 0);
    check(&[("title", Some(&title[..49]))], 0);
    check(&[("title", Some(&title))], 65_009);
    check(&[("description", Some(&text[..127]))], 0);
    check(&[("description", Some(&text))], 65_009);
    check(&[("payload", Some(&payload))], 65_009);
    check(&[("notify_type", Some("-1"))], 0);
    check(&[("notify_type", Some("8"))], 10_017);
    check(&[("notify_id", Some("2147483648"))], 10_017);
    check(&[("time_to_live", Some("0"))], 10_017);
    check(&[("time_to_live", Some("1209600001"))], 10_017);
    check(&[("time_to_send", Some("1795918400001"))], 10_017);
    check(&[("extra.channel_id", Some("1"))], 27_001);
    check(&[("extra.notify_effect", Some("2"))], 10_016);
    check(&[("extra.notify_foreground", Some("yes"))], 10_017);
    check(&[("extra.flow_control", Some("2999"))], 10_017);
    check(&[("extra.jobkey", Some("123456789012345678901"))], 10_017);
    check(&[("extra.callback", Some("push.example.com"))], 65_038);
    check(&[("extra.callback.param", Some(&param))], 65_036);
    check(&[("extra.callback.type", Some("4"))], 10_017);
    check(&[("extra.ext", Some(&extra[..1_021]))], 0);
    check(&[("extra.ext", Some(&extra))], 65_015);
    let names: Vec<_> = (0..11).map(|at| format!("extra.k{at}")).collect();
    let extras: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some("v")))
        .collect();
    check(&extras[..10], 0);
    check(&extras, 65_014);
}

#[test]
fn whose_it_is_is_asked_first() {
    let mut strange = received(&form(&[]));
    let wrong = "key=wrong".parse().unwrap();
    strange.headers.insert("authorization", wrong);
    assert_eq!(code_of(&strange), 21_301);
    strange.headers.remove("authorization");
    assert_eq!(code_of(&strange), 21_301);

    let mut json = received("{}");
    let content_type = "application/json".parse().unwrap();
    json.headers.insert("content-type", content_type);
    assert_eq!(code_of(&json), 10_008);

    for (method, path, status) in [
        ("GET", "/v2/message/regid", 405),
        ("POST", "/v2/message/regids", 404),
    ] {
        let mut other = received(&form(&[]));
        method.clone_into(&mut other.method);
        path.clone_into(&mut other.path);
        assert_eq!(counter().answer(&other).0.status, status);
    }
}

#[test]
fn bad_tokens_are_named_and_the_others_taken() {
    let counter = counter();
    let (_, body, taken) = to(&counter, "r1,gone-1,lost-1,bad-1,mute-1");
    assert_eq!(body["data"]["bad_regids"], "gone-1,bad-1");
    assert_eq!(taken, ["r1", "lost-1", "mute-1"]);
    let (_, body, taken) = to(&counter, "gone-1,bad-1");
    assert_eq!(body["code"], 20_301);
    assert!(taken.is_empty());
}

#[test]
fn haste_and_failure_pass_and_quotas_stay() {
    let counter = counter();
    let (status, body, _) = to(&counter, "r1,rate-1,fail-1");
    assert_eq!((status, body), (500, Value::Null));
    let (_, body, taken) = to(&counter, "r1,rate-1,fail-1");
    assert_eq!((&body["code"], taken.len()), (&json!(10_027), 0));
    let (_, body, taken) = to(&counter, "r1,rate-1,fail-1");
    assert_eq!((&body["code"], taken.len()), (&json!(0), 3));
    for _ in 0..2 {
        let (_, body, taken) = to(&counter, "r1,quota-1");
        assert_eq!((&body["code"], taken.len()), (&json!(200_001), 0));
    }
}

fn taken(token: &str, id: &str, kinds: &str) -> Taken {
    Taken {
        token: token.to_owned(),
        title: String::new(),
        text: String::new(),
        collapse: String::new(),
        mark: "n-1001".to_owned(),
        receipts_url: "https://push.example.com/cb".to_owned(),
        receipt_kinds: kinds.to_owned(),
        request_id: id.to_owned(),
    }
}

fn data(call: &ReceiptCall) -> Value {
    let (name, value) = form_urlencoded::parse(&call.body).next().unwrap();
    assert_eq!(name, "data");
    serde_json::from_str(&value).unwrap()
}

#[test]
fn receipts_are_merged_by_message_and_kind() {
    let happened = [
        (taken("r1", "scm1", "19"), Happened::Delivered),
        (taken("r2", "scm1", "19"), Happened::Delivered),
        (taken("r1", "scm1", "19"), Happened::Clicked),
        (taken("r3", "scm2", "19"), Happened::Gone),
        (taken("lost-1", "scm3", "19"), Happened::Delivered),
        (taken("mute-1", "scm4", "19"), Happened::Delivered),
    ];
    let calls = counter().receipts(&happened, 5);
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].url, "https://push.example.com/cb");
    assert_eq!(
        calls[0].headers,
        [(
            "content-type",
            "application/x-www-form-urlencoded".to_owned()
        )]
    );
    let first = data(&calls[0]);
    let entry = |kind: i64, targets: &str| {
        json!({"param": "n-1001", "type": kind, "targets": targets, "jobkey": "",
            "barStatus": "Enable", "timestamp": 5})
    };
    let gone = |targets: &str| {
        let mut gone = entry(16, targets);
        gone["errorCode"] = json!(1);
        gone
    };
    assert_eq!(
        first,
        json!({"scm1": entry(1, "r1,r2"), "scm2": gone("r3"), "scm3": gone("lost-1")})
    );
    assert_eq!(data(&calls[1]), json!({"scm1": entry(2, "r1")}));
}

#[test]
fn only_what_was_asked_for_is_reported() {
    let counter = counter();
    let count = |kinds: &str, what: Happened| {
        let happened = [(taken("r1", "scm1", kinds), what)];
        counter.receipts(&happened, 0).len()
    };
    assert_eq!(count("3", Happened::Clicked), 1);
    assert_eq!(count("1", Happened::Clicked), 0);
    assert_eq!(count("3", Happened::Gone), 0);
    let mut silent = taken("r1", "scm1", "19");
    silent.receipts_url.clear();
    assert_eq!(counter.receipts(&[(silent, Happened::Delivered)], 0), []);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(registration_id|title|extra\\.|extra\\.callback|time_to_live|notify_id)=[^=&]{0,30}"
                .prop_map(|field| format!("{}&{field}", form(&[])).into_bytes()),
            (0..400_usize).prop_map(|end| form(&[]).into_bytes().into_iter().take(end).collect()),
        ],
        now_ms in any::<i64>(),
    ) {
        let mut received = received("");
        received.body = body;
        received.now_ms = now_ms;
        let counter = counter();
        let (_, taken) = counter.answer(&received);
        let happened: Vec<_> = taken.into_iter().map(|taken| (taken, Happened::Delivered)).collect();
        counter.receipts(&happened, now_ms);
    }
}
