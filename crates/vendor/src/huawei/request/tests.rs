use pushtally_model::{Notification, Secret};
use serde_json::{Value, json};

use super::*;
use crate::given::{addressed, everything, posted};

fn credentials(json: Value) -> Credentials {
    serde_json::from_value(json).unwrap()
}

fn called(credentials: &Credentials, notification: &Notification) -> Result<Call, Failure> {
    posted(notification, |post| {
        addressed(&["HWTOKENAAAA", "HWTOKENBBBB"], |to| {
            call(credentials, post, to)
        })
    })
}

fn body(credentials: &Credentials, notification: &Notification) -> Value {
    serde_json::from_slice(&called(credentials, notification).unwrap().body).unwrap()
}

#[test]
fn a_full_notification_is_these_bytes() {
    let credentials = credentials(json!({
        "client_id": "100001", "client_secret": "s", "entry_activity": "com.example.acme.Main",
        "receipt_id": "RCP0001", "base_url": "http://127.0.0.1:1/",
    }));
    let call = called(&credentials, &everything()).unwrap();
    assert_eq!(call.url, "http://127.0.0.1:1/v1/100001/messages:send");
    assert_eq!(
        call.headers,
        [
            (
                "content-type",
                Secret::new("application/json; charset=UTF-8")
            ),
            ("authorization", Secret::new("Bearer access-1")),
        ]
    );
    assert_eq!(
        String::from_utf8(call.body).unwrap(),
        concat!(
            r#"{"validate_only":false,"message":{"#,
            r#""data":"{\"ext\":\"{\\\"order\\\":42}\",\"id\":\"task-1\",\"mark\":\"m-1\"}","#,
            r#""android":{"category":"EXPRESS","ttl":"86400s","bi_tag":"m-1","receipt_id":"RCP0001","#,
            r#""notification":{"title":"Parcel","body":"Arrives today","image":"https://i.example/h.png","#,
            r#""style":1,"big_title":"Parcel","big_body":"Arrives today","default_sound":false,"sound":"/raw/ding","#,
            r#""click_action":{"type":3},"channel_id":"orders","importance":"NORMAL","notify_id":NOTIFY_ID,"#,
            r#""badge":{"set_num":99,"class":"com.example.acme.Main"}}},"#,
            r#""token":["HWTOKENAAAA","HWTOKENBBBB"]}}"#
        )
        .replace(
            "NOTIFY_ID",
            &posted(&everything(), |post| notify_id(post.app, post.task)).to_string()
        )
    );
}

#[test]
fn a_plain_notification_says_no_more_than_it_must() {
    let credentials = credentials(json!({"project_id": "p1", "client_id": "100001"}));
    let plain = Notification {
        title: "t".to_owned(),
        desc: "d".to_owned(),
        ..Notification::default()
    };
    let call = called(&credentials, &plain).unwrap();
    assert_eq!(
        call.url,
        "https://push-api.cloud.huawei.com/v2/p1/messages:send"
    );
    let mut body = body(&credentials, &plain);
    assert_eq!(body["message"]["data"], r#"{"id":"task-1","mark":"m-1"}"#);
    let shown = body["message"]["android"]["notification"]
        .as_object_mut()
        .unwrap();
    shown.remove("notify_id").unwrap();
    assert_eq!(
        body["message"]["android"],
        json!({"ttl": "86400s", "bi_tag": "m-1", "notification":
            {"title": "t", "body": "d", "click_action": {"type": 3}}})
    );
}

#[test]
fn what_the_notification_does_not_say_the_configuration_says() {
    let credentials = credentials(json!({
        "project_id": "p1", "category": "IM", "channel_id": "chat", "entry_activity": "a.B",
    }));
    let mut notification = everything();
    notification.android = None;
    notification.badge = None;
    let body = body(&credentials, &notification);
    let android = &body["message"]["android"];
    assert_eq!(android["category"], "IM");
    assert_eq!(android["notification"]["channel_id"], "chat");
    assert_eq!(
        android["notification"]["badge"],
        json!({"add_num": 1, "class": "a.B"})
    );
}

#[test]
fn ext_goes_into_the_intent_when_asked_and_the_activity_is_known() {
    let mut notification = everything();
    notification.ext = "a b;=+é".to_owned();
    notification.android.as_mut().unwrap().huawei.ext_in_intent = true;
    let action = |credentials: Value| {
        let body = body(&super::tests::credentials(credentials), &notification);
        body["message"]["android"]["notification"]["click_action"].clone()
    };
    assert_eq!(
        action(json!({"project_id": "p", "package": "a.b", "entry_activity": "a.b.C"})),
        json!({"type": 1, "intent":
            "#Intent;component=a.b/a.b.C;S.ext=a%20b%3B%3D%2B%C3%A9;S.id=task-1;S.mark=m-1;end"})
    );
    assert_eq!(
        action(json!({"project_id": "p", "package": "a.b"})),
        json!({"type": 3})
    );
}

#[test]
fn texts_and_times_stay_within_the_limits() {
    let credentials = credentials(json!({"project_id": "p1"}));
    let mut notification = everything();
    notification.title = "t".repeat(61);
    notification.desc = "d".repeat(601);
    let body = body(&credentials, &notification);
    let shown = &body["message"]["android"]["notification"];
    assert_eq!(shown["title"], format!("{}...", "t".repeat(57)));
    assert_eq!(shown["body"], format!("{}...", "d".repeat(597)));
    for (left_s, ttl) in [(0, "1s"), (5, "5s"), (2_000_000, "1296000s")] {
        let call = posted(&notification, |post| {
            call(&credentials, &Post { left_s, ..*post }, &[]).unwrap()
        });
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body["message"]["android"]["ttl"], ttl);
    }
}

#[test]
fn what_is_too_long_loses_its_big_text_first_and_is_refused_then() {
    let credentials = credentials(json!({"project_id": "p1"}));
    let mut notification = everything();
    notification.desc = "界".repeat(600);
    notification.ext = "e".repeat(100);
    let fits = body(&credentials, &notification);
    assert_eq!(
        fits["message"]["android"]["notification"]["style"],
        Value::Null
    );
    notification.ext = "e".repeat(4000);
    assert_eq!(
        called(&credentials, &notification),
        Err(Failure::Rejected(Said::new(0, "longer than 4096 bytes")))
    );
    // Tokens do not count.
    notification.ext.clear();
    let tokens: Vec<String> = (0..1000).map(|n| format!("HWTOKEN{n:0100}")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let call = posted(&notification, |post| {
        addressed(&tokens, |to| call(&credentials, post, to))
    });
    assert!(call.unwrap().body.len() > 100_000);
}

#[test]
fn an_id_that_would_make_another_path_is_a_wrong_configuration() {
    for id in ["", "a/b", "a?b", "..", "1 2"] {
        let credentials = credentials(json!({"client_id": id}));
        let call = called(&credentials, &everything());
        assert!(matches!(call, Err(Failure::Misconfigured(_))), "{id}");
    }
}
