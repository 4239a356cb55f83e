//! Meizu's counter by its contract.

use std::collections::BTreeMap;

use http::HeaderMap;
use proptest::prelude::*;

use super::{form::sign, *};

const CALLBACK: &str = "https://push.example.com/cb/meizu";

fn counter() -> MeizuCounter {
    MeizuCounter::new(MeizuApp {
        app_id: "1001".to_owned(),
        app_secret: "s3cr3t".to_owned(),
        receipt_token: "receipt-token".to_owned(),
        callbacks: vec![CALLBACK.to_owned()],
    })
}

/// The reference's sample.
fn message() -> Value {
    json!({
        "noticeBarInfo": {"noticeMsgType": 1, "noticeBarType": 0, "title": "Parcel", "content": "Arrives today"},
        "clickTypeInfo": {"clickType": 0, "parameters": {"mid": "n-1001"}},
        "pushTimeInfo": {"offLine": 1, "validTime": 24},
        "advanceInfo": {"clearNoticeBar": 1, "notificationType": {"vibrate": 1, "lights": 1, "sound": 1}, "notifyKey": "order42"},
        "extra": {"callback": CALLBACK, "callback.param": "n-1001", "callback.type": "3"},
    })
}

fn fields(message: &str, push_ids: &str) -> BTreeMap<String, String> {
    let fields = [
        ("appId", "1001"),
        ("pushIds", push_ids),
        ("messageJson", message),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn received(mut fields: BTreeMap<String, String>) -> Received {
    let signed = sign(&fields, "s3cr3t");
    fields.entry("sign".to_owned()).or_insert(signed);
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&fields)
        .finish();
    let mut headers = HeaderMap::new();
    let content_type = "application/x-www-form-urlencoded;charset=UTF-8";
    headers.insert("content-type", content_type.parse().unwrap());
    Received {
        method: "POST".to_owned(),
        path: "/garcia/api/server/push/varnished/pushByPushId".to_owned(),
        headers,
        body: form.into_bytes(),
        http: 1,
        now_ms: 1_795_313_600_000,
    }
}

fn code_of(received: &Received) -> String {
    let (answered, taken) = counter().answer(received);
    let body: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!(answered.status, 200);
    assert_eq!(taken.is_empty(), body["code"] != "200", "{body}");
    body["code"].as_str().unwrap().to_owned()
}

fn to(counter: &MeizuCounter, push_ids: &str) -> (Value, Value, Vec<String>) {
    let fields = fields(&message().to_string(), push_ids);
    let (answered, taken) = counter.answer(&received(fields));
    let body: Value = serde_json::from_slice(&answered.body).unwrap();
    let taken = taken.into_iter().map(|taken| taken.token).collect();
    (body["code"].clone(), body["value"].clone(), taken)
}

#[test]
fn the_sign_is_the_one_of_the_reference() {
    let fields = fields(r#"{"a":1}"#, "P1,P2");
    assert_eq!(sign(&fields, "s3cr3t"), "7a00f05de254153b932aa8139cdb5142");
}

#[test]
fn the_sample_is_taken_for_both_tokens() {
    let fields = fields(&message().to_string(), "P1,P2");
    let (answered, taken) = counter().answer(&received(fields));
    let body: Value = serde_json::from_slice(&answered.body).unwrap();
    assert_eq!((&body["code"], &body["value"]), (&json!("200"), &json!({})));
    assert_eq!(
        taken[1],
        Taken {
            token: "P2".to_owned(),
            title: "Parcel".to_owned(),
            text: "Arrives today".to_owned(),
            collapse: "order42".to_owned(),
            mark: "n-1001".to_owned(),
            receipts_url: CALLBACK.to_owned(),
            receipt_kinds: "3".to_owned(),
            request_id: body["msgId"].as_str().unwrap().to_owned(),
        }
    );
}

#[test]
fn what_is_wrong_with_a_message_has_its_code() {
    let check = |at: &str, value: Value, code: &str| {
        let (parent, name) = at.rsplit_once('/').unwrap();
        let mut message = message();
        message.pointer_mut(parent).unwrap()[name] = value;
        let fields = fields(&message.to_string(), "P1");
        assert_eq!(code_of(&received(fields)), code, "{at}");
    };
    let text = "x".repeat(129);
    check("/noticeBarInfo/title", json!(text[..32]), "200");
    check("/noticeBarInfo/title", json!(text[..33]), "1005");
    check("/noticeBarInfo/title", json!(""), "1005");
    check("/noticeBarInfo/title", Value::Null, "1005");
    check("/noticeBarInfo/content", json!(text[..100]), "200");
    check("/noticeBarInfo/content", json!(text[..101]), "1005");
    check("/noticeBarInfo/noticeMsgType", json!(2), "1005");
    check("/clickTypeInfo/clickType", json!(4), "1005");
    check("/clickTypeInfo/parameters", json!("{}"), "1005");
    check("/pushTimeInfo/validTime", json!(72), "200");
    check("/pushTimeInfo/validTime", json!(73), "1005");
    check("/pushTimeInfo/validTime", json!(0), "1005");
    check("/advanceInfo/notifyKey", json!(text[..9]), "1005");
    check("/extra/callback.param", json!(text[..64]), "200");
    check("/extra/callback.param", json!(text[..65]), "1005");
    check("/extra/callback.type", json!("4"), "1005");
    check("/extra/callback", json!(text), "1005");
    check(
        "/extra/callback",
        json!("https://elsewhere.example.com"),
        "1005",
    );
}

#[test]
fn what_is_wrong_with_a_form_has_its_code() {
    let check = |name: &str, value: Option<&str>, code: &str| {
        let mut fields = fields(&message().to_string(), "P1");
        match value {
            Some(value) => fields.insert(name.to_owned(), value.to_owned()),
            None => fields.remove(name),
        };
        assert_eq!(code_of(&received(fields)), code, "{name} {value:?}");
    };
    check("appId", None, "1005");
    check("appId", Some("1002"), "110000");
    check("sign", Some("0"), "1006");
    check("pushIds", None, "1005");
    check("pushIds", Some(""), "110004");
    check("pushIds", Some(&vec!["P"; 100].join(",")), "200");
    check("pushIds", Some(&vec!["P"; 101].join(",")), "110051");
    check("messageJson", None, "1005");
    check("messageJson", Some("{"), "1005");
    check("messageJson", Some("[]"), "1005");

    let good = received(fields(&message().to_string(), "P1"));
    let mut json = good.clone();
    let content_type = "application/json".parse().unwrap();
    json.headers.insert("content-type", content_type);
    assert_eq!(code_of(&json), "1005");
    let mut unvarnished = good.clone();
    unvarnished.path = good.path.replace("/varnished", "/unvarnished");
    assert_eq!(code_of(&unvarnished), "110053");
    for (method, path, status) in [
        ("GET", good.path.as_str(), 405),
        ("POST", "/garcia/api/server/push/varnished", 404),
        ("POST", "/", 404),
    ] {
        let mut other = good.clone();
        method.clone_into(&mut other.method);
        path.clone_into(&mut other.path);
        assert_eq!(counter().answer(&other).0.status, status, "{method} {path}");
    }
}

#[test]
fn refused_tokens_are_grouped_by_reason_and_the_others_taken() {
    let counter = counter();
    let tokens = "P1,gone-1,bad-1,rate-1,quota-1,fail-1,lost-1,mute-1,gone-2";
    let (code, value, taken) = to(&counter, tokens);
    assert_eq!(code, "200");
    assert_eq!(
        value,
        json!({
            "110002": ["gone-1", "gone-2"],
            "110003": ["bad-1"],
            "519": ["rate-1"],
            "110011": ["quota-1"],
            "513": ["fail-1"],
        })
    );
    assert_eq!(taken, ["P1", "lost-1", "mute-1"]);
    let (_, value, taken) = to(&counter, "rate-1,fail-1,quota-1");
    assert_eq!(value, json!({"110011": ["quota-1"]}));
    assert_eq!(taken, ["rate-1", "fail-1"]);
}

#[test]
fn a_token_alone_is_refused_by_the_call() {
    let counter = counter();
    let check = |token: &str, code: &str| {
        let (said, value, taken) = to(&counter, token);
        assert_eq!((said, value), (json!(code), json!({})), "{token}");
        assert_eq!(taken.is_empty(), code != "200", "{token}");
    };
    check("gone-1", "110002");
    check("bad-1", "110003");
    check("quota-1", "110019");
    check("rate-1", "110010");
    check("rate-1", "200");
    check("fail-1", "500");
    check("fail-1", "200");
}

fn taken(token: &str, id: &str, kinds: &str) -> Taken {
    Taken {
        token: token.to_owned(),
        title: String::new(),
        text: String::new(),
        collapse: String::new(),
        mark: "n-1001".to_owned(),
        receipts_url: CALLBACK.to_owned(),
        receipt_kinds: kinds.to_owned(),
        request_id: id.to_owned(),
    }
}

#[test]
fn receipts_are_one_form_by_message_and_type() {
    let happened = [
        (taken("P1", "NS1_0_1", "3"), Happened::Delivered),
        (taken("P2", "NS1_0_1", "3"), Happened::Delivered),
        (taken("P1", "NS1_0_1", "3"), Happened::Clicked),
        (taken("P3", "NS2_0_1", "3"), Happened::Gone),
        (taken("mute-1", "NS2_0_1", "3"), Happened::Delivered),
        (taken("lost-1", "NS2_0_1", "3"), Happened::Delivered),
        (taken("P4", "NS2_0_1", "1"), Happened::Clicked),
    ];
    let calls = counter().receipts(&happened, 5);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].url, CALLBACK);
    let fields: BTreeMap<String, String> = form_urlencoded::parse(&calls[0].body)
        .into_owned()
        .collect();
    assert_eq!(fields["access_token"], "receipt-token");
    let cb: Value = serde_json::from_str(&fields["cb"]).unwrap();
    assert_eq!(
        cb,
        json!({
            "NS1_0_1-1": {"param": "n-1001", "type": 1, "targets": ["P1", "P2"]},
            "NS1_0_1-2": {"param": "n-1001", "type": 2, "targets": ["P1"]},
        })
    );
}

#[test]
fn nothing_is_reported_where_nothing_was_asked_for() {
    let mut silent = taken("P1", "NS1_0_1", "3");
    silent.receipts_url.clear();
    let happened = [(silent, Happened::Delivered)];
    assert_eq!(counter().receipts(&happened, 0), []);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (0..700_usize).prop_map(|end| {
                let whole = received(fields(&message().to_string(), "P1,rate-1"));
                whole.body.into_iter().take(end).collect()
            }),
            "(\\{\"(noticeBarInfo|extra|pushTimeInfo)\":(null|1|\\[\\]|\\{\"title\":1\\}|\"x\")\\}|[\\[\\]{},\":0-9a-z]{0,40})"
                .prop_map(|message| received(fields(&message, "P1")).body),
        ],
    ) {
        let mut received = received(fields("{}", "P1"));
        received.body = body;
        let counter = counter();
        let (_, taken) = counter.answer(&received);
        let happened: Vec<_> = taken.into_iter().map(|taken| (taken, Happened::Delivered)).collect();
        counter.receipts(&happened, received.now_ms);
    }
}
