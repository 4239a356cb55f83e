//! A push as Huawei's v3 takes it: an alert in JSON with its tokens.

use pushtally_model::{Badge, HarmonyContent};
use serde::Serialize;

use super::Credentials;
use crate::contract::{Call, Failure, Post, Said, To};
use crate::custom::Custom;
use crate::digest::notify_id;
use crate::huawei::{PAYLOAD_LEN_MAX, TTL_S_MAX, messages_url};
use crate::json;

/// `push-type` of an alert.
const ALERT: &str = "0";

/// `clickAction.actionType` that opens the app.
const OPEN_APP: u8 = 0;

/// The highest number on the icon.
const BADGE_MAX: u16 = 99;

pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let url = messages_url(&credentials.base_url, "v3", &credentials.project_id)?;
    let mut message = Message::of(credentials, post);
    if message.body().len() > PAYLOAD_LEN_MAX {
        let text = format!("longer than {PAYLOAD_LEN_MAX} bytes");
        return Err(Failure::Rejected(Said::new(0, text)));
    }
    message.target.token = targets.iter().map(|to| to.token.expose()).collect();
    Ok(Call::of(url, message.body().into_bytes())
        .with("content-type", "application/json; charset=UTF-8")
        .bearer(post.access)
        .with("push-type", ALERT))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    payload: Payload<'a>,
    target: Target<'a>,
    push_options: Options<'a>,
}

#[derive(Debug, Serialize)]
struct Payload<'a> {
    notification: Shown<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    category: &'a str,
    title: &'a str,
    body: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
    notify_id: u32,
    click_action: ClickAction<'a>,
    badge: Number,
    #[serde(skip_serializing_if = "str::is_empty")]
    sound: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound_duration: Option<u8>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClickAction<'a> {
    action_type: u8,
    data: Custom<'a>,
}

/// The number on the icon.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Number {
    AddNum(u8),
    SetNum(u16),
}

#[derive(Debug, Serialize)]
struct Target<'a> {
    token: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options<'a> {
    test_message: bool,
    ttl: u32,
    bi_tag: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    receipt_id: &'a str,
}

impl<'a> Message<'a> {
    fn of(credentials: &'a Credentials, post: &Post<'a>) -> Self {
        Self {
            payload: Payload {
                notification: Shown::of(credentials, post),
            },
            target: Target { token: Vec::new() },
            push_options: Options {
                test_message: false,
                // v3 says no maximum of its own: that of v1.
                ttl: post.left_s.clamp(1, TTL_S_MAX),
                bi_tag: post.mark,
                receipt_id: &credentials.receipt_id,
            },
        }
    }

    fn body(&self) -> String {
        json::written(self)
    }
}

impl<'a> Shown<'a> {
    fn of(credentials: &'a Credentials, post: &Post<'a>) -> Self {
        let content = post.notification.harmony.as_deref();
        let said = |text: fn(&HarmonyContent) -> &str, otherwise: &'a str| {
            let said = content.map(text).filter(|said| !said.is_empty());
            said.unwrap_or(otherwise)
        };
        let sound = said(|content| &content.sound, "");
        Self {
            category: said(|content| &content.category, &credentials.category),
            title: said(|content| &content.title, post.title),
            body: post.text,
            image: said(|content| &content.image, ""),
            notify_id: notify_id(post.app, post.task),
            click_action: ClickAction {
                action_type: OPEN_APP,
                data: Custom::of(post),
            },
            badge: Number::of(post.notification.badge),
            sound,
            // It is the sound's, and refused without one.
            sound_duration: content
                .filter(|_| !sound.is_empty())
                .and_then(|content| content.sound_s),
        }
    }
}

impl Number {
    /// It grows by one when nothing is said, as Tencent's does for HarmonyOS.
    fn of(badge: Option<Badge>) -> Self {
        match badge.unwrap_or(Badge::Add(1)) {
            Badge::Add(by) => Self::AddNum(by),
            Badge::Set(to) => Self::SetNum(to.min(BADGE_MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::{Notification, Secret};
    use serde_json::{Value, json};

    use super::*;
    use crate::given::{addressed, everything, posted};

    fn credentials() -> Credentials {
        let json = json!({
            "project_id": "p1", "key_id": "k1", "private_key": "k", "sub_account": "a1",
            "receipt_id": "RCP0001", "category": "WORK",
        });
        serde_json::from_value(json).unwrap()
    }

    fn called(notification: &Notification) -> Result<Call, Failure> {
        posted(notification, |post| {
            addressed(&["HWTOKENAAAA"], |to| call(&credentials(), post, to))
        })
    }

    #[test]
    fn a_full_notification_is_these_bytes() {
        let call = called(&everything()).unwrap();
        assert_eq!(
            call.url,
            "https://push-api.cloud.huawei.com/v3/p1/messages:send"
        );
        assert_eq!(
            call.headers,
            [
                (
                    "content-type",
                    Secret::new("application/json; charset=UTF-8")
                ),
                ("authorization", Secret::new("Bearer access-1")),
                ("push-type", Secret::new("0")),
            ]
        );
        assert_eq!(
            String::from_utf8(call.body).unwrap(),
            concat!(
                r#"{"payload":{"notification":{"category":"EXPRESS","title":"Parcel for you","body":"Arrives today","#,
                r#""image":"https://i.example/o.png","notifyId":NOTIFY_ID,"#,
                r#""clickAction":{"actionType":0,"data":{"ext":"{\"order\":42}","id":"task-1","mark":"m-1"}},"#,
                r#""badge":{"setNum":99},"sound":"ding.mp3","soundDuration":7}},"#,
                r#""target":{"token":["HWTOKENAAAA"]},"#,
                r#""pushOptions":{"testMessage":false,"ttl":86400,"biTag":"m-1","receiptId":"RCP0001"}}"#
            )
            .replace(
                "NOTIFY_ID",
                &posted(&everything(), |post| notify_id(post.app, post.task)).to_string()
            )
        );
    }

    #[test]
    fn a_plain_notification_gets_what_the_configuration_says() {
        let plain = Notification {
            title: "t".to_owned(),
            desc: "d".to_owned(),
            harmony: Some(Box::new(HarmonyContent {
                // Without a sound it has no length.
                sound_s: Some(3),
                ..HarmonyContent::default()
            })),
            ..Notification::default()
        };
        let body: Value = serde_json::from_slice(&called(&plain).unwrap().body).unwrap();
        let mut shown = body["payload"]["notification"].clone();
        shown.as_object_mut().unwrap().remove("notifyId").unwrap();
        assert_eq!(
            shown,
            json!({"category": "WORK", "title": "t", "body": "d", "badge": {"addNum": 1},
                "clickAction": {"actionType": 0, "data": {"id": "task-1", "mark": "m-1"}}})
        );
    }

    #[test]
    fn what_is_too_long_is_refused_and_never_cut() {
        let mut notification = everything();
        notification.desc = "d".repeat(3000);
        let body: Value = serde_json::from_slice(&called(&notification).unwrap().body).unwrap();
        assert_eq!(
            body["payload"]["notification"]["body"],
            notification.desc.as_str()
        );
        notification.desc = "d".repeat(4000);
        assert_eq!(
            called(&notification),
            Err(Failure::Rejected(Said::new(0, "longer than 4096 bytes")))
        );
    }
}
