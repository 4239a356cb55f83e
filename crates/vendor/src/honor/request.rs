//! A push as HONOR takes it: JSON with its tokens.

use std::borrow::Cow;

use pushtally_model::{Badge, Importance};
use serde::Serialize;

use super::Credentials;
use crate::contract::{Call, Failure, Post, To};
use crate::credentials::{address, is_path_part, misconfigured};
use crate::custom::Custom;
use crate::digest::notify_id;
use crate::json;
use crate::text::cut;

/// The longest time that a message is kept.
const TTL_S_MAX: u32 = 1_296_000;

/// How long title and text may be, in UTF-16 units.
const TITLE_LEN_MAX: usize = 50;
const TEXT_LEN_MAX: usize = 400;

/// The highest number on the icon.
const BADGE_MAX: u16 = 99;

/// `clickAction.type` that opens the app.
const OPEN_APP: u8 = 3;

/// `style` of a text that is shown whole.
const BIG_TEXT: u8 = 1;

/// HONOR does not say how long a message may be, so that only its answer tells.
pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let app_id = &credentials.app_id;
    if !is_path_part(app_id) {
        return Err(misconfigured("`app_id` is missing or malformed"));
    }
    let body = Body {
        data: json::written(&Custom::of(post)),
        android: Android {
            ttl: format!("{}s", post.left_s.clamp(1, TTL_S_MAX)),
            bi_tag: post.mark,
            target_user_type: 0,
            notification: Shown::of(credentials, post),
        },
        token: targets.iter().map(|to| to.token.expose()).collect(),
    };
    let url = address(
        &credentials.base_url,
        &format!("/api/v1/{app_id}/sendMessage"),
    );
    Ok(Call::json(url, json::written(&body))
        .bearer(post.access)
        .with("timestamp", post.now_ms.to_string()))
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    /// Alone it makes a silent message; beside a notification, as with Huawei, what the app finds when it is clicked.
    data: String,
    android: Android<'a>,
    token: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Android<'a> {
    ttl: String,
    bi_tag: &'a str,
    target_user_type: u8,
    notification: Shown<'a>,
}

/// `android.notification`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    title: Cow<'a, str>,
    body: Cow<'a, str>,
    click_action: ClickAction,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    big_title: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    big_body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    importance: Option<&'static str>,
    notify_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<Number<'a>>,
}

#[derive(Debug, Serialize)]
struct ClickAction {
    r#type: u8,
}

/// The number on the icon.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Number<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    add_num: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_num: Option<u16>,
    badge_class: &'a str,
}

impl<'a> Shown<'a> {
    fn of(credentials: &'a Credentials, post: &Post<'a>) -> Self {
        let content = post.notification.android.as_deref();
        let honor = content.map(|content| &content.honor);
        let is_big = content.is_some_and(|content| content.big_text);
        let title = cut(post.title, TITLE_LEN_MAX);
        let body = cut(post.text, TEXT_LEN_MAX);
        let importance = honor.and_then(|honor| honor.importance);
        Self {
            style: is_big.then_some(BIG_TEXT),
            big_title: is_big.then(|| title.clone()),
            big_body: is_big.then(|| body.clone()),
            title,
            body,
            click_action: ClickAction { r#type: OPEN_APP },
            image: honor.map_or("", |honor| &honor.image),
            importance: importance.map(|importance| match importance {
                Importance::Low => "LOW",
                Importance::Normal => "NORMAL",
            }),
            notify_id: notify_id(post.app, post.task),
            badge: Number::of(&credentials.entry_activity, post.notification.badge),
        }
    }
}

impl<'a> Number<'a> {
    /// It grows by one when nothing is said, as Tencent's does for HONOR. HONOR's sample has the class of the activity.
    fn of(badge_class: &'a str, badge: Option<Badge>) -> Option<Self> {
        let (add_num, set_num) = match badge.unwrap_or(Badge::Add(1)) {
            Badge::Add(by) => (Some(by), None),
            Badge::Set(to) => (None, Some(to.min(BADGE_MAX))),
        };
        (!badge_class.is_empty()).then_some(Self {
            add_num,
            set_num,
            badge_class,
        })
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::{Notification, Secret};
    use serde_json::{Value, json};

    use super::*;
    use crate::given::{addressed, everything, posted};

    fn called(more: Value, notification: &Notification) -> Result<Call, Failure> {
        let mut json = json!({"app_id": "100002", "client_id": "2", "client_secret": "s"});
        let more = more.as_object().unwrap().clone();
        json.as_object_mut().unwrap().extend(more);
        let credentials = serde_json::from_value(json).unwrap();
        posted(notification, |post| {
            addressed(&["HNTOKENAAAA", "HNTOKENBBBB"], |to| {
                call(&credentials, post, to)
            })
        })
    }

    #[test]
    fn a_full_notification_is_these_bytes() {
        let more = json!({"entry_activity": "com.example.acme.MainActivity"});
        let call = called(more, &everything()).unwrap();
        assert_eq!(
            call.url,
            "https://push-api.cloud.honor.com/api/v1/100002/sendMessage"
        );
        assert_eq!(
            call.headers,
            [
                ("content-type", Secret::new("application/json")),
                ("authorization", Secret::new("Bearer access-1")),
                ("timestamp", Secret::new("1795313700123")),
            ]
        );
        assert_eq!(
            String::from_utf8(call.body).unwrap(),
            concat!(
                r#"{"data":"{\"ext\":\"{\\\"order\\\":42}\",\"id\":\"task-1\",\"mark\":\"m-1\"}","#,
                r#""android":{"ttl":"86400s","biTag":"m-1","targetUserType":0,"#,
                r#""notification":{"title":"Parcel","body":"Arrives today","clickAction":{"type":3},"#,
                r#""image":"https://i.example/n.png","style":1,"bigTitle":"Parcel","bigBody":"Arrives today","#,
                r#""importance":"LOW","notifyId":NOTIFY_ID,"#,
                r#""badge":{"setNum":99,"badgeClass":"com.example.acme.MainActivity"}}},"#,
                r#""token":["HNTOKENAAAA","HNTOKENBBBB"]}"#
            )
            .replace(
                "NOTIFY_ID",
                &posted(&everything(), |post| notify_id(post.app, post.task)).to_string()
            )
        );
    }

    #[test]
    fn a_long_plain_notification_is_cut_and_says_no_more_than_it_must() {
        let plain = Notification {
            title: "t".repeat(51),
            desc: "d".repeat(401),
            ..Notification::default()
        };
        let call = called(json!({}), &plain).unwrap();
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        let mut shown = body["android"]["notification"].clone();
        shown.as_object_mut().unwrap().remove("notifyId").unwrap();
        assert_eq!(
            shown,
            json!({"title": format!("{}...", "t".repeat(47)), "body": format!("{}...", "d".repeat(397)),
                "clickAction": {"type": 3}})
        );
        let grows = called(json!({"entry_activity": "a.B"}), &plain).unwrap();
        let body: Value = serde_json::from_slice(&grows.body).unwrap();
        assert_eq!(
            body["android"]["notification"]["badge"],
            json!({"addNum": 1, "badgeClass": "a.B"})
        );
    }

    #[test]
    fn an_id_that_would_make_another_path_is_a_wrong_configuration() {
        for id in ["", "a/b", ".."] {
            let call = called(json!({"app_id": id}), &everything());
            assert!(matches!(call, Err(Failure::Misconfigured(_))), "{id}");
        }
    }
}
