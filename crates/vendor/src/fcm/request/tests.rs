//! Calls to FCM, byte by byte.

use pushtally_model::{AndroidContent, Notification, Secret, TaskId};

use super::super::credentials::tests::sample;
use super::*;
use crate::given;

const ID: &str = "97bd1793-f3fd-8cf8-a28f-b3e4a697b8e1";

fn called(notification: &Notification, package: &str, left_s: u32) -> Result<Call, Failure> {
    let task = TaskId::new("t-1001").unwrap();
    let token = Secret::new("fcmTok:APA91bEXAMPLE");
    let post = Post {
        mark: "m1",
        left_s,
        access: "ya29.x",
        ..given::post(&task, notification)
    };
    let mut credentials = sample();
    credentials.package = package.to_owned();
    call(&credentials, &post, &[given::to(9, &token)])
}

fn body(notification: &Notification, package: &str, left_s: u32) -> String {
    String::from_utf8(called(notification, package, left_s).unwrap().body).unwrap()
}

fn notification(google: GoogleContent) -> Notification {
    Notification {
        title: "Parcel".to_owned(),
        desc: "Arrives \"today\"".to_owned(),
        ext: r#"{"a":1}"#.to_owned(),
        android: Some(Box::new(AndroidContent {
            sound: "ring".to_owned(),
            google,
            ..AndroidContent::default()
        })),
        ..Notification::default()
    }
}

#[test]
fn a_full_notification_byte_by_byte() {
    let notification = notification(GoogleContent {
        image: "https://example.com/i.png".to_owned(),
        is_high_priority: Some(true),
        channel: "orders".to_owned(),
    });
    let call = called(&notification, "com.example.acme", 3600).unwrap();
    assert_eq!(
        call.url,
        "https://fcm.googleapis.com/v1/projects/acme-1/messages:send"
    );
    let headers = call.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (*name, value.expose()))
        .collect();
    assert_eq!(
        headers,
        [
            ("content-type", "application/json"),
            ("authorization", "Bearer ya29.x"),
        ]
    );
    let expected = [
        r#"{"message":{"token":"fcmTok:APA91bEXAMPLE","notification":{"title":"Parcel","body":"Arrives \"today\""},"#,
        r#""data":{"ext":"{\"a\":1}","id":"t-1001","mark":"m1"},"#,
        r#""android":{"priority":"HIGH","ttl":"3600s","collapse_key":"ID","restricted_package_name":"com.example.acme","#,
        r#""notification":{"channel_id":"orders","tag":"ID","sound":"ring","image":"https://example.com/i.png"}}}}"#,
    ];
    let expected = expected.concat().replace("ID", ID);
    assert_eq!(String::from_utf8(call.body).unwrap(), expected);
}

#[test]
fn what_is_not_said_is_not_sent() {
    let bare = Notification {
        title: "Parcel".to_owned(),
        ..Notification::default()
    };
    let expected = [
        r#"{"message":{"token":"fcmTok:APA91bEXAMPLE","notification":{"title":"Parcel"},"#,
        r#""data":{"id":"t-1001","mark":"m1"},"#,
        r#""android":{"ttl":"1s","collapse_key":"ID","notification":{"tag":"ID"}}}}"#,
    ];
    assert_eq!(body(&bare, "", 1), expected.concat().replace("ID", ID));
}

#[test]
fn a_life_is_at_most_what_fcm_stores_and_a_low_priority_is_said() {
    let low = notification(GoogleContent {
        is_high_priority: Some(false),
        ..GoogleContent::default()
    });
    let body = body(&low, "", u32::MAX);
    assert!(
        body.contains(r#""priority":"NORMAL","ttl":"2419200s""#),
        "{body}"
    );
}

#[test]
fn a_payload_fits_to_the_byte_or_is_refused() {
    let mut long = notification(GoogleContent::default());
    long.title.clear();
    long.desc.clear();
    long.ext.clear();
    let frame = r#"[{},{"ext":"","id":"t-1001","mark":"m1"}]"#.len();
    long.ext = "x".repeat(4096 - frame);
    assert!(called(&long, "", 1).is_ok());
    long.ext.push('x');
    let text = "the payload has 4097 bytes, at most 4096";
    let expected = Failure::Rejected(Said::new(400, text));
    assert_eq!(called(&long, "", 1), Err(expected));
}
