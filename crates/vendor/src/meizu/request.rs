//! A push as Meizu takes it: the form of `varnished/pushByPushId`.

use form_urlencoded::Serializer;
use serde_json::{Value, json};

use super::Credentials;
use super::auth::sign;
use crate::contract::{Call, Failure, Post, Said, To};
use crate::credentials::{address, receipts_url};
use crate::custom::Custom;
use crate::digest::notify_id;
use crate::text::{cut, joined};

/// The longest title, in characters.
const TITLE_LEN_MAX: usize = 32;
/// The longest text, in characters.
const TEXT_LEN_MAX: usize = 100;
/// The longest address of receipts, in bytes.
const CALLBACK_LEN_MAX: usize = 128;
/// The longest life, in hours.
const VALID_H_MAX: u32 = 72;
/// The path of the call.
const PATH: &str = "/garcia/api/server/push/varnished/pushByPushId";

/// The call for these targets.
pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let tokens = joined(targets)?;
    let message = message(post)?.to_string();
    let fields = [
        ("appId", credentials.app_id.as_str()),
        ("pushIds", &tokens),
        ("messageJson", &message),
    ];
    let sign = sign(&fields, &credentials.app_secret);
    let mut form = Serializer::new(String::new());
    form.extend_pairs(fields).append_pair("sign", &sign);
    let url = address(&credentials.base_url, PATH);
    let form_type = "application/x-www-form-urlencoded;charset=UTF-8";
    Ok(Call::of(url, form.finish().into_bytes()).with("content-type", form_type))
}

fn message(post: &Post<'_>) -> Result<Value, Failure> {
    if post.title.is_empty() || post.text.is_empty() {
        let text = "Meizu takes no notification without a title and a text";
        return Err(Failure::Rejected(Said::new(0, text)));
    }
    let receipts_url = receipts_url(post.receipts_url, CALLBACK_LEN_MAX)?;
    let mut notice = json!({
        "noticeBarType": 0,
        "title": cut(post.title, TITLE_LEN_MAX),
        "content": cut(post.text, TEXT_LEN_MAX),
    });
    let android = post.notification.android.as_deref();
    if let Some(is_private) = android.and_then(|android| android.meizu_private) {
        notice["noticeMsgType"] = json!(u8::from(is_private));
    }
    let mut message = json!({
        "noticeBarInfo": notice,
        "clickTypeInfo": {"clickType": 0, "parameters": Custom::of(post)},
        "pushTimeInfo": {"offLine": 1, "validTime": valid_h(post.left_s)},
        "advanceInfo": {
            "clearNoticeBar": 1,
            "notificationType": {"vibrate": 1, "lights": 1, "sound": 1},
            // Of messages with the same one, the newest is shown. 8 characters, which is the most.
            "notifyKey": format!("{:08x}", notify_id(post.app, post.task)),
        },
    });
    if !receipts_url.is_empty() {
        message["extra"] = json!({
            "callback": receipts_url,
            "callback.param": post.mark,
            "callback.type": "3",
        });
    }
    Ok(message)
}

/// Whole hours, at least one. To the nearest: down would take an hour from nearly every push, since some seconds of it
/// have always passed, and up would show some an hour too late.
fn valid_h(left_s: u32) -> u32 {
    (left_s.saturating_add(1800) / 3600).clamp(1, VALID_H_MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pushtally_model::{AndroidContent, AppId, Notification, Secret, TaskId};

    use super::*;
    use crate::given::{addressed, post};

    fn of(title: &str, text: &str) -> Notification {
        Notification {
            title: title.to_owned(),
            desc: text.to_owned(),
            ..Notification::default()
        }
    }

    fn call_of(post: &Post<'_>, tokens: &[&str]) -> Result<Call, Failure> {
        let credentials = Credentials {
            app_id: "1001".to_owned(),
            app_secret: Secret::new("s3cr3t"),
            receipt_token: None,
            base_url: "https://api.example.com/".to_owned(),
        };
        addressed(tokens, |targets| call(&credentials, post, targets))
    }

    fn message_of(call: &Call) -> Value {
        let fields: HashMap<String, String> =
            form_urlencoded::parse(&call.body).into_owned().collect();
        serde_json::from_str(&fields["messageJson"]).unwrap()
    }

    #[test]
    fn a_full_notification_is_this_form() {
        let task = TaskId::new("n-1001").unwrap();
        let notification = Notification {
            title: "Parcel".to_owned(),
            desc: "Arrives today".to_owned(),
            ext: "parcel".to_owned(),
            android: Some(Box::new(AndroidContent {
                meizu_private: Some(true),
                ..AndroidContent::default()
            })),
            ..Notification::default()
        };
        let post = Post {
            left_s: 86_398,
            receipts_url: "https://push.example.com/cb/meizu",
            ..post(&task, &notification)
        };
        let call = call_of(&post, &["P1", "P2"]).unwrap();
        assert_eq!(
            call.url,
            "https://api.example.com/garcia/api/server/push/varnished/pushByPushId"
        );
        let form = "application/x-www-form-urlencoded;charset=UTF-8";
        assert_eq!(call.headers, [("content-type", Secret::new(form))]);
        let key = format!("{:08x}", notify_id(AppId(7), &task));
        let message = [
            r#"{"advanceInfo":{"clearNoticeBar":1,"notificationType":{"lights":1,"sound":1,"vibrate":1},"notifyKey":""#,
            &key,
            r#""},"clickTypeInfo":{"clickType":0,"parameters":{"ext":"parcel","id":"n-1001","mark":"m-1"}},"#,
            r#""extra":{"callback":"https://push.example.com/cb/meizu","callback.param":"m-1","callback.type":"3"},"#,
            r#""noticeBarInfo":{"content":"Arrives today","noticeBarType":0,"noticeMsgType":1,"title":"Parcel"},"#,
            r#""pushTimeInfo":{"offLine":1,"validTime":24}}"#,
        ]
        .concat();
        let sign = sign(
            &[
                ("appId", "1001"),
                ("messageJson", &message),
                ("pushIds", "P1,P2"),
            ],
            &Secret::new("s3cr3t"),
        );
        let fields: Vec<(String, String)> =
            form_urlencoded::parse(&call.body).into_owned().collect();
        let expected = [
            ("appId", "1001"),
            ("pushIds", "P1,P2"),
            ("messageJson", &message),
            ("sign", &sign),
        ];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_is_not_said_is_not_sent() {
        let (task, notification) = (TaskId::new("t").unwrap(), of("Parcel", "Arrives"));
        let message = message_of(&call_of(&post(&task, &notification), &["P1"]).unwrap());
        assert_eq!(message.get("extra"), None);
        assert_eq!(message["noticeBarInfo"].get("noticeMsgType"), None);
        let parameters = json!({"id": "t", "mark": "m-1"});
        assert_eq!(message["clickTypeInfo"]["parameters"], parameters);
    }

    #[test]
    fn texts_and_life_stay_within_the_limits() {
        let task = TaskId::new("t").unwrap();
        let notification = of(&"包".repeat(33), &"裹".repeat(101));
        for (left_s, expected) in [
            (1, 1),
            (3600, 1),
            (5399, 1),
            (5400, 2),
            (86_398, 24),
            (u32::MAX, 72),
        ] {
            let post = Post {
                left_s,
                ..post(&task, &notification)
            };
            let message = message_of(&call_of(&post, &["P1"]).unwrap());
            let len = |name: &str| {
                let text = message["noticeBarInfo"][name].as_str();
                text.map(|text| text.chars().count())
            };
            assert_eq!((len("title"), len("content")), (Some(32), Some(100)));
            assert_eq!(message["pushTimeInfo"]["validTime"], expected, "{left_s}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_not() {
        let (task, notification) = (TaskId::new("t").unwrap(), of("Parcel", "Arrives"));
        for tokens in [&["P1,P2"][..], &["P1", ""]] {
            let failure = call_of(&post(&task, &notification), tokens);
            assert!(matches!(failure, Err(Failure::Targets(_))), "{tokens:?}");
        }
        let long = format!("https://push.example.com/{}", "x".repeat(128));
        let post = Post {
            receipts_url: &long,
            ..post(&task, &notification)
        };
        let failure = call_of(&post, &["P1"]);
        assert!(matches!(failure, Err(Failure::Misconfigured(_))));
        for notification in [of("", "Arrives"), of("Parcel", "")] {
            let failure = call_of(&self::post(&task, &notification), &["P1"]);
            assert!(
                matches!(failure, Err(Failure::Rejected(_))),
                "{notification:?}"
            );
        }
    }
}
